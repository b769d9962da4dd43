/** Rules as text to edit: checked, tried on the stored leads, and published. Plain form posts; nothing gets lost. */
import type { FC } from "hono/jsx";
import type { Counts, Finding, Frame, Mover, Preview, Problem } from "../data";
import { number, plural, points } from "../format";
import { link, Notice, Scroll, Token } from "../layout";
import { Problems } from "../problem";
import { Diff } from "./diff";
import { RulesFrame } from "./document";

/** What became of the text that was sent. */
export type Outcome =
  | { kind: "unreadable"; detail: string }
  | { kind: "invalid"; problems: Problem[] }
  | { kind: "checked"; findings: Finding[] }
  | { kind: "previewed"; preview: Preview; findings: Finding[] }
  | { kind: "stale"; inForce: { version: number; text: string } };

export interface EditorProps {
  frame: Frame;
  text: string;
  /** The version that the text was begun from: publishing replaces this one and no other. */
  expected: number;
  notify: boolean;
  outcome: Outcome | null;
}

const ROWS = 28;

export const EditorPage: FC<EditorProps> = ({ frame, text, expected, notify, outcome }) => (
  <RulesFrame frame={frame} title="Edit the rules" tab="Edit" lead={`From version ${expected}.`}>
    {outcome && <Result frame={frame} outcome={outcome} text={text} />}
    <form class="card editor" method="post" action={link(frame, "/rules/edit")}>
      <Token frame={frame} />
      <input type="hidden" name="expected" value={expected} />
      <label for="document">The rules as JSON</label>
      <textarea
        id="document"
        name="document"
        rows={ROWS}
        spellcheck={false}
        autocomplete="off"
        autocapitalize="off"
        wrap="off"
        aria-invalid={outcome?.kind === "unreadable" || outcome?.kind === "invalid" ? "true" : undefined}
      >
        {/* The parser drops a line break right after the tag; this one is for it. */ `\n${text}`}
      </textarea>
      <div class="editor-actions">
        <button type="submit" name="action" value="check">
          Check
        </button>
        <button type="submit" name="action" value="preview">
          Preview
        </button>
        {frame.mayWrite ? (
          <>
            <button type="submit" name="action" value="publish" class="primary">
              Publish
            </button>
            <label class="tick">
              <input type="checkbox" name="notify" value="true" checked={notify} />
              <span>announce the levels that change by it</span>
            </label>
          </>
        ) : (
          <span class="muted">Your key may not publish.</span>
        )}
      </div>
    </form>
  </RulesFrame>
);

const Result: FC<{ frame: Frame; outcome: Outcome; text: string }> = ({ frame, outcome, text }) => {
  switch (outcome.kind) {
    case "unreadable":
      return (
        <Notice tone="bad" title="This is not JSON yet">
          <p>{outcome.detail}</p>
        </Notice>
      );
    case "invalid":
      return (
        <Notice tone="bad" title={`${plural(outcome.problems.length, "mistake")} to mend; nothing was published`}>
          <Problems problems={outcome.problems} />
        </Notice>
      );
    case "checked":
      return <Findings findings={outcome.findings} />;
    case "previewed":
      return (
        <>
          <Findings findings={outcome.findings} />
          <PreviewResult frame={frame} preview={outcome.preview} />
        </>
      );
    case "stale":
      return (
        <Notice tone="bad" title={`Version ${outcome.inForce.version} was published in the meantime`}>
          <p>
            Nothing of yours was published, and your text is still below. This is how it differs from version{" "}
            {outcome.inForce.version}; take over what you want to keep. Publishing again replaces that version.
          </p>
          <Diff
            before={outcome.inForce.text}
            after={text}
            label={`From version ${outcome.inForce.version} to your text`}
          />
        </Notice>
      );
  }
};

