/** "Test a lead": somebody under the rules in force and under the draft, rule by rule. */
import type { FC } from "hono/jsx";
import type { Frame, RuleLine, Standing, Trial } from "../data";
import { leadName, number, plural, points } from "../format";
import { link, Notice, Scroll } from "../layout";
import { Reasons, STANDING } from "../waterfall";

/** What was asked for, to ask again. */
export interface Tried {
  who: string;
  story: string;
}

export interface Hottest {
  id: string;
  name: string;
  score: number;
}

const STORY_EXAMPLE = "3d ago: page /pricing\npage /pricing\nForm Submitted form=demo\ntrait title=Head of sales";

/** Whom to test. A part of the editor's form, so that the draft goes along. */
export const TrialPanel: FC<{ tried: Tried; hottest: readonly Hottest[] }> = ({ tried, hottest }) => (
  <section class="card trial-panel" aria-labelledby="trial-heading">
    <h2 id="trial-heading">Test the draft</h2>
    <div class="fields">
      <label for="who">A lead</label>
      <input
        id="who"
        name="who"
        value={tried.who}
        list="hottest"
        autocomplete="off"
        placeholder="e-mail or id"
        aria-describedby="who-help"
      />
      <datalist id="hottest">
        {hottest.map(({ id, name, score }) => (
          <option value={id}>
            {name} ({score})
          </option>
        ))}
      </datalist>
      <p class="muted small" id="who-help">
        {hottest.length === 0
          ? "No lead has come yet; make one up below."
          : "The list has the hottest; any address or id will do."}
      </p>
      <button type="submit" name="action" value="try-lead">
        Test this lead
      </button>
      <label for="story">Or a made-up visitor</label>
      <textarea
        id="story"
        name="story"
        rows={5}
        spellcheck={false}
        placeholder={STORY_EXAMPLE}
        aria-describedby="story-help"
      >
        {`\n${tried.story}`}
      </textarea>
      <p class="muted small" id="story-help">
        A line for each event: <code>page /pricing</code>, <code>Form Submitted form=demo</code>,{" "}
        <code>trait title=Head of sales</code>. With <code>3d ago:</code> before it, it happened then.
      </p>
      <button type="submit" name="action" value="try-story">
        Test this visitor
      </button>
    </div>
  </section>
);

export const TrialResult: FC<{ frame: Frame; trial: Trial }> = ({ frame, trial: { lead, before, after } }) => (
  <section class="card" aria-labelledby="trial">
    <h2 id="trial" tabindex={-1} autofocus>
      {lead ? (
        <a href={link(frame, `/leads/${encodeURIComponent(lead.id)}`)}>{leadName(lead)}</a>
      ) : (
        "The made-up visitor"
      )}
      : {number(before.exact)} → {number(after.exact)}
    </h2>
    <p>
      {levelChanges(before, after)} <span class="muted">Nothing was written.</span>
    </p>
    <Lines before={before} after={after} />
  </section>
);

function levelChanges(before: Standing, after: Standing): string {
  const changes = Object.keys({ ...before.levels, ...after.levels }).map((ladder) => {
    const [from = "none", to = "none"] = [before.levels[ladder], after.levels[ladder]];
    return from === to ? `${ladder} stays ${to}` : `${ladder} ${from} → ${to}`;
  });
  const out = after.disqualified === null ? "" : `; disqualified: ${after.disqualified}`;
  return `${changes.join(", ")}${out}.`;
}

interface Compared {
  id: string;
  before: RuleLine | undefined;
  after: RuleLine | undefined;
}

const pointsOf = (line: RuleLine | undefined) => line?.points ?? 0;

/** Every rule of either set: those whose points differ first, then those that give most. */
function compared(before: Standing, after: Standing): Compared[] {
  const ids = [...new Set([...after.lines, ...before.lines].map(({ id }) => id))];
  const of = ({ lines }: Standing, id: string) => lines.find((line) => line.id === id);
  const change = (one: Compared) => Math.abs(pointsOf(one.after) - pointsOf(one.before));
  return ids
    .map((id) => ({ id, before: of(before, id), after: of(after, id) }))
    .sort((a, b) => change(b) - change(a) || Math.abs(pointsOf(b.after)) - Math.abs(pointsOf(a.after)));
}

const counts = ({ before, after }: Compared) => [before, after].some((line) => line?.state === "counting");

const Lines: FC<{ before: Standing; after: Standing }> = ({ before, after }) => {
  const all = compared(before, after);
  const idle = all.filter((one) => !counts(one));
  const clamps = [...new Set([...before.clamps, ...after.clamps].map(({ dimension }) => dimension))];
  const clampOf = ({ clamps }: Standing, name: string) =>
    clamps.find(({ dimension }) => dimension === name)?.points ?? 0;
  return (
    <>
      <Scroll label="What each rule gives">
        <table class="plain-table stacks trial-table">
          <caption class="unseen">What each rule gives under the rules in force and under the draft</caption>
          <thead>
            <tr>
              <th scope="col">Rule</th>
              <th scope="col" class="amount">
                In force
              </th>
              <th scope="col" class="amount">
                Draft
              </th>
              <th scope="col">Why</th>
            </tr>
          </thead>
          <tbody>
            {all.filter(counts).map((one) => (
              <LineRow line={one} />
            ))}
            {clamps.map((name) => (
              <tr>
                <th scope="row">{name} is capped</th>
                <Amounts before={clampOf(before, name)} after={clampOf(after, name)} />
                <td class="muted">held within its ends</td>
              </tr>
            ))}
            {all.every((one) => !counts(one)) && (
              <tr>
                <td colspan={4} class="muted">
                  No rule counts, in either.
                </td>
              </tr>
            )}
          </tbody>
        </table>
      </Scroll>
      {idle.length > 0 && (
        <details class="idle">
          <summary>{plural(idle.length, "rule does", "rules do")} not count, and why</summary>
          <Scroll label="Rules that do not count">
            <table class="plain-table stacks trial-table">
              <caption class="unseen">Rules that do not count</caption>
              <tbody>
                {idle.map((one) => (
                  <LineRow line={one} />
                ))}
              </tbody>
            </table>
          </Scroll>
        </details>
      )}
    </>
  );
};

const LineRow: FC<{ line: Compared }> = ({ line: { id, before, after } }) => {
  const shown = after ?? before;
  return (
    <tr>
      <th scope="row">
        <span class="rule-id">{id}</span>
        {!after && <span class="under">not in the draft</span>}
        {!before && <span class="under">new</span>}
      </th>
      <Amounts before={before ? before.points : null} after={after ? after.points : null} />
      <td>
        {shown && shown.state !== "counting" && <span class="muted">{STANDING[shown.state]} </span>}
        {shown && shown.limited > 0 && <span class="muted">{shown.limited} over its limit </span>}
        {shown && <Reasons because={shown.because} />}
      </td>
    </tr>
  );
};

const Amounts: FC<{ before: number | null; after: number | null }> = ({ before, after }) => {
  const [was, will] = [before ?? 0, after ?? 0];
  return (
    <>
      <td class="amount" data-label="In force">
        {before === null ? "–" : points(before)}
      </td>
      <td class={`amount ${will < was ? "down" : will > was ? "up" : ""}`} data-label="Draft">
        {after === null ? "–" : points(after)}
      </td>
    </>
  );
};

export const TrialFailed: FC<{ detail: string }> = ({ detail }) => (
  <Notice tone="bad" title="Nobody was tested">
    <p>{detail}</p>
  </Notice>
);
