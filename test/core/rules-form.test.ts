/** The form of a rule document: what was left alone comes back to the letter, what was changed is what was meant. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileRules } from "../../worker/core/compile.ts";
import { valuesOf } from "../../worker/dashboard/rules/form/fields.ts";
import { addRule, moveRule, readForm } from "../../worker/dashboard/rules/form/read.ts";
import {
  readList,
  readScalar,
  readText,
  showList,
  showScalar,
  showText,
} from "../../worker/dashboard/rules/form/scalars.ts";
import { arbitraryRules } from "../support/arbitraries.ts";
import { PRESETS } from "../support/presets.ts";

const RUNS = Number(process.env.KELVIN_RUNS ?? 150);

const DOCUMENT = {
  dimensions: { engagement: { decay: { halfLife: "30d" } }, fit: { max: 70 } },
  groups: { blog: { max: 10 } },
  rules: [
    { id: "pricing", on: "page", where: { path: "/pricing*" }, points: 15, limit: { times: 1, per: "day" } },
    { id: "regular", while: { visits: { gte: 2, lt: 6 } }, points: 3 },
    {
      id: "mixed",
      on: "Form Submitted",
      where: { "properties.form": ["demo", "a, b"], any: [{ path: "/x" }] },
      points: 1,
    },
    { id: "rival", while: { "email.domain": { in: ["rival.example"] } }, disqualify: "competitor" },
  ],
  levels: {
    temperature: [{ name: "cold" }, { name: "warm", when: { score: { gte: 35 } } }],
    stage: [{ name: "lead" }, { name: "mql", when: { score: { gte: 35 } } }],
  },
  hysteresis: { stage: 4 },
};

/** What a browser sends of the form: every field, the values that were typed in the place of those shown. */
function sent(document: unknown, typed: Record<string, string> = {}): Record<string, string> {
  const shown = Object.fromEntries(valuesOf(document));
  for (const name of Object.keys(typed)) expect(Object.keys(shown), name).toContain(name);
  return { ...shown, ...typed };
}

/** The document after something was typed; what else it holds must not have changed. */
function typing(typed: Record<string, string>, dropped?: string) {
  return readForm(DOCUMENT, sent(DOCUMENT, typed), dropped) as typeof DOCUMENT;
}
const rule = (n: number, typed: Record<string, string>) =>
  typing(Object.fromEntries(Object.entries(typed).map(([name, value]) => [`rules/${n}/${name}`, value]))).rules[n];

describe("left alone", () => {
  const isKept = (document: unknown): void => {
    expect(JSON.stringify(readForm(document, sent(document)))).toBe(JSON.stringify(document));
  };

  test("any document comes back as it was", () => {
    fc.assert(fc.property(arbitraryRules(), isKept), { numRuns: RUNS });
  });

  test("and so does any JSON, and whatever is wrong with a document", () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    const key = fc.constantFrom(
      ..."id on where while points reset limit decay any not times per by score a".split(" "),
    );
    const odd = (depth: number): fc.Arbitrary<unknown> =>
      depth === 0
        ? value
        : fc.oneof(value, fc.dictionary(key, odd(depth - 1)), fc.array(odd(depth - 1), { maxLength: 2 }));
    const part = odd(3);
    const entries = fc.dictionary(fc.string(), part, { maxKeys: 2 });
    const broken = fc.record(
      {
        dimensions: entries,
        groups: entries,
        rules: fc.array(part),
        levels: fc.dictionary(fc.string(), fc.array(part)),
      },
      { requiredKeys: [] },
    );
    fc.assert(fc.property(fc.oneof(broken, value), isKept), { numRuns: RUNS });
  });

  test.each(Object.entries(PRESETS))("the preset %s too", (_, document) => isKept(document));

  test("a change of one field changes nothing else", () => {
    const changing = arbitraryRules().chain((document) => {
      const names = [...valuesOf(document).keys()].filter((name) => /^rules\/\d+\/id$/.test(name));
      return fc.record({ document: fc.constant(document), name: fc.constantFrom(...names) });
    });
    fc.assert(
      fc.property(changing, ({ document, name }) => {
        const index = Number(name.split("/")[1]);
        const rules = document.rules.map((one, i) => (i === index ? { ...one, id: "renamed" } : one));
        expect(readForm(document, sent(document, { [name]: "renamed" }))).toEqual({ ...document, rules });
      }),
      { numRuns: RUNS },
    );
  });
});

