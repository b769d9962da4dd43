/** What is wrong with a document: all of it at once, each with the place and what would be right. */
import { en } from "zod/locales";
import * as z from "zod/mini";

// Without it every message is "Invalid input".
z.config(en());

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
    const isOwnWords = issue.code !== "invalid_type" || !issue.message.startsWith("Invalid input");
    if (isOwnWords) return [{ pointer, detail: issue.message }];
    const wanted = ARTICLES[issue.expected] ?? `a ${issue.expected}`;
    return [
      { pointer, detail: issue.message.endsWith("received undefined") ? `is missing: ${wanted}` : `must be ${wanted}` },
    ];
  });
}
