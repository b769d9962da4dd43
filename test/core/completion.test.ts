/** Completion of rules in the dashboard: where the caret is, and what the schema lets stand there. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { rulesJsonSchema } from "../../worker/core/schema.ts";
import { pretty } from "../../worker/dashboard/rules/text.ts";
import { PRESETS } from "../support/presets.ts";

interface Context {
  path: (string | number)[];
  isKey: boolean;
  typed: string;
  from: number;
  to: number;
  keys: string[];
}
interface Completion {
  contextAt(text: string, caret: number): Context | null;
  offersAt(schema: object, context: Context, known: object): { label: string; insert: string }[];
}

// A classic script, as browsers get it.
const script = readFileSync("worker/dashboard/assets/complete.js.txt", "utf8");
const { contextAt, offersAt } = new Function(`${script}; return { contextAt, offersAt };`)() as Completion;
const schema = rulesJsonSchema();
const known = { dimensions: ["engagement", "fit"], groups: ["blog"], counters: ["views"], events: ["Form Submitted"] };

/** The context at the bar in the text. */
function at(text: string): Context | null {
  return contextAt(text.replace("|", ""), text.indexOf("|"));
}

function offered(text: string): string[] {
  const context = at(text);
  return context ? offersAt(schema, context, known).map(({ label }) => label) : [];
}

/** The text after the first offer was taken. */
function taken(text: string): string {
  const context = at(text);
  if (!context) return "";
  const whole = text.replace("|", "");
  return whole.slice(0, context.from) + offersAt(schema, context, known)[0]?.insert + whole.slice(context.to);
}

describe("the place of the caret", () => {
  test.each([
    ["{ | }", [], true, ""],
    ['{ "ru|', [], true, "ru"],
    ['{ "rules": [ { "id": "a", | } ] }', ["rules", 0], true, ""],
    ['{ "rules": [ {}, { "id": "a", "limit": { "per": "d|" } } ] }', ["rules", 1, "limit", "per"], false, "d"],
    ['{ "rules": [ { "where": { "pa|th": "/" } } ] }', ["rules", 0, "where"], true, "pa"],
    ['{ "rules": [ { "id": "{[,:", "on": | } ] }', ["rules", 0, "on"], false, ""],
    ['{ "rules": [ { "reset": ["fit", "e|"] } ] }', ["rules", 0, "reset", 1], false, "e"],
    ['{ "a\\"b": { | } }', ['a"b'], true, ""],
    ['{ "levels": { "temperature": [ { "when": { "sco|\n', ["levels", "temperature", 0, "when"], true, "sco"],
  ])("%s", (text, path, isKey, typed) => {
    expect(at(text)).toMatchObject({ path, isKey, typed });
  });

  test.each(["|", '{ "rules" | }', '{ "rules": [] | }', '{ "a": 1 | }', '{ "a": "b"| }', "{} |"])(
    "is none in %s",
    (text) => {
      expect(at(text)).toBeNull();
    },
  );

  test("is found wherever one stands in whole and in half documents, and its token is about the caret", () => {
    const text = pretty(PRESETS.saas);
    for (let caret = 0; caret <= text.length; caret += 41) {
      for (const one of [text, text.slice(0, caret)]) {
        const context = contextAt(one, caret);
        if (context) expect(context.from <= caret && caret <= context.to && context.to <= one.length).toBe(true);
      }
    }
  });
});

describe("offers", () => {
  test.each([
    ['{ "rules": [ { "id": "a", "dis|" } ] }', ["disqualify"]],
    ['{ "rules": [ { "limit": { "per": "|" } } ] }', ["visit", "day", "week", "month"]],
    ['{ "rules": [ { "limit": { "by": "proper|" } } ] }', ["properties."]],
    ['{ "rules": [ { "dimension": "|" } ] }', ["engagement", "fit"]],
    ['{ "rules": [ { "reset": [ "engagement", "f|" ] } ] }', ["fit"]],
    ['{ "rules": [ { "group": "|" } ] }', ["blog"]],
    ['{ "rules": [ { "on": "form|" } ] }', ["Form Submitted"]],
    ['{ "rules": [ { "while": { "counters.|" } } ] }', ["counters.views"]],
    ['{ "rules": [ { "while": { "any": [ { "email.f|" } ] } } ] }', ["email.free"]],
    ['{ "rules": [ { "while": { "since.F|" } } ] }', ["since.Form Submitted"]],
    ['{ "levels": { "temperature": [ {}, { "when": { "scores.f|" } } ] } }', ["scores.fit"]],
    ['{ "dimensions": { "fit": { "decay": { "half|" } } } }', ["halfLife"]],
    ['{ "rules": [ { "where": { "path": { "exists": | } } } ] }', ["true", "false"]],
  ])("at %s", (text, labels) => {
    expect(offered(text)).toEqual(labels);
  });

  test("are the keys that are not there yet, before and after", () => {
    const labels = offered('{ "rules": [ { "id": "a", |, "points": 5, "where": { "path": "/" } } ] }');
    expect(labels).toEqual(expect.arrayContaining(["on", "while", "limit", "decay"]));
    for (const there of ["id", "points", "where"]) expect(labels).not.toContain(there);
  });

  test("are tests by field where a condition goes, and operators in a test", () => {
    expect(offered('{ "rules": [ { "where": { | } } ] }')).toEqual(
      expect.arrayContaining(["path", "properties.", "any"]),
    );
    expect(offered('{ "rules": [ { "where": { | } } ] }')).not.toContain("visits");
    expect(offered('{ "rules": [ { "while": { "visits": { | } } } ] }')).toEqual(
      expect.arrayContaining(["gte", "between"]),
    );
  });

  test("take the place of what was typed, and of the quote that closes it", () => {
    expect(taken('{ "rules": [ { "lim|": {} } ] }')).toBe('{ "rules": [ { "limit": {} } ] }');
    expect(taken('{ "rules": [ { "dimension": "f|oo" } ] }')).toBe('{ "rules": [ { "dimension": "fit" } ] }');
    expect(taken('{ "rules": [ { "dimension": "fi| , "points": 5 } ] }')).toBe(
      '{ "rules": [ { "dimension": "fit" , "points": 5 } ] }',
    );
  });
});
