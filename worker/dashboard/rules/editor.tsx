/**
 * A draft of the rules, as a table or as JSON: checked, tried on leads, and reviewed before it is published. One form, so
 * the draft goes along with whatever button is pressed, and everything works without script; with it the check runs while
 * one types.
 */
import type { FC } from "hono/jsx";
import type { Frame, Preview, Trial } from "../data";
import { link, Notice, Token } from "../layout";
import { Diff } from "./diff";
import { RulesFrame } from "./document";
import { Lists } from "./form/controls";
import { valuesOf } from "./form/fields";
import { isPart, type Part } from "./form/json";
import { Counters, Levels, Parts } from "./form/parts";
import { type FormPart, RulesTable } from "./form/rules";
import { PreviewResult } from "./preview";
import { type Hottest, TrialFailed, TrialPanel, TrialResult, type Tried } from "./trial";
import { type Judged, type Verdict, VerdictNotice } from "./verdict";

/** What became of the draft that was sent. */
export type Outcome =
  | Verdict
  | { kind: "previewed"; preview: Preview; verdict: Verdict }
  | { kind: "tried"; trial: Trial }
  | { kind: "untried"; detail: string }
  | { kind: "stale"; inForce: { version: number; text: string } };

export interface EditorProps {
  frame: Frame;
  draft: Judged;
  /** The version that the draft was begun from: publishing replaces this one and no other. */
  expected: number;
  notify: boolean;
  /** Whether the draft differs from what is in force. */
  isChanged: boolean;
  outcome: Outcome | null;
  tried: Tried;
  /** Rules of the table whose details stand open. */
  open: readonly number[];
  /** What helps to write: names of events seen on the site, leads to test, sets to begin from. */
  help: { events: readonly string[]; hottest: readonly Hottest[]; presets: readonly string[] };
}

export const EditorPage: FC<EditorProps> = (props) => {
  const { frame, draft, expected, outcome } = props;
  const here = link(frame, "/rules/edit");
  const verdict = verdictOf(outcome);
  const problems = verdict?.kind === "invalid" ? verdict.problems : [];
  const table = draft.view === "table" && isPart(draft.document) ? draft.document : null;
  return (
    <RulesFrame frame={frame} title="Edit the rules" tab="Edit" lead={`From version ${expected}.`}>
      {outcome && <Result {...props} outcome={outcome} />}
      <form
        class="editor"
        id="draft"
        method="post"
        action={here}
        data-lint={link(frame, "/rules/lint")}
        data-changed={props.isChanged ? "" : undefined}
      >
        {/* What Enter in a field does: the first button, and that one does no harm. */}
        <button type="submit" name="action" value="check" hidden>
          Check
        </button>
        <Token frame={frame} />
        <input type="hidden" name="expected" value={expected} />
        <input type="hidden" name="view" value={draft.view} />
        <Switch view={draft.view} presets={props.help.presets} />
        <div class="editor-grid">
          <div class="editor-stack">
            {table ? (
              <TableView
                document={table}
                values={valuesOf(table)}
                problems={problems}
                open={props.open}
                here={here}
                text={draft.text}
                events={props.help.events}
              />
            ) : (
              <JsonView
                draft={draft}
                isWrong={verdict?.kind === "invalid" || verdict?.kind === "unreadable"}
                {...props.help}
              />
            )}
          </div>
          <div class="editor-stack editor-side">
            <section
              id="verdict"
              aria-label="Check"
              aria-live="polite"
              tabindex={-1}
              autofocus={verdict !== null && outcome?.kind !== "previewed"}
            >
              {verdict && <VerdictNotice verdict={verdict} judged={draft} />}
            </section>
            <TrialPanel tried={props.tried} hottest={props.help.hottest} />
          </div>
        </div>
        <Actions {...props} />
      </form>
    </RulesFrame>
  );
};

function verdictOf(outcome: Outcome | null): Verdict | null {
  switch (outcome?.kind) {
    case "unreadable":
    case "invalid":
    case "checked":
      return outcome;
    case "previewed":
      return outcome.verdict;
    default:
      return null;
  }
}