describe("a value", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("3", "-1e5", "true", '"', '"a"', " a", "a, b", "NaN", ""),
  );
  const scalar = fc.oneof(
    text,
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0),
  );

  test("reads back as what it was", () => {
    fc.assert(
      fc.property(scalar, (one) => void expect(readScalar(showScalar(one))).toBe(one)),
      { numRuns: RUNS },
    );
    fc.assert(
      fc.property(text, (one) => void expect(readText(showText(one))).toBe(one)),
      { numRuns: RUNS },
    );
  });

  test("in a list too", () => {
    const list = fc.array(scalar, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(list, (all) => void expect(readList(showList(all))).toEqual(all)),
      { numRuns: RUNS },
    );
  });

  test("shows no line break, which a field would lose", () => {
    fc.assert(
      fc.property(scalar, (one) => void expect(showScalar(one)).not.toMatch(/[\r\n]/)),
      { numRuns: RUNS },
    );
  });
});

describe("typing changes", () => {
  test("points, limits, groups, dimensions and fading", () => {
    expect(rule(0, { value: "-7.5" })).toEqual({ ...DOCUMENT.rules[0], points: -7.5 });
    expect(rule(0, { times: "2", per: "week", by: "path" })?.limit).toEqual({ times: 2, per: "week", by: "path" });
    expect(rule(0, { times: "" })).not.toHaveProperty("limit");
    expect(rule(0, { group: "blog", dimension: "fit" })).toMatchObject({ group: "blog", dimension: "fit" });
    expect(rule(0, { fade: "linear", span: "7d" })).toMatchObject({ decay: { linear: "7d" } });
    expect(rule(0, { fade: "every", span: "7d", percent: "25" })).toMatchObject({
      decay: { every: "7d", percent: 25 },
    });
    expect(rule(0, { fade: "none" })).toMatchObject({ decay: null });
  });

  test("the effect, in its place", () => {
    expect(JSON.stringify(rule(0, { effect: "disqualify", value: "job seeker" }))).toBe(
      JSON.stringify({
        id: "pricing",
        on: "page",
        where: { path: "/pricing*" },
        disqualify: "job seeker",
        limit: { times: 1, per: "day" },
      }),
    );
    expect(rule(0, { effect: "reset", value: "engagement, fit" })).toMatchObject({ reset: ["engagement", "fit"] });
    expect(rule(3, { effect: "points", value: "−3" })).toMatchObject({ points: -3 });
  });

  test("a condition, and leaves the tests beside it as they are", () => {
    expect(rule(0, { "where/0/value": "/prices*" })).toMatchObject({ where: { path: "/prices*" } });
    expect(rule(0, { "where/0/value": "2024" })).toMatchObject({ where: { path: "2024" } });
    expect(rule(0, { "where/0/comparison": "notIn", "where/0/value": "/a, /b" })).toMatchObject({
      where: { path: { not: ["/a", "/b"] } },
    });
    expect(rule(1, { "while/1/value": "7" })).toMatchObject({ while: { visits: { gte: 2, lt: 7 } } });
    expect(rule(1, { "while/0/field": "pageviews" })).toMatchObject({
      while: { pageviews: { gte: 2 }, visits: { lt: 6 } },
    });
    expect(rule(2, { "where/0/value": "demo" })).toMatchObject({
      where: { "properties.form": ["demo"], any: [{ path: "/x" }] },
    });
    expect(rule(3, { "while/new/field": "known", "while/new/value": "true" })).toMatchObject({
      while: { "email.domain": { in: ["rival.example"] }, known: true },
    });
  });

  test("a value left empty is missing, and is filled in where it stands", () => {
    const known = (value: string) => rule(3, { "while/new/field": "known", "while/new/value": value });
    expect(known("yes")).toMatchObject({ while: { known: true } });
    expect(known("no")).toMatchObject({ while: { known: false } });
    const empty = { ...DOCUMENT, rules: [known("")] };
    expect(compileRules(empty)).toMatchObject({ errors: [{ pointer: "#/rules/0/while/known" }] });
    expect(readForm(empty, sent(empty, { "rules/0/while/1/value": "true" }))).toMatchObject({
      rules: [{ while: { "email.domain": { in: ["rival.example"] }, known: true } }],
    });
  });

  test("a second test of a field joins the first, or stands beside it", () => {
    const row = (comparison: string, value: string) => ({
      "while/new/field": "visits",
      "while/new/comparison": comparison,
      "while/new/value": value,
    });
    expect(rule(1, row("not", "3"))).toMatchObject({ while: { visits: { gte: 2, lt: 6, not: 3 } } });
    expect(rule(1, row("gte", "3"))).toMatchObject({
      while: { visits: { gte: 2, lt: 6 }, all: [{ visits: { gte: 3 } }] },
    });
  });

  test("a row is taken out, and the condition with the last one", () => {
    expect(typing({}, "rules/1/while/0").rules[1]).toMatchObject({ while: { visits: { lt: 6 } } });
    expect(rule(0, { "where/0/field": "" })).not.toHaveProperty("where");
  });

  test("levels, hysteresis, dimensions and groups", () => {
    const changed = typing({
      "levels/0/1/when/0/value": "40",
      "levels/0/new/name": "hot",
      "levels/0/new/when/new/value": "65",
      "levels/0/hysteresis": "5",
      "levels/1/hysteresis": "",
      "dimensions/1/max": "",
      "dimensions/1/fade": "expires",
      "dimensions/1/span": "90d",
      "dimensions/new/name": "intent",
      "dimensions/new/min": "-5",
      "groups/0/max": "12",
    });
    expect(changed.levels.temperature).toEqual([
      { name: "cold" },
      { name: "warm", when: { score: { gte: 40 } } },
      { name: "hot", when: { score: { gte: 65 } } },
    ]);
    expect(changed.levels.stage).toEqual(DOCUMENT.levels.stage);
    expect(changed.hysteresis).toEqual({ temperature: 5 });
    expect(changed.dimensions).toEqual({
      ...DOCUMENT.dimensions,
      fit: { decay: { expires: "90d" } },
      intent: { min: -5 },
    });
    expect(changed.groups).toEqual({ blog: { max: 12 } });
    expect(typing({}, "levels/1/1").levels.stage).toEqual([{ name: "lead" }]);
    expect(typing({}, "groups/0")).not.toHaveProperty("groups");
    expect(typing({ "levels/1/hysteresis": "" })).not.toHaveProperty("hysteresis");
  });

  test("what is wrong is kept as it was typed, for the check to say so", () => {
    const changed = typing({
      "rules/0/value": "many",
      "rules/1/while/0/field": "vists",
      "dimensions/0/span": "a month",
    });
    const result = compileRules(changed);
    expect("errors" in result ? result.errors.map(({ pointer }) => pointer) : []).toEqual([
      "#/dimensions/engagement/decay/halfLife",
      "#/rules/0/points",
      "#/rules/1/while/vists",
    ]);
  });
});

describe("rules", () => {
  test("are moved, taken out and added", () => {
    const ids = (document: unknown) => (document as typeof DOCUMENT).rules.map(({ id }) => id);
    expect(ids(moveRule(DOCUMENT, 1, -1))).toEqual(["regular", "pricing", "mixed", "rival"]);
    expect(ids(moveRule(DOCUMENT, 1, 1))).toEqual(["pricing", "mixed", "regular", "rival"]);
    expect(moveRule(DOCUMENT, 0, -1)).toBe(DOCUMENT);
    expect(moveRule(DOCUMENT, 3, 1)).toBe(DOCUMENT);
    expect(ids(typing({}, "rules/2"))).toEqual(["pricing", "regular", "rival"]);
    for (const kind of ["event", "state"] as const) {
      const twice = addRule(addRule(DOCUMENT, kind), kind);
      expect(ids(twice)).toEqual([...ids(DOCUMENT), "rule-5", "rule-6"]);
      expect(compileRules(twice)).toHaveProperty("rules");
    }
  });
});
