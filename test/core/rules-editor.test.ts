/** What the editor of rules reads and shows beside its form: lines of parts, and the events of made-up visitors. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { escapePointer } from "../../worker/core/problems.ts";
import { readStory, STORY_MAX_LINES } from "../../worker/core/story.ts";
import { lineOf, lineOfMistake, linesOf } from "../../worker/dashboard/rules/places.ts";
import { pretty } from "../../worker/dashboard/rules/text.ts";
import { PRESETS } from "../support/presets.ts";

describe("the line of a part", () => {
  /** Every pointer of a value, with what stands there. */
  function pointers(value: unknown, at = "#"): [string, unknown][] {
    const inner = value !== null && typeof value === "object" ? Object.entries(value) : [];
    return [[at, value], ...inner.flatMap(([name, one]) => pointers(one, `${at}/${escapePointer(name)}`))];
  }

  test("is found for every part, however the text is laid out", () => {
    const document = { a: { "b/c": [1, { "d~": ["x", "y"] }], é: {} }, list: [[], [true, null]] };
    const lines = linesOf(JSON.stringify(document, null, 2));
    expect(pointers(document).map(([pointer]) => [pointer, lines.get(pointer)])).toEqual([
      ["#", 1],
      ["#/a", 2],
      ["#/a/b~1c", 3],
      ["#/a/b~1c/0", 4],
      ["#/a/b~1c/1", 5],
      ["#/a/b~1c/1/d~0", 6],
      ["#/a/b~1c/1/d~0/0", 7],
      ["#/a/b~1c/1/d~0/1", 8],
      ["#/a/%C3%A9", 12],
      ["#/list", 14],
      ["#/list/0", 15],
      ["#/list/1", 16],
      ["#/list/1/0", 17],
      ["#/list/1/1", 18],
    ]);
  });

  test("any JSON has all its parts on lines of the text", () => {
    const isThere = (value: unknown): void => {
      const text = pretty(value);
      const lines = linesOf(text);
      for (const [pointer] of pointers(value))
        expect(lines.get(pointer), pointer).toBeLessThanOrEqual(text.split("\n").length);
    };
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 4 }), isThere), { numRuns: 100 });
    isThere(PRESETS.b2b);
  });

  test("is that of the nearest part around, where a part is not there", () => {
    const lines = linesOf('{\n  "rules": [\n    { "id": "a" }\n  ]\n}');
    expect(lineOf(lines, "#/rules/0/points")).toBe(3);
    expect(lineOf(lines, "#/levels")).toBe(1);
  });

  test.each([
    ['{\n"a": 1,,\n}', 2],
    ['{\n"a": [\n', 3],
    ['{\n"a": 1,\n}', 3],
    ['{\n"a\n": 1 }', 2],
    ["[1\n2]", 2],
    ["[1,\nnul]", 2],
    ["{}\n}", 2],
    ['{ "a" "b" }', 1],
    ["[}", 1],
    ["", 1],
  ])("is told of text that is no JSON: %j", (text, line) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(lineOfMistake(text)).toBe(line);
  });

  test("is none in JSON, and is one wherever a sign is amiss", () => {
    const value = fc.jsonValue({ maxDepth: 3 }).map((one) => JSON.stringify(one, null, 1));
    fc.assert(
      fc.property(value, (text) => lineOfMistake(text) === null),
      { numRuns: 100 },
    );
    const broken = fc.tuple(value, fc.nat(), fc.constantFrom("", ",", '"', "}", "[", ":", "x"));
    const agrees = ([text, at, sign]: [string, number, string]) => {
      const place = at % text.length;
      const changed = text.slice(0, place) + sign + text.slice(place + 1);
      return (lineOfMistake(changed) === null) === isJson(changed);
    };
    fc.assert(fc.property(broken, agrees), { numRuns: 300 });
  });

  function isJson(text: string): boolean {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  }
});

describe("a made-up visitor", () => {
  test("does what its lines say", () => {
    const story = [
      "page /pricing",
      "",
      "3d ago: Form Submitted form=demo step=2",
      "2h ago page /a b title=A page",
      "page",
      'trait title=Head of sales email=ann@acme.example employees=50 trial=true code="7"',
      "Webinar Attended",
    ].join("\n");
    expect(readStory(story)).toEqual({
      told: [
        { agoMs: 0, message: { type: "page", properties: { path: "/pricing" } } },
        {
          agoMs: 259_200_000,
          message: { type: "track", event: "Form Submitted", properties: { form: "demo", step: 2 } },
        },
        { agoMs: 7_200_000, message: { type: "page", properties: { path: "/a b", title: "A page" } } },
        { agoMs: 0, message: { type: "page", properties: {} } },
        {
          agoMs: 0,
          message: {
            type: "identify",
            traits: { title: "Head of sales", email: "ann@acme.example", employees: 50, trial: true, code: "7" },
          },
        },
        { agoMs: 0, message: { type: "track", event: "Webinar Attended", properties: {} } },
      ],
    });
  });

  test.each([
    ["page\npage pricing", 2, /no path/],
    ["trait", 1, /needs a name and a value/],
    ["=x\na=b", 2, /needs a name/],
    ["soon ago: page /", 1, /no time/],
    [Array.from({ length: STORY_MAX_LINES + 1 }, () => "page").join("\n"), STORY_MAX_LINES + 1, /at most/],
  ])("is told what a line lacks: %j", (story, line, detail) => {
    expect(readStory(story)).toEqual({ line, detail: expect.stringMatching(detail) });
  });
});
