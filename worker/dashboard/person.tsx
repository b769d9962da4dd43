/** What can be done about a person: what sales note, what became of them, a copy of all that is kept, and erasing it. */
import type { FC } from "hono/jsx";
import type { Disqualified, Ended, Frame, Lead } from "./data";
import { leadName, Time } from "./format";
import { link, Token } from "./layout";

const leadLink = (frame: Frame, lead: Lead, action: string) =>
  link(frame, `/leads/${encodeURIComponent(lead.id)}${action}`);

export interface NotesProps {
  frame: Frame;
  lead: Lead;
  statuses: readonly string[];
  feedbacks: readonly string[];
  outcomes: readonly string[];
  ended: Ended | null;
  disqualified: Disqualified;
}

/** Status and feedback: events like any other, by which rules may act. */
export const Notes: FC<NotesProps> = ({ frame, lead, statuses, feedbacks, disqualified }) => (
  <section class="card" aria-labelledby="notes">
    <h2 id="notes">What sales says</h2>
    <form method="post" action={leadLink(frame, lead, "/notes")} class="fields">
      <Token frame={frame} />
      <label for="status">Status</label>
      <Choice name="status" values={statuses} chosen={lead.status} />
      <label for="feedback">Feedback</label>
      <Choice name="feedback" values={["", ...feedbacks]} chosen={lead.feedback ?? ""} />
      {disqualified.byEvent !== null && (
        <label class="tick">
          <input type="checkbox" name="requalify" value="true" />
          <span>Lift the disqualification ({disqualified.byEvent})</span>
        </label>
      )}
      <button type="submit">Save</button>
    </form>
    {disqualified.while.length > 0 && (
      <p class="muted small">
        Disqualified by <Ids ids={disqualified.while} />: that ends by itself once{" "}
        {disqualified.while.length === 1 ? "this rule holds" : "none of these rules holds"} no more.
      </p>
    )}
  </section>
);

const Ids: FC<{ ids: string[] }> = ({ ids }) => (
  <>
    {ids.map((id, i) => (
      <>
        {i > 0 && ", "}
        <code>{id}</code>
      </>
    ))}
  </>
);

/** What became of a lead: each is an event, and reports go by the earliest. */
export const Outcomes: FC<NotesProps> = ({ frame, lead, outcomes, ended }) => (
  <section class="card" aria-labelledby="became">
    <h2 id="became">What became of it</h2>
    {ended && (
      <p>
        Recorded: <b>{ended.outcome}</b>, <Time at={ended.at} now={frame.now} />.
      </p>
    )}
    <form method="post" action={leadLink(frame, lead, "/outcome")} class="fields">
      <Token frame={frame} />
      <label for="outcome">{ended ? "Another outcome" : "Outcome"}</label>
      <select id="outcome" name="outcome" required>
        <option value="">choose</option>
        {outcomes.map((outcome) => (
          <option value={outcome}>{outcome}</option>
        ))}
      </select>
      <label for="value">Value, if you like</label>
      <input id="value" name="value" type="number" min="0" step="any" aria-describedby="value-hint" />
      <p id="value-hint" class="muted small">
        In your own currency. Reports count who was won or converted, by the first outcome of each lead.
      </p>
      <button type="submit">Record</button>
    </form>
  </section>
);

const Choice: FC<{ name: string; values: readonly string[]; chosen: string }> = ({ name, values, chosen }) => (
  <select id={name} name={name}>
    {values.map((value) => (
      <option value={value} selected={value === chosen}>
        {value || "none"}
      </option>
    ))}
  </select>
);

/** Undoes what one browser claimed. */
export const Split: FC<{ frame: Frame; lead: Lead; visitor: string }> = ({ frame, lead, visitor }) => (
  <form method="post" action={leadLink(frame, lead, "/split")}>
    <Token frame={frame} />
    <input type="hidden" name="visitor" value={visitor} />
    <button type="submit" class="small" title="Gives this browser's events a lead of their own">
      Split off<span class="unseen"> the browser {visitor}</span>
    </button>
  </form>
);

/** Their data: a copy for them to have, and the end of it. */
export const TheirData: FC<{ frame: Frame; lead: Lead }> = ({ frame, lead }) => (
  <section class="card" aria-labelledby="data">
    <h2 id="data">Their data</h2>
    <p>
      <a href={`/v1/leads/${encodeURIComponent(lead.id)}/export?site=${frame.site?.id ?? ""}`} download>
        Export everything that is kept of them
      </a>
    </p>
    {frame.mayWrite && (
      <details>
        <summary>Erase them</summary>
        <form method="post" action={leadLink(frame, lead, "/erase")} class="fields">
          <Token frame={frame} />
          <p class="muted">
            All events, names and scores of {leadName(lead)} go, from every table. Whoever returns is a stranger.
          </p>
          {lead.email && (
            <label class="tick">
              <input type="checkbox" name="suppress" value="true" />
              <span>Also turn {lead.email} away from now on</span>
            </label>
          )}
          <label class="tick">
            <input type="checkbox" required />
            <span>This cannot be undone, and I mean it</span>
          </label>
          <button type="submit" class="danger">
            Erase
          </button>
        </form>
      </details>
    )}
  </section>
);
