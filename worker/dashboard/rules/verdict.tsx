/** What the check says of a draft: what is wrong or odd, each with the way to its place. */
import type { FC } from "hono/jsx";
import type { Finding, Problem } from "../data";
import { plural } from "../format";
import { Notice } from "../layout";
import { isPart, itemsOf } from "./form/json";
import { lineOf, lineOfMistake, linesOf } from "./places";

export type Verdict =
  | { kind: "unreadable"; detail: string }
  | { kind: "invalid"; problems: Problem[] }
  | { kind: "checked"; findings: Finding[] };

export type ViewName = "table" | "json";

/** The draft that is judged, and how it is looked at: a place is a line of its text or a row of its table. */
export interface Judged {
  view: ViewName;
  text: string;
  document: unknown;
}

export const VerdictNotice: FC<{ verdict: Verdict; judged: Judged }> = ({ verdict, judged }) => {
  const place = placesOf(judged);
  switch (verdict.kind) {
    case "unreadable":
      return (
        <Notice tone="bad" title="This is not JSON yet">
          <p>
            <Line line={lineOfMistake(judged.text)} /> {verdict.detail}
          </p>
        </Notice>
      );
    case "invalid":
      return (
        <Notice tone="bad" title={`${plural(verdict.problems.length, "mistake")} to mend; nothing was published`}>
          <ul class="problems">
            {verdict.problems.map(({ pointer, detail }) => (
              <li>
                {place(pointer)} <code>{judged.view === "json" ? pointer : pointer.split("/").slice(3).join("/")}</code>{" "}
                {detail}
              </li>
            ))}
          </ul>
        </Notice>
      );
    case "checked":
      return <Findings findings={verdict.findings} place={place} />;
  }
};

type Place = (pointer: string) => ReturnType<FC>;

/** What is odd about a valid draft. */
export const Findings: FC<{ findings: Finding[]; place: Place }> = ({ findings, place }) =>
  findings.length === 0 ? (
    <Notice tone="good" title="Valid, and nothing looks odd" />
  ) : (
    <Notice
      tone={findings.some(({ severity }) => severity === "warning") ? "warn" : "calm"}
      title={`Valid, with ${plural(findings.length, "thing")} to look at`}
    >
      <ul class="findings">
        {findings.map(({ severity, detail, mend, pointer }) => (
          <li>
            <span class={`flag ${severity === "warning" ? "warn" : ""}`}>{severity}</span>{" "}
            {pointer !== undefined && place(pointer)} {detail} <span class="muted">{mend}</span>
          </li>
        ))}
      </ul>
    </Notice>
  );

function placesOf({ view, text, document }: Judged): Place {
  if (view === "table") return (pointer) => <Row pointer={pointer} document={document} />;
  const lines = linesOf(text);
  return (pointer) => <Line line={lineOf(lines, pointer)} />;
}

/** To a line of the text; the script takes the caret there. */
const Line: FC<{ line: number | null }> = ({ line }) =>
  line === null ? null : (
    <a href="#document" data-line={line}>
      line {line}
    </a>
  );

const SECTIONS = ["rules", "levels", "dimensions", "groups", "counters"];

/** To a rule, or to the part of the page that has what is meant. */
const Row: FC<{ pointer: string; document: unknown }> = ({ pointer, document }) => {
  const [, part = "", name = ""] = pointer.split("/");
  if (part !== "rules" || name === "") {
    // How far one may fall stands with the levels.
    const section = part === "hysteresis" ? "levels" : part;
    return SECTIONS.includes(section) ? <a href={`#${section}-heading`}>{section}</a> : null;
  }
  const rule = itemsOf(isPart(document) ? document.rules : null)[Number(name)];
  const id = isPart(rule) && typeof rule.id === "string" ? rule.id : `rule ${Number(name) + 1}`;
  return <a href={`#rules-${name}`}>{id}</a>;
};
