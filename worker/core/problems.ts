/** What is wrong with a document: all of it at once, each with the place and what would be right. */
import * as z from "zod/mini";

export interface Problem {
  /** JSON pointer in URI fragment form, for instance `#/rules/3/points`. */
  pointer: string;
  detail: string;
}

export class Problems {
  readonly list: Problem[] = [];

  add(pointer: string, detail: string): void {
    if (!this.list.some((known) => known.pointer === pointer && known.detail === detail)) {
      this.list.push({ pointer, detail });
    }
  }
}

/** One step of a JSON pointer in its URI fragment form (RFC 6901 §3 and §6). */
export function escapePointer(name: string): string {
  // JSON may hold broken Unicode, which no URI can.
  return encodeURI(name.toWellFormed().replaceAll("~", "~0").replaceAll("/", "~1"));
}

const ARTICLES: Record<string, string> = {
  string: "a text",
  object: "an object",
  array: "an array",
  int: "a whole number",
};
/** What a bound counts, where it is none of the value itself. */
const COUNTED: Record<string, string> = { string: " characters", array: " items" };

// What schemas find wrong that say nothing about it themselves.
z.config({ localeError: rightWords });

/** What would be right, for an issue. */
function rightWords(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case "invalid_type": {
      const wanted = ARTICLES[issue.expected] ?? `a ${issue.expected}`;
      return issue.input === undefined ? `is missing: ${wanted}` : `must be ${wanted}`;
    }
    case "invalid_value":
      return `must be ${issue.values.length > 1 ? "one of " : ""}${issue.values.join(", ")}`;
    case "too_big":
      return `must ${bound(issue.origin, issue.inclusive === false ? "less than" : "at most", issue.maximum)}`;
    case "too_small":
      return `must ${bound(issue.origin, issue.inclusive === false ? "more than" : "at least", issue.minimum)}`;
    default:
      return "is not valid";
  }
}

function bound(origin: string, which: string, limit: number | bigint): string {
  const counted = COUNTED[origin];
  return `${counted ? "have" : "be"} ${which} ${limit}${counted ?? ""}`;
}

/** What a schema found wrong, in plain words. */
export function problemsOf(issues: readonly z.core.$ZodIssue[]): Problem[] {
  return issues.flatMap((issue) => {
    const pointer = `#${issue.path.map((step) => `/${escapePointer(String(step))}`).join("")}`;
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        pointer: `${pointer}/${escapePointer(key)}`,
        detail: `unknown field "${key}": take it out`,
      }));
    }
    return [{ pointer, detail: issue.message }];
  });
}
