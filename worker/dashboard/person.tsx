/** What can be done about a person: what sales note, a copy of all that is kept, and erasing it. */
import type { FC } from "hono/jsx";
import type { Frame, Lead } from "./data";
import { leadName } from "./format";
import { link, Token } from "./layout";

const leadLink = (frame: Frame, lead: Lead, action: string) =>
  link(frame, `/leads/${encodeURIComponent(lead.id)}${action}`);

export interface NotesProps {
  frame: Frame;
  lead: Lead;
  statuses: readonly string[];
  feedbacks: readonly string[];
}

/** Status and feedback: events like any other, by which rules may act. */
export const Notes: FC<NotesProps> = ({ frame, lead, statuses, feedbacks }) => (
  <section class="card" aria-labelledby="notes">
    <h2 id="notes">What sales says</h2>
    <form method="post" action={leadLink(frame, lead, "/notes")} class="fields">
      <Token frame={frame} />
      <label for="status">Status</label>
      <Choice name="status" values={statuses} chosen={lead.status} />
      <label for="feedback">Feedback</label>
      <Choice name="feedback" values={["", ...feedbacks]} chosen={lead.feedback ?? ""} />
      {lead.disqualified && (
        <label class="tick">
          <input type="checkbox" name="requalify" value="true" />
          <span>Lift the disqualification ({lead.disqualified})</span>
        </label>
      )}
      <button type="submit">Save</button>
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