const Findings: FC<{ findings: Finding[] }> = ({ findings }) =>
  findings.length === 0 ? (
    <Notice tone="good" title="Valid, and nothing looks odd" />
  ) : (
    <Notice
      tone={findings.some(({ severity }) => severity === "warning") ? "warn" : "calm"}
      title={`Valid, with ${plural(findings.length, "thing")} to look at`}
    >
      <ul class="findings">
        {findings.map(({ severity, detail, mend }) => (
          <li>
            <span class={`flag ${severity === "warning" ? "warn" : ""}`}>{severity}</span> {detail}{" "}
            <span class="muted">{mend}</span>
          </li>
        ))}
      </ul>
    </Notice>
  );

/** Movers whose scores do not look the same before and after. */
const visible = ({ movers }: Preview) =>
  movers.filter(({ before, after }) => number(before.score) !== number(after.score));

const PreviewResult: FC<{ frame: Frame; preview: Preview }> = ({ frame, preview }) => (
  <section class="card" aria-labelledby="preview">
    <h2 id="preview">What it would do</h2>
    <p class="muted">Tried on {plural(preview.sampled, "stored lead")}; nothing was written.</p>
    <div class="columns">
      {Object.keys({ ...preview.before, ...preview.after }).map((ladder) => (
        <LevelCounts ladder={ladder} before={preview.before} after={preview.after} />
      ))}
    </div>
    <h3>Who moves furthest</h3>
    {visible(preview).length === 0 ? (
      <p class="muted">Nobody's score changes.</p>
    ) : (
      <Scroll label="Who moves furthest">
        <table class="plain-table stacks">
          <caption class="unseen">Leads whose score changes most</caption>
          <thead>
            <tr>
              <th scope="col">Lead</th>
              <th scope="col" class="amount">
                Before
              </th>
              <th scope="col" class="amount">
                After
              </th>
              <th scope="col">Levels</th>
              <th scope="col">Because of</th>
            </tr>
          </thead>
          <tbody>
            {visible(preview).map((mover) => (
              <MoverRow frame={frame} mover={mover} />
            ))}
          </tbody>
        </table>
      </Scroll>
    )}
  </section>
);

const LevelCounts: FC<{ ladder: string; before: Counts; after: Counts }> = ({ ladder, before, after }) => {
  const [was, will] = [before[ladder] ?? {}, after[ladder] ?? {}];
  return (
    <table class="plain-table counts">
      <caption>{ladder}</caption>
      <thead>
        <tr>
          <th scope="col">Level</th>
          <th scope="col" class="amount">
            Before
          </th>
          <th scope="col" class="amount">
            After
          </th>
          <th scope="col" class="amount">
            Change
          </th>
        </tr>
      </thead>
      <tbody>
        {Object.keys({ ...was, ...will }).map((level) => {
          const change = (will[level] ?? 0) - (was[level] ?? 0);
          return (
            <tr>
              <th scope="row">{level}</th>
              <td class="amount">{was[level] ?? "–"}</td>
              <td class="amount">{will[level] ?? "–"}</td>
              <td class={`amount ${change < 0 ? "down" : change > 0 ? "up" : "muted"}`}>{points(change)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
};

const MoverRow: FC<{ frame: Frame; mover: Mover }> = ({ frame, mover: { id, email, before, after, because } }) => (
  <tr>
    <th scope="row">
      <a href={link(frame, `/leads/${encodeURIComponent(id)}`)}>{email ?? `Anonymous ${id.slice(5, 11)}`}</a>
    </th>
    <td class="amount" data-label="Before">
      {number(before.score)}
    </td>
    <td class={`amount ${after.score < before.score ? "down" : "up"}`} data-label="After">
      {number(after.score)}
    </td>
    <td>
      {Object.keys(after.levels)
        .filter((ladder) => before.levels[ladder] !== after.levels[ladder])
        .map((ladder) => `${before.levels[ladder] ?? "none"} → ${after.levels[ladder]}`)
        .join(", ") || <span class="muted">the same</span>}
    </td>
    <td class="muted">{because.map((one) => `${one.id} ${points(one.after - one.before)}`).join(", ")}</td>
  </tr>
);