/** One draft, two ways to look at it; and sets to begin from, in its place. */
const Switch: FC<{ view: Judged["view"]; presets: readonly string[] }> = ({ view, presets }) => (
  <div class="editor-switch">
    <fieldset class="tabs" aria-label="View of the draft">
      {(["table", "json"] as const).map((name) => (
        <button type="submit" name="action" value={name} aria-pressed={name === view ? "true" : "false"}>
          {name === "table" ? "Table" : "JSON"}
        </button>
      ))}
    </fieldset>
    <details class="menu presets">
      <summary>Begin from…</summary>
      <div class="menu-sheet">
        <p class="label">Takes the place of the draft; nothing is published by it.</p>
        {presets.map((name) => (
          <button type="submit" name="action" value={`preset ${name}`} class="plain">
            preset {name}
          </button>
        ))}
        <button type="submit" name="action" value="restart" class="plain">
          the rules in force
        </button>
      </div>
    </details>
  </div>
);

const TableView: FC<FormPart & { text: string; events: readonly string[] }> = ({ text, events, ...form }) => (
  <>
    <input type="hidden" name="document" value={text} />
    <Lists
      events={events}
      counters={namesOf(form.document, "counters")}
      dimensions={namesOf(form.document, "dimensions")}
    />
    <RulesTable {...form} />
    <Levels {...form} />
    <div class="columns">
      <Parts {...form} kind="dimensions" />
      <Parts {...form} kind="groups" />
    </div>
    <Counters {...form} />
  </>
);

function namesOf(document: Part, part: string): string[] {
  const all = document[part];
  return isPart(all) ? Object.keys(all) : [];
}

const ROWS = 28;

const JsonView: FC<{ draft: Judged; isWrong: boolean; events: readonly string[] }> = ({ draft, isWrong, events }) => (
  <div class="card">
    <label for="document">The rules as JSON</label>
    <div class="completed">
      <textarea
        id="document"
        name="document"
        rows={ROWS}
        spellcheck={false}
        autocomplete="off"
        autocapitalize="off"
        wrap="off"
        data-complete="/rules.schema.json"
        data-events={JSON.stringify(events)}
        aria-invalid={isWrong ? "true" : undefined}
      >
        {/* The parser drops a line break right after the tag; this one is for it. */ `\n${draft.text}`}
      </textarea>
    </div>
    <p class="muted small" data-complete-help hidden>
      Ctrl-Space offers what can stand at the caret.
    </p>
  </div>
);

const Actions: FC<EditorProps> = ({ frame, notify }) => (
  <div class="editor-actions editor-bar">
    <button type="submit" name="action" value="check">
      Check
    </button>
    <button type="submit" name="action" value="preview">
      Preview
    </button>
    {frame.mayWrite ? (
      <>
        {/* What was ticked where it was about to be published. */}
        {notify && <input type="hidden" name="notify" value="true" />}
        <button type="submit" name="action" value="review" class="primary">
          Publish…
        </button>
      </>
    ) : (
      <span class="muted">Your key may not publish.</span>
    )}
  </div>
);

const Result: FC<EditorProps & { outcome: Outcome }> = ({ frame, outcome, draft }) => {
  switch (outcome.kind) {
    case "previewed":
      return <PreviewResult frame={frame} preview={outcome.preview} isAnswer />;
    case "tried":
      return <TrialResult frame={frame} trial={outcome.trial} />;
    case "untried":
      return <TrialFailed detail={outcome.detail} />;
    case "stale":
      return (
        <Notice tone="bad" title={`Version ${outcome.inForce.version} was published in the meantime`}>
          <p>
            Nothing of yours was published, and your draft is still below. This is how it differs from version{" "}
            {outcome.inForce.version}; take over what you want to keep. Publishing again replaces that version.
          </p>
          <Diff
            before={outcome.inForce.text}
            after={draft.text}
            label={`From version ${outcome.inForce.version} to your draft`}
          />
        </Notice>
      );
    // Said beside the draft.
    default:
      return null;
  }
};
