/** Mistakes of a rule document are told all at once, each at its place, and none that only follows from another. */
import { describe, expect, test } from "vitest";
import { compileRules } from "../../worker/core/compile.ts";
import { COUNTERS_MAX } from "../../worker/core/schema.ts";

const levels = { temperature: [{ name: "cold" }] };
const rule = (fields: object) => ({ levels, rules: [{ id: "r", ...fields }] });
const onPage = (fields: object) => rule({ on: "page", points: 1, ...fields });
const ladder = (...steps: unknown[]) => ({ levels: { temperature: [{ name: "cold" }, ...steps] }, rules: [] });

function places(document: unknown): string[] {
  const result = compileRules(document);
  return "errors" in result ? result.errors.map(({ pointer }) => pointer).toSorted() : [];
}

describe("mistakes in one part", () => {
  test.each<[string, object, string[]]>([
    [
      "points and a field of where",
      rule({ on: "page", where: { foo: 1 }, points: "x" }),
      ["#/rules/0/points", "#/rules/0/where/foo"],
    ],
    [
      "a decay and a dimension",
      onPage({ decay: { halfLife: "0d" }, dimension: "zz" }),
      ["#/rules/0/decay/halfLife", "#/rules/0/dimension"],
    ],
    [
      "an unknown field, a group and two triggers",
      onPage({ colour: 1, group: "zz", while: { visits: 1 } }),
      ["#/rules/0", "#/rules/0/colour", "#/rules/0/group"],
    ],
    ["a misspelt effect", rule({ on: "page", pionts: 1 }), ["#/rules/0", "#/rules/0/pionts"]],
    [
      "a limit's times and by",
      onPage({ limit: { times: 0, per: "year", by: "colour" } }),
      ["#/rules/0/limit/by", "#/rules/0/limit/per", "#/rules/0/limit/times"],
    ],
    [
      "a decay of two forms, one of them wrong",
      onPage({ decay: { halfLife: "0d", linear: "1d" } }),
      ["#/rules/0/decay", "#/rules/0/decay/halfLife"],
    ],
    [
      "some of the dimensions of a reset",
      rule({ on: "page", reset: ["zz", 5] }),
      ["#/rules/0/reset/0", "#/rules/0/reset/1"],
    ],
    [
      "points of a state with a limit that does not hold",
      rule({ while: { vists: 1 }, points: "x", limit: { times: 1 } }),
      ["#/rules/0/limit", "#/rules/0/points", "#/rules/0/while/vists"],
    ],
    [
      "a counter",
      { levels, rules: [], counters: { n: { on: 5, where: { foo: 1 }, sum: "colour", within: "soon" } } },
      ["#/counters/n/on", "#/counters/n/sum", "#/counters/n/where/foo", "#/counters/n/within"],
    ],
    [
      "a dimension",
      { levels, rules: [], dimensions: { d: { most: 1, min: 2, max: 1, decay: { every: "0d" } } } },
      ["#/dimensions/d/decay", "#/dimensions/d/decay/every", "#/dimensions/d/min", "#/dimensions/d/most"],
    ],
    [
      "levels",
      ladder({ name: 5, when: { scor: 1 } }, { name: "cold", needs: 1 }),
      [
        "#/levels/temperature/1/name",
        "#/levels/temperature/1/when/scor",
        "#/levels/temperature/2",
        "#/levels/temperature/2/name",
        "#/levels/temperature/2/needs",
      ],
    ],
    [
      "too many counters, one of them wrong",
      {
        levels,
        rules: [],
        counters: Object.fromEntries(Array.from({ length: COUNTERS_MAX + 1 }, (_, i) => [i, { on: i ? "page" : 5 }])),
      },
      ["#/counters", "#/counters/0/on"],
    ],
  ])("%s", (_, document, expected) => {
    expect(places(document)).toEqual(expected);
  });
});

describe("what follows from a mistake is not told beside it", () => {
  test.each<[string, object, string[]]>([
    ["an effect of the wrong shape is an effect", rule({ on: "page", points: "x" }), ["#/rules/0/points"]],
    ["a trigger of the wrong shape is a trigger", rule({ on: 5, points: 1 }), ["#/rules/0/on"]],
    [
      "which trigger is meant decides what goes with it",
      onPage({ while: { visits: 1 }, where: { path: "/" } }),
      ["#/rules/0"],
    ],
    [
      "a dimension that is wrong itself is there",
      { ...onPage({ dimension: "d" }), dimensions: { d: { most: 1 } } },
      ["#/dimensions/d/most"],
    ],
    [
      "ends that are no numbers are not reversed",
      rule({ while: { visits: { between: ["x", -5] } }, points: 1 }),
      ["#/rules/0/while/visits/between/0"],
    ],
    [
      "durations that are none are not reversed",
      rule({ while: { inactive: { between: ["9d", "x"] } }, points: 1 }),
      ["#/rules/0/while/inactive/between/1"],
    ],
    [
      "names are not looked for where they cannot be read",
      {
        levels: 7,
        dimensions: 7,
        groups: 7,
        counters: 7,
        hysteresis: { temperature: 1 },
        rules: [
          { id: "a", on: "page", points: 1, dimension: "d", group: "g" },
          { id: "b", while: { "counters.n": 1 }, points: 1 },
        ],
      },
      ["#/counters", "#/dimensions", "#/groups", "#/levels"],
    ],
  ])("%s", (_, document, expected) => {
    expect(places(document)).toEqual(expected);
  });
});
