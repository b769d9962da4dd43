/** What publishing would change, looked at before it is done: of a draft, or of an earlier version that is to come back. */
import type { FC, PropsWithChildren } from "hono/jsx";
import type { Finding, Frame, Preview } from "../data";
import { Token } from "../layout";
import { Diff } from "./diff";
import { RulesFrame } from "./document";
import { PreviewResult } from "./preview";
import { Findings } from "./verdict";

export interface Review {
  /** What is in force, and the text that would take its place. */
  inForce: { version: number; text: string };
  text: string;
  preview: Preview;
}

export interface ReviewProps extends Review {
  frame: Frame;
  tab: "Edit" | "Versions";
  /** What would be published, in words. */
  what: string;
  findings?: Finding[];
  notify?: boolean;
  /** Where the form goes and what it takes along. */
  action: string;
  fields: Record<string, string | number>;
  /** Whether leaving loses something. */
  isDraft?: boolean;
  submit: string;
}

/** `children`: the way back. */
export const ReviewPage: FC<PropsWithChildren<ReviewProps>> = (props) => {
  const { frame, tab, what, inForce, text, preview, findings = [] } = props;
  return (
    <RulesFrame frame={frame} title={props.submit} tab={tab} lead="Nothing is published yet.">
      <section class="card" aria-labelledby="changes">
        <h2 id="changes">What changes</h2>
        <p>
          {what} takes the place of version {inForce.version}, as version {inForce.version + 1}.
        </p>
        <Diff before={inForce.text} after={text} label="What changes" />
      </section>
      <PreviewResult frame={frame} preview={preview} />
      {findings.length > 0 && <Findings findings={findings} place={() => null} />}
      <form
        class="editor-actions editor-bar"
        id="draft"
        method="post"
        action={props.action}
        data-changed={props.isDraft ? "" : undefined}
      >
        <Token frame={frame} />
        {Object.entries(props.fields).map(([name, value]) => (
          <input type="hidden" name={name} value={value} />
        ))}
        {frame.mayWrite && text !== inForce.text && (
          <>
            <button type="submit" name="action" value="publish" class="primary">
              {props.submit}
            </button>
            <label class="tick">
              <input type="checkbox" name="notify" value="true" checked={props.notify} />
              <span>announce to webhooks the levels that change by it</span>
            </label>
          </>
        )}
        {props.children}
      </form>
    </RulesFrame>
  );
};
