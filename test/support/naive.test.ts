import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonObject, LoggedEvent } from "../../worker/core/event";
import { arbitraryCase, arbitraryHistory, arbitraryRules, clockOf } from "./arbitraries";
import type { Condition, Rule, RulesDocument, Test } from "./naive";
import { conditionHolds, DAY, fields, HOUR, MINUTE, naive, SECOND, testHolds, WEEK } from "./naive";

/** A Monday, so that a week has just begun. */
const MONDAY = Date.UTC(2026, 0, 5, 10);
const VISIT = 30 * MINUTE;

let count = 0;

function message(type: LoggedEvent["type"], timestamp: number, more: Partial<LoggedEvent> = {}): LoggedEvent {
  count += 1;
  return { messageId: `t${count}`, type, timestamp, visitor: "v1", ...more };
}

function page(timestamp: number, path = "/", more: Partial<LoggedEvent> = {}): LoggedEvent {
  return message("page", timestamp, { properties: { path }, ...more });
}

function track(timestamp: number, event: string, properties: JsonObject = {}, more: Partial<LoggedEvent> = {}) {
  return message("track", timestamp, { event, properties, ...more });
}

function identify(timestamp: number, traits: JsonObject, more: Partial<LoggedEvent> = {}): LoggedEvent {
  return message("identify", timestamp, { traits, ...more });
}

function document(rules: Rule[], more: Partial<RulesDocument> = {}): RulesDocument {
  return {
    rules,
    levels: { temperature: [{ name: "cold" }, { name: "warm", when: { score: { gte: 10 } } }] },
    ...more,
  };
}

const EXAMPLE: RulesDocument = {
  dimensions: { engagement: { decay: { halfLife: "30d" }, min: -100, max: 200 }, fit: { max: 70 } },
  groups: { blog: { max: 10 } },
  counters: {
    pricingViews: { on: "page", where: { path: "/pricing*" }, within: "7d" },
    engagedSeconds: { on: "Page Engaged", sum: "properties.seconds" },
  },
  rules: [
    {
      id: "pricing",
      dimension: "engagement",
      on: "page",
      where: { path: "/pricing*" },
      points: 15,
      limit: { times: 1, per: "day" },
    },
    { id: "ebook", on: "Content Downloaded", points: 10, limit: { times: 1, by: "properties.file" } },
    { id: "blog", group: "blog", on: "page", where: { path: "/blog/*" }, points: 1 },
    { id: "demo", on: "Form Submitted", where: { "properties.form": "demo" }, points: 70, limit: { times: 1 } },
    {
      id: "careers",
      on: "page",
      where: { path: ["/careers*", "/jobs*"] },
      points: -10,
      limit: { times: 1, per: "day" },
    },
    { id: "visits-2-5", while: { visits: { between: [2, 5] } }, points: 3 },
    { id: "visits-6", while: { visits: { gte: 6 } }, points: 6 },
    { id: "going-cold", while: { inactive: { gte: "30d" } }, points: -20 },
    { id: "pricing-3x", while: { "counters.pricingViews": { gte: 3 } }, points: 20 },
    { id: "boss", dimension: "fit", while: { "traits.title": { in: ["*chief*", "vp *"] } }, points: 20 },
    { id: "rival", while: { "email.domain": { in: ["rival.example"] } }, disqualify: "competitor" },
    { id: "recycled", on: "Lead Recycled", reset: ["engagement"] },
  ],
  levels: {
    temperature: [
      { name: "cold" },
      { name: "warm", when: { score: { gte: 35 } } },
      { name: "hot", when: { score: { gte: 65 } } },
    ],
    stage: [
      { name: "lead" },
      { name: "mql", when: { score: { gte: 35 } } },
      { name: "sql", when: { all: [{ score: { gte: 65 } }, { "scores.fit": { gte: 0 } }] } },
    ],
  },
  hysteresis: { temperature: 0 },
};

describe("the example of the contract", () => {
  const three = [page(MONDAY, "/pricing"), page(MONDAY, "/pricing/teams"), page(MONDAY, "/pricing")];

  it("scores nothing for nobody", () => {
    expect(naive(EXAMPLE, [], MONDAY)).toMatchObject({
      score: 0,
      scores: { engagement: 0, fit: 0 },
      levels: { temperature: "cold", stage: "lead" },
      disqualified: null,
      visits: 0,
      pageviews: 0,
      daysActive: 0,
    });
  });

  it("gives 15 once a day and 20 while there are three views within seven days", () => {
    const result = naive(EXAMPLE, three, MONDAY);
    expect(result.score).toBe(35);
    expect(result.levels).toEqual({ temperature: "warm", stage: "mql" });
    expect(result.perRule.pricing).toEqual({ points: 15, fired: 1, limited: 2 });
    expect(result.perRule["pricing-3x"]).toEqual({ points: 20, fired: 0, limited: 0 });
    expect(result).toMatchObject({ visits: 1, pageviews: 3, daysActive: 1 });
  });

  it("decays the award, keeps the state whole, and ends the state at the instant that the window does", () => {
    expect(naive(EXAMPLE, three, MONDAY + 7 * DAY - 1).score).toBeCloseTo(20 + 15 * 2 ** (-7 / 30), 6);
    expect(naive(EXAMPLE, three, MONDAY + 7 * DAY).score).toBeCloseTo(15 * 2 ** (-7 / 30), 9);
    expect(naive(EXAMPLE, three, MONDAY + 30 * DAY).score).toBe(7.5 - 20);
    expect(naive(EXAMPLE, three, MONDAY + 30 * DAY - 1).score).toBeCloseTo(7.5, 6);
  });

  it("adds up a busy lead", () => {
    const events = [
      page(MONDAY, "/blog/a"),
      page(MONDAY, "/blog/b"),
      track(MONDAY, "Content Downloaded", { file: "a" }),
      track(MONDAY, "content downloaded", { file: "a" }),
      track(MONDAY, "Content Downloaded", { file: "b" }),
      track(MONDAY, "Form Submitted", { form: "Demo" }),
      track(MONDAY, "Form Submitted", { form: "other" }),
      page(MONDAY, "/jobs/1"),
      identify(MONDAY, { title: "Chief of staff" }),
    ];
    const result = naive(EXAMPLE, events, MONDAY);
    // 2 of the blog, 20 for two files, 70 for the demo, -10 for the jobs; 20 of fit.
    expect(result.scores).toEqual({ engagement: 82, fit: 20 });
    expect(result.score).toBe(102);
    expect(result.levels).toEqual({ temperature: "hot", stage: "sql" });
    const later = naive(EXAMPLE, events, MONDAY + 60 * DAY);
    // A quarter of what was given, and going cold; what is a state does not decay.
    expect(later.scores).toEqual({ engagement: 20.5 - 20, fit: 20 });
  });

  it("cuts the blog to ten", () => {
    const events = Array.from({ length: 13 }, () => page(MONDAY, "/blog/x"));
    const result = naive(EXAMPLE, events, MONDAY);
    expect(result.perRule.blog).toEqual({ points: 10, fired: 13, limited: 0 });
  });

  it("gives room back as the group decays", () => {
    const events = [
      ...Array.from({ length: 10 }, () => page(MONDAY, "/blog/x")),
      ...Array.from({ length: 7 }, () => page(MONDAY + 30 * DAY, "/blog/x")),
    ];
    // Five are left of the ten; there is room for five more.
    expect(naive(EXAMPLE, events, MONDAY + 30 * DAY).perRule.blog).toEqual({ points: 10, fired: 17, limited: 0 });
    expect(naive(EXAMPLE, events, MONDAY + 60 * DAY).perRule.blog?.points).toBe(5);
  });

  it("counts visits as states: 3, then 6, never 9", () => {
    const visits = (number: number) => Array.from({ length: number }, (_, index) => page(MONDAY + index * HOUR));
    const scores = [1, 2, 5, 6].map((number) => naive(EXAMPLE, visits(number), MONDAY + 6 * HOUR).score);
    expect(scores).toEqual([0, 3, 3, 6]);
  });

  it("disqualifies a rival, keeps the points, and lifts it by itself", () => {
    const events = [track(MONDAY, "Form Submitted", { form: "demo" }), identify(MONDAY, { email: "x@Rival.Example" })];
    expect(naive(EXAMPLE, events, MONDAY)).toMatchObject({
      score: 70,
      disqualified: "competitor",
      levels: { temperature: "cold", stage: "lead" },
    });
    expect(naive(EXAMPLE, [...events, identify(MONDAY, { email: null })], MONDAY)).toMatchObject({
      score: 70,
      disqualified: null,
      levels: { temperature: "hot", stage: "sql" },
    });
  });

  it("empties engagement when recycled, with limits still used up", () => {
    const events = [
      track(MONDAY, "Form Submitted", { form: "demo" }),
      identify(MONDAY, { title: "VP Sales" }),
      track(MONDAY, "Lead Recycled"),
      track(MONDAY, "Form Submitted", { form: "demo" }),
    ];
    const result = naive(EXAMPLE, events, MONDAY);
    expect(result.scores).toEqual({ engagement: 0, fit: 20 });
    expect(result.perRule.demo).toEqual({ points: 0, fired: 1, limited: 1 });
    expect(result.perRule.recycled).toEqual({ points: 0, fired: 1, limited: 0 });
  });
});

describe("decay", () => {
  const at = (decay: Rule["decay"], age: number, dimension?: RulesDocument["dimensions"]) => {
    const rule: Rule = { id: "r", on: "page", points: 16, ...(decay !== undefined && { decay }) };
    const rules = document([rule], dimension && { dimensions: dimension });
    return naive(rules, [page(MONDAY)], MONDAY + age).score;
  };

  it("halves", () => {
    expect([0, 2, 4].map((days) => at({ halfLife: "2d" }, days * DAY))).toEqual([16, 8, 4]);
  });

  it("falls in a line to nothing and no further", () => {
    expect([0, 1, 3, 4, 9].map((days) => at({ linear: "4d" }, days * DAY))).toEqual([16, 12, 4, 0, 0]);
  });

  it("expires at the very age", () => {
    expect([0, DAY - 1, DAY, 2 * DAY].map((age) => at({ expires: "1d" }, age))).toEqual([16, 16, 0, 0]);
  });

  it("steps down", () => {
    const decay = { every: "1w", percent: 25 };
    expect([WEEK - 1, WEEK, 2 * WEEK, 3 * WEEK, 4 * WEEK, 9 * WEEK].map((age) => at(decay, age))).toEqual([
      16, 12, 8, 4, 0, 0,
    ]);
    expect(at({ every: "1w", percent: 75 }, 2 * WEEK)).toBe(0);
  });

  it("is the dimension's unless the rule has its own, none included", () => {
    const dimension = { engagement: { decay: { halfLife: "1d" } } };
    expect(at(undefined, DAY, dimension)).toBe(8);
    expect(at({ halfLife: "2d" }, 2 * DAY, dimension)).toBe(8);
    expect(at(null, 9 * DAY, dimension)).toBe(16);
    expect(at(undefined, 9 * DAY)).toBe(16);
  });

  it("counts from the event's own time, however late it came", () => {
    const rules = document([{ id: "r", on: "Form Submitted", points: 16, decay: { linear: "4d" } }]);
    const events = [page(MONDAY + 3 * DAY), track(MONDAY, "Form Submitted")];
    expect(naive(rules, events, MONDAY + 3 * DAY).score).toBe(4);
  });
});

describe("limits", () => {
  const fired = (limit: Rule["limit"], events: LoggedEvent[]) => {
    const rule: Rule = { id: "r", on: "page", points: 1, ...(limit && { limit }) };
    return naive(document([rule]), events, clockOf(events)).perRule.r;
  };

  it("ends a day at midnight UTC", () => {
    const midnight = Date.UTC(2026, 0, 6);
    const events = [page(midnight - 2), page(midnight - 1), page(midnight), page(midnight + 1)];
    expect(fired({ times: 1, per: "day" }, events)).toEqual({ points: 2, fired: 2, limited: 2 });
  });

  it("ends a week with Sunday", () => {
    const monday = Date.UTC(2026, 1, 2);
    const events = [page(monday - 7 * DAY), page(monday - 1), page(monday), page(monday + 7 * DAY - 1)];
    expect(fired({ times: 1, per: "week" }, events)).toEqual({ points: 2, fired: 2, limited: 2 });
  });

  it("ends a month with its last day", () => {
    const march = Date.UTC(2026, 2, 1);
    const events = [page(march - 28 * DAY), page(march - 1), page(march), page(march + 31 * DAY - 1)];
    expect(fired({ times: 1, per: "month" }, events)).toEqual({ points: 2, fired: 2, limited: 2 });
  });

  it("starts again with a visit", () => {
    const events = [page(MONDAY), page(MONDAY + VISIT), page(MONDAY + 2 * VISIT + 1), page(MONDAY + 2 * VISIT + 2)];
    expect(fired({ times: 1, per: "visit" }, events)).toEqual({ points: 2, fired: 2, limited: 2 });
  });

  it("counts several times, for ever", () => {
    const events = [0, 100, 200, 300].map((days) => page(MONDAY + days * DAY));
    expect(fired({ times: 3 }, events)).toEqual({ points: 3, fired: 3, limited: 1 });
  });

  it("uses the lead's clock, so that a late event takes the room of today", () => {
    const events = [page(MONDAY), page(MONDAY - DAY), page(MONDAY - 2 * DAY)];
    expect(fired({ times: 1, per: "day" }, events)).toEqual({ points: 1, fired: 1, limited: 2 });
  });

  it("keeps values apart, as text, and takes what has none as one", () => {
    const of = (x?: string | number | null) => page(MONDAY, "/", { properties: x === undefined ? {} : { x } });
    const events = [of("1"), of(1), of("2"), of(), of(null), of("null"), of("")];
    expect(fired({ times: 1, by: "properties.x" }, events)).toEqual({ points: 5, fired: 5, limited: 2 });
  });

  it("knows 500 values and no more", () => {
    const of = (x: number) => page(MONDAY, "/", { properties: { x } });
    const events = [...Array.from({ length: 501 }, (_, x) => of(x)), of(7), of(501)];
    expect(fired({ times: 2, by: "properties.x" }, events)).toEqual({ points: 501, fired: 501, limited: 2 });
  });
});

describe("caps", () => {
  it("cuts awards of a group in both directions, across dimensions, and lets the rest decay", () => {
    const rules = document(
      [
        { id: "up", group: "g", dimension: "a", on: "page", points: 8 },
        { id: "down", group: "g", dimension: "b", on: "screen", points: -12 },
      ],
      { dimensions: { a: { decay: { linear: "10d" } }, b: {} }, groups: { g: { max: 10, min: -5 } } },
    );
    // 8, then 2 of 8, then from 10 down to -2, then -3 of -12.
    const events = [page(MONDAY), page(MONDAY), message("screen", MONDAY), message("screen", MONDAY)];
    expect(naive(rules, events.slice(0, 2), MONDAY).scores).toEqual({ a: 10, b: 0 });
    expect(naive(rules, events, MONDAY).scores).toEqual({ a: 10, b: -15 });
    expect(naive(rules, events, MONDAY + 5 * DAY).scores).toEqual({ a: 5, b: -15 });
    // The sum is -10 by then, below the minimum: nothing more is taken, and there is room for 8 again.
    const more = [...events, message("screen", MONDAY + 5 * DAY), page(MONDAY + 5 * DAY)];
    expect(naive(rules, more, MONDAY + 5 * DAY).scores).toEqual({ a: 13, b: -15 });
    expect(naive(rules, more, MONDAY + 5 * DAY).perRule.down).toEqual({ points: -15, fired: 3, limited: 0 });
  });

  it("cuts a late award by the room there is now, then ages it", () => {
    const rules = document([{ id: "r", group: "g", on: "page", points: 8, decay: { linear: "10d" } }], {
      groups: { g: { max: 10 } },
    });
    // 8 at the clock leave 2, which are five days old.
    expect(naive(rules, [page(MONDAY), page(MONDAY - 5 * DAY)], MONDAY).score).toBe(9);
  });

  it("uses up the limit though nothing is left of the award", () => {
    const rules = document([{ id: "r", group: "g", on: "page", points: 8, limit: { times: 2 } }], {
      groups: { g: { max: 5 } },
    });
    const events = [page(MONDAY), page(MONDAY), page(MONDAY)];
    expect(naive(rules, events, MONDAY).perRule.r).toEqual({ points: 5, fired: 2, limited: 1 });
  });

  it("gives the room back after a reset", () => {
    const rules = document(
      [
        { id: "r", group: "g", on: "page", points: 8 },
        { id: "x", on: "screen", reset: ["engagement"] },
      ],
      { groups: { g: { max: 10 } } },
    );
    expect(naive(rules, [page(MONDAY), message("screen", MONDAY), page(MONDAY)], MONDAY).score).toBe(8);
  });

  it("clamps a dimension when it is read only", () => {
    const rules = document(
      [
        { id: "up", on: "page", points: 30 },
        { id: "down", on: "screen", points: -15 },
      ],
      { dimensions: { engagement: { max: 40, min: 5 } } },
    );
    const events = [page(MONDAY), page(MONDAY)];
    expect(naive(rules, events, MONDAY).score).toBe(40);
    expect(naive(rules, events, MONDAY).perRule.up?.points).toBe(60);
    expect(naive(rules, [...events, message("screen", MONDAY)], MONDAY).score).toBe(40);
    expect(naive(rules, [], MONDAY).score).toBe(5);
  });
});

describe("effects", () => {
  it("resets before it gives points, wherever the rules stand, and only what is named", () => {
    const rules = document(
      [
        { id: "a", dimension: "a", on: "page", points: 5 },
        { id: "b", dimension: "b", on: "page", points: 7 },
        { id: "state", dimension: "a", while: { visits: { gte: 1 } }, points: 2 },
        { id: "x", on: "page", where: { path: "/x" }, reset: ["a"], limit: { times: 1 } },
      ],
      { dimensions: { a: {}, b: {} } },
    );
    const events = [page(MONDAY), page(MONDAY), page(MONDAY, "/x")];
    expect(naive(rules, events, MONDAY).scores).toEqual({ a: 5 + 2, b: 21 });
    expect(naive(rules, [...events, page(MONDAY, "/x")], MONDAY).scores).toEqual({ a: 10 + 2, b: 28 });
  });

  it("stays disqualified until requalified", () => {
    const rules = document([
      { id: "p", on: "page", points: 20 },
      { id: "d", on: "Form Submitted", disqualify: "student" },
    ]);
    const events = [page(MONDAY), track(MONDAY, "Form Submitted")];
    const expected = { score: 20, disqualified: "student", levels: { temperature: "cold" } };
    expect(naive(rules, events, MONDAY + 99 * DAY)).toMatchObject(expected);
    events.push(track(MONDAY, "Lead Requalified", {}, { context: { active: false } }));
    expect(naive(rules, events, MONDAY)).toMatchObject({ disqualified: null, levels: { temperature: "warm" } });
  });

  it("takes the dimension of the rule, else the first, else engagement", () => {
    const rule: Rule = { id: "r", on: "page", points: 1 };
    expect(naive(document([rule]), [page(MONDAY)], MONDAY).scores).toEqual({ engagement: 1 });
    const dimensions = { fit: {}, engagement: {} };
    expect(naive(document([rule], { dimensions }), [page(MONDAY)], MONDAY).scores).toEqual({ fit: 1, engagement: 0 });
    const other = document([{ ...rule, dimension: "engagement" }], { dimensions });
    expect(naive(other, [page(MONDAY)], MONDAY).scores).toEqual({ fit: 0, engagement: 1 });
  });
});

describe("triggers", () => {
  const score = (on: string, event: LoggedEvent) =>
    naive(document([{ id: "r", on, points: 1 }]), [event], clockOf([event])).score;

  it("lets the event types win over tracks of the same name", () => {
    expect(score("page", page(MONDAY))).toBe(1);
    expect(score("page", track(MONDAY, "page"))).toBe(0);
    expect(score("identify", identify(MONDAY, {}))).toBe(1);
    expect(score("group", message("group", MONDAY))).toBe(1);
    expect(score("screen", message("screen", MONDAY))).toBe(1);
  });

  it("compares names of tracks without case, and nothing but names", () => {
    expect(score("form SUBMITTED", track(MONDAY, "Form Submitted"))).toBe(1);
    expect(score("Form*", track(MONDAY, "Form Submitted"))).toBe(0);
    expect(score("alias", message("alias", MONDAY))).toBe(0);
  });

  it("gives machines nothing and lets them touch nothing", () => {
    const rules = document([{ id: "r", on: "page", points: 1, limit: { times: 1, per: "day" } }]);
    const machine = page(MONDAY + DAY, "/", { machine: true, userId: "u" });
    const result = naive(rules, [page(MONDAY), machine, page(MONDAY + 1)], MONDAY + DAY);
    expect(result).toMatchObject({ score: 1, visits: 1, pageviews: 2, daysActive: 1 });
    expect(fields(rules, [machine], MONDAY + DAY, ["known", "inactive", "since.page"])).toEqual({
      known: false,
      inactive: undefined,
      "since.page": undefined,
    });
  });
});

describe("visits and activity", () => {
  const rules = document([]);
  const visits = (...events: LoggedEvent[]) => naive(rules, events, clockOf(events)).visits;

  it("begins a visit more than 30 minutes after the latest activity", () => {
    expect(visits(page(MONDAY), page(MONDAY + VISIT))).toBe(1);
    expect(visits(page(MONDAY), page(MONDAY + VISIT + 1))).toBe(2);
    expect(visits(page(MONDAY), message("screen", MONDAY + VISIT + 1))).toBe(2);
    expect(visits(page(MONDAY), page(MONDAY + VISIT), page(MONDAY + 2 * VISIT))).toBe(1);
  });

  it("lets a track extend a visit and begin none", () => {
    expect(visits(page(MONDAY), track(MONDAY + VISIT, "x"), page(MONDAY + 2 * VISIT))).toBe(1);
    expect(visits(page(MONDAY), track(MONDAY + 9 * VISIT, "x"))).toBe(1);
    expect(visits(track(MONDAY, "x"))).toBe(0);
    expect(visits(track(MONDAY, "x"), page(MONDAY + 1))).toBe(1);
  });

  it("lets nothing else extend it", () => {
    expect(visits(page(MONDAY), identify(MONDAY + VISIT, {}), page(MONDAY + VISIT + 1))).toBe(2);
    const unseen = { context: { active: false } };
    expect(visits(page(MONDAY), track(MONDAY + VISIT, "x", {}, unseen), page(MONDAY + VISIT + 1))).toBe(2);
    expect(visits(page(MONDAY), page(MONDAY + DAY, "/", unseen))).toBe(1);
  });

  it("puts a late event into the latest visit", () => {
    expect(visits(page(MONDAY), page(MONDAY - DAY))).toBe(1);
    expect(visits(page(MONDAY), page(MONDAY - DAY), page(MONDAY + VISIT))).toBe(1);
  });

  it("counts pages, and the UTC days of activity", () => {
    const events = [
      page(MONDAY),
      message("screen", MONDAY + DAY),
      page(MONDAY - 5 * DAY),
      identify(MONDAY + 2 * DAY, {}),
    ];
    expect(naive(rules, events, MONDAY + 9 * DAY)).toMatchObject({ pageviews: 2, daysActive: 3 });
  });

  it("knows how long nothing, and something, has happened", () => {
    const events = [page(MONDAY), track(MONDAY - DAY, "Form Submitted"), identify(MONDAY + HOUR, {})];
    const names = ["inactive", "since.page", "since.form submitted", "since.identify", "since.Other"];
    expect(fields(rules, events, MONDAY + 2 * HOUR, names)).toEqual({
      inactive: 2 * HOUR,
      "since.page": 2 * HOUR,
      "since.form submitted": DAY + 2 * HOUR,
      "since.identify": HOUR,
      "since.Other": undefined,
    });
  });
});

describe("counters", () => {
  const rules = document([], {
    counters: {
      all: { on: "Page Engaged" },
      sum: { on: "Page Engaged", sum: "properties.seconds" },
      hour: { on: "Page Engaged", sum: "properties.seconds", within: "1h" },
      visit: { on: "Page Engaged", within: "visit" },
      mine: { on: "page", where: { "traits.plan": "pro" } },
    },
  });
  const of = (events: LoggedEvent[], at: number) =>
    Object.values(
      fields(rules, events, at, ["counters.all", "counters.sum", "counters.hour", "counters.visit", "counters.mine"]),
    );

  it("counts, sums numbers, within a time and within the visit", () => {
    const engaged = (timestamp: number, seconds: number | string) => track(timestamp, "Page Engaged", { seconds });
    const events = [page(MONDAY), engaged(MONDAY, 10), engaged(MONDAY + 1, "20"), engaged(MONDAY + MINUTE, 30)];
    expect(of(events, MONDAY + MINUTE)).toEqual([3, 40, 40, 3, 0]);
    expect(of(events, MONDAY + HOUR - 1)).toEqual([3, 40, 40, 3, 0]);
    expect(of(events, MONDAY + HOUR)).toEqual([3, 40, 30, 3, 0]);
    expect(of([...events, page(MONDAY + HOUR)], MONDAY + HOUR)).toEqual([3, 40, 30, 0, 0]);
    // A late one is of the latest visit, and too old for the hour.
    expect(of([...events, page(MONDAY + HOUR), engaged(MONDAY, 5)], MONDAY + HOUR)).toEqual([4, 45, 30, 1, 0]);
  });

  it("sees traits as they are after the event", () => {
    const events = [page(MONDAY), identify(MONDAY, { plan: "Pro" }), page(MONDAY), identify(MONDAY, { plan: null })];
    expect(of([...events, page(MONDAY)], MONDAY)[4]).toBe(1);
  });
});

describe("traits and identity", () => {
  const rules = document([]);
  const of = (events: LoggedEvent[], ...names: string[]) => Object.values(fields(rules, events, MONDAY, names));

  it("merges in accepted order, and null removes", () => {
    const events = [
      identify(MONDAY, { a: 1, b: 2 }),
      message("group", MONDAY - DAY, { traits: { b: 3, c: { d: "x" } } }),
      identify(MONDAY, { a: null }),
    ];
    expect(of(events, "traits.a", "traits.b", "traits.c.d", "traits.c.e")).toEqual([undefined, 3, "x", undefined]);
  });

  it("does not let a claim change what was verified", () => {
    const verified = { verified: true } as const;
    const events = [identify(MONDAY, { a: 1, b: 1 }, verified), identify(MONDAY, { a: 2, b: null, c: 2 })];
    expect(of(events, "traits.a", "traits.b", "traits.c")).toEqual([1, 1, 2]);
    expect(of([...events, identify(MONDAY, { a: 3 }, verified)], "traits.a")).toEqual([3]);
  });

  it("reads the address", () => {
    const names = ["email", "email.domain", "email.free", "known", "verified"];
    expect(of([], ...names)).toEqual([undefined, undefined, undefined, false, false]);
    expect(of([identify(MONDAY, { email: "a@GMAIL.com" })], ...names)).toEqual([
      "a@GMAIL.com",
      "gmail.com",
      true,
      true,
      false,
    ]);
    expect(of([page(MONDAY, "/", { userId: "u", verified: true })], ...names)).toEqual([
      undefined,
      undefined,
      undefined,
      true,
      true,
    ]);
  });

  it("keeps what salespeople said last", () => {
    const unseen = { context: { active: false } };
    expect(of([], "status", "feedback")).toEqual(["open", undefined]);
    const events = [
      track(MONDAY, "Lead Status Changed", { status: "customer" }, unseen),
      track(MONDAY, "Sales Feedback Given", { feedback: "qualified" }, unseen),
      track(MONDAY, "Sales Feedback Given", { feedback: "notReady" }, unseen),
    ];
    expect(of(events, "status", "feedback")).toEqual(["customer", "notReady"]);
  });

  it("remembers the first page or screen, by the channel it is given", () => {
    const first = message("screen", MONDAY, {
      properties: { url: "https://site.example/?utm_medium=email&utm_campaign=Spring" },
      context: { page: { referrer: "https://mail.example/" } },
    });
    const events = [track(MONDAY, "x"), first, page(MONDAY - DAY)];
    const names = ["source.channel", "source.referrer", "source.campaign"];
    expect(of(events, ...names)).toEqual(["email", "https://mail.example/", "Spring"]);
    expect(of([], ...names)).toEqual([undefined, undefined, undefined]);
    const channel = () => "mine";
    expect(fields(rules, events, MONDAY, ["source.channel"], { channel })).toEqual({ "source.channel": "mine" });
  });
});

describe("conditions", () => {
  it.each<[Test, unknown, boolean]>([
    ["/Pricing", "/pricing", true],
    ["/pricing*", "/pricing", true],
    ["/pricing*", "/pricing/a\nb", true],
    ["/pricing", "/pricing/", false],
    ["*chief*", "The Chief", true],
    ["vp *", "vp", false],
    ["a.c", "abc", false],
    ["", "", true],
    [3, 3, true],
    [3, "3", false],
    ["3", 3, false],
    [true, true, true],
    [true, "true", false],
    [false, undefined, false],
    [["a", 3], 3, true],
    [["a", 3], "b", false],
    [{ eq: "A*" }, "abc", true],
    [{ in: ["x", "y"] }, "Y", true],
    [{ gt: 3 }, 3, false],
    [{ gte: 3 }, 3, true],
    [{ gte: 3 }, "3", false],
    [{ lt: 3 }, undefined, false],
    [{ lt: 3 }, null, false],
    [{ lte: 3 }, 3, true],
    [{ between: [2, 5] }, 2, true],
    [{ between: [2, 5] }, 5, true],
    [{ between: [2, 5] }, 5.1, false],
    [{ gt: 2, lt: 5 }, 3, true],
    [{ gt: 2, lt: 5 }, 5, false],
    [{ contains: "IC" }, "/pricing", true],
    [{ contains: "a" }, ["b", "A"], true],
    [{ contains: 3 }, [1, 3], true],
    [{ contains: 3 }, "3", false],
    [{ contains: "a" }, undefined, false],
    [{ exists: true }, "", true],
    [{ exists: true }, false, true],
    [{ exists: true }, null, false],
    [{ exists: false }, undefined, true],
    [{ exists: false }, null, true],
    [{ exists: false }, 0, false],
    [{ not: "a" }, "b", true],
    [{ not: "a" }, "A", false],
    [{ not: "a" }, undefined, true],
    [{ not: { exists: false } }, undefined, false],
    [{ not: "a", gt: 1 }, undefined, false],
    [{ in: ["a*"], not: "ab" }, "ac", true],
    [{ in: ["a*"], not: "ab" }, "ab", false],
  ])("%j of %j is %s", (test, value, expected) => {
    expect(testHolds(test, { value: value as string })).toBe(expected);
  });

  it("reads durations where time is tested", () => {
    expect(testHolds({ gte: "45s" }, { value: 45 * SECOND, span: true })).toBe(true);
    expect(testHolds({ gt: "45s" }, { value: 45 * SECOND, span: true })).toBe(false);
    expect(testHolds({ between: ["1h", "4w"] }, { value: 4 * WEEK, span: true })).toBe(true);
    expect(testHolds({ lt: "1h" }, { value: undefined, span: true })).toBe(false);
    expect(testHolds({ not: { lt: "1h" } }, { value: undefined, span: true })).toBe(true);
  });

  it.each<[Condition, boolean]>([
    [{ a: 1, b: 2 }, true],
    [{ a: 1, b: 3 }, false],
    [{ any: [{ a: 2 }, { b: 2 }] }, true],
    [{ all: [{ a: 1 }, { b: 1 }] }, false],
    [{ not: { a: 1, b: 1 } }, true],
    [{ a: 1, not: { any: [{ b: 1 }, { all: [{ c: 3 }] }] } }, true],
    [{ a: 1, any: [{ b: 1 }, { c: 4 }] }, false],
  ])("%j is %s", (condition, expected) => {
    const values: Record<string, number> = { a: 1, b: 2 };
    expect(conditionHolds(condition, (field) => ({ value: values[field] }))).toBe(expected);
  });

  it("finds the fields of an event", () => {
    const event = message("page", MONDAY, {
      properties: { path: "/own", url: "https://www.site.example/own?utm_source=News&utm_campaign=No", deep: { x: 1 } },
      context: { page: { path: "/context", title: "T" }, campaign: { name: "Yes", term: "t" } },
      country: "DE",
    });
    const holds = (where: Condition) =>
      naive(document([{ id: "r", on: "page", where, points: 1 }]), [event], MONDAY).score === 1;
    expect(holds({ path: "/own", title: "t", host: "www.site.example" })).toBe(true);
    expect(holds({ campaign: "yes", term: "t", source: "news", country: "de", "properties.deep.x": 1 })).toBe(true);
    expect(holds({ referrer: { exists: true } })).toBe(false);
    expect(holds({ medium: { not: "cpc" } })).toBe(true);
  });

  it("sees traits in `where` as they are after the event", () => {
    const rules = document([{ id: "r", on: "identify", where: { "traits.plan": "pro" }, points: 1 }]);
    const events = [identify(MONDAY, { plan: "pro" }), identify(MONDAY, {}), identify(MONDAY, { plan: "free" })];
    expect(naive(rules, events, MONDAY).score).toBe(2);
  });
});

describe("levels", () => {
  const levels = {
    temperature: [
      { name: "cold" },
      { name: "warm", when: { score: { gte: 20 } } },
      { name: "hot", when: { score: { gte: 40 } } },
    ],
  };
  const rules: Rule[] = [
    { id: "twenty", on: "Form Submitted", points: 20 },
    { id: "forty", on: "Content Downloaded", points: 40 },
    { id: "less", on: "screen", points: -5 },
    { id: "short", on: "identify", points: 40, decay: { linear: "40d" } },
  ];
  const temperature = (hysteresis: number, events: LoggedEvent[], at = clockOf(events)) =>
    naive({ rules, levels, hysteresis: { temperature: hysteresis } }, events, at).levels.temperature;
  const less = () => message("screen", MONDAY);

  it("is the highest that holds, unrounded", () => {
    expect(temperature(0, [track(MONDAY, "Content Downloaded")])).toBe("hot");
    expect(temperature(0, [identify(MONDAY, {})], MONDAY + 1)).toBe("warm");
    expect(temperature(0, [identify(MONDAY, {})], MONDAY + 20 * DAY)).toBe("warm");
    expect(temperature(0, [identify(MONDAY, {})], MONDAY + 20 * DAY + 1)).toBe("cold");
  });

  it("need not pass through the levels below", () => {
    const odd = [
      { name: "cold" },
      { name: "warm", when: { score: { gte: 99 } } },
      { name: "hot", when: { score: { gte: 20 } } },
    ];
    const document: RulesDocument = { rules, levels: { temperature: odd } };
    expect(naive(document, [track(MONDAY, "Form Submitted")], MONDAY).levels.temperature).toBe("hot");
  });

  it("is left later than it is reached, with hysteresis", () => {
    const up = track(MONDAY, "Content Downloaded");
    expect(temperature(5, [up, less()])).toBe("hot");
    expect(temperature(5, [up, less(), less()])).toBe("warm");
    expect(temperature(4, [up, less()])).toBe("warm");
    expect(temperature(0, [up, less()])).toBe("warm");
    // 30, then 35 by another way: not hot again below 40.
    const again = { id: "five", on: "group", points: 5 };
    const events = [up, less(), less(), message("group", MONDAY)];
    const document: RulesDocument = { rules: [...rules, again], levels, hysteresis: { temperature: 5 } };
    expect(naive(document, events, MONDAY).levels.temperature).toBe("warm");
  });

  it("is lower for all levels at or below the one it stands on", () => {
    const up = [track(MONDAY, "Content Downloaded"), less(), less(), less(), less()];
    expect(temperature(5, up)).toBe("warm");
    expect(temperature(5, [...up, less()])).toBe("warm");
    expect(temperature(5, [...up, less(), less()])).toBe("cold");
  });

  it("is left through time alone, and not reached again without the full score", () => {
    // A point a day: hot until 35 are left, on the fifth day; warm until 15 are left.
    const up = identify(MONDAY, {});
    expect(temperature(5, [up], MONDAY + 5 * DAY)).toBe("hot");
    expect(temperature(5, [up], MONDAY + 5 * DAY + 1)).toBe("warm");
    expect(temperature(5, [up], MONDAY + 25 * DAY)).toBe("warm");
    expect(temperature(5, [up], MONDAY + 25 * DAY + 1)).toBe("cold");
    // 14 of the old and 20 more: from below it takes the full 40 to be hot.
    expect(temperature(5, [up, track(MONDAY + 26 * DAY, "Form Submitted")])).toBe("warm");
  });

  it("remembers a fall that was over before the next event", () => {
    const document: RulesDocument = {
      rules: [
        { id: "p", on: "page", points: 18 },
        { id: "first", while: { inactive: { lt: "1h" } }, points: 2 },
        { id: "gone", while: { inactive: { between: ["1d", "2d"] } }, points: -20 },
      ],
      levels,
      hysteresis: { temperature: 5 },
    };
    expect(naive(document, [page(MONDAY)], MONDAY).levels.temperature).toBe("warm");
    expect(naive(document, [page(MONDAY)], MONDAY + HOUR).levels.temperature).toBe("warm");
    expect(naive(document, [page(MONDAY)], MONDAY + DAY).levels.temperature).toBe("cold");
    expect(naive(document, [page(MONDAY)], MONDAY + 3 * DAY)).toMatchObject({
      score: 18,
      levels: { temperature: "cold" },
    });
  });

  it("loses its place while disqualified", () => {
    const all = [...rules, { id: "d", while: { "traits.rival": true }, disqualify: "rival" }];
    const document: RulesDocument = { rules: all, levels, hysteresis: { temperature: 5 } };
    const events = [
      track(MONDAY, "Content Downloaded"),
      less(),
      message("group", MONDAY, { traits: { rival: true } }),
      message("group", MONDAY, { traits: { rival: false } }),
    ];
    expect(naive(document, events.slice(0, 2), MONDAY).levels.temperature).toBe("hot");
    expect(naive(document, events.slice(0, 3), MONDAY).levels.temperature).toBe("cold");
    expect(naive(document, events, MONDAY).levels.temperature).toBe("warm");
  });
});

describe("random documents and histories", () => {
  it("are scored without exceptions, in finite numbers, on levels that exist", () => {
    fc.assert(
      fc.property(arbitraryCase(), ({ rules, events, at }) => {
        const result = naive(rules, events, at);
        expect(Number.isFinite(result.score)).toBe(true);
        expect(Object.values(result.scores).every(Number.isFinite)).toBe(true);
        for (const [ladder, levels] of Object.entries(rules.levels)) {
          expect(levels.map((level) => level.name)).toContain(result.levels[ladder]);
        }
        for (const { points, fired, limited } of Object.values(result.perRule)) {
          expect(Number.isFinite(points) && fired >= 0 && limited >= 0).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("really fire, meet limits, disqualify, and reach levels", () => {
    const seen = { fired: 0, limited: 0, states: 0, disqualified: 0, up: 0 };
    const cases = fc.sample(arbitraryCase({ rules: { features: { hysteresis: false } } }), { numRuns: 200, seed: 7 });
    for (const { rules, events, at } of cases) {
      const result = naive(rules, events, at);
      const each = Object.values(result.perRule);
      if (each.some((rule) => rule.fired > 0)) seen.fired += 1;
      if (each.some((rule) => rule.limited > 0)) seen.limited += 1;
      if (rules.rules.some((rule) => rule.while && result.perRule[rule.id]?.points !== 0)) seen.states += 1;
      if (result.disqualified !== null) seen.disqualified += 1;
      if (result.levels.temperature !== "cold") seen.up += 1;
    }
    expect(Math.min(seen.fired, seen.states, seen.up)).toBeGreaterThan(50);
    expect(seen.limited).toBeGreaterThan(20);
    expect(seen.disqualified).toBeGreaterThan(5);
  });

  it("leave out what they are told to", () => {
    const features = {
      decay: false,
      counters: false,
      hysteresis: false,
      disqualify: false,
      reset: false,
      groups: false,
      limits: false,
      clamps: false,
      while: false,
      time: false,
      nesting: false,
    };
    for (const rules of fc.sample(arbitraryRules({ features }), { numRuns: 100, seed: 7 })) {
      const text = JSON.stringify(rules);
      for (const key of ["decay", "counters", "hysteresis", "disqualify", "reset", "group", "limit", "while", "any"]) {
        expect(text).not.toContain(`"${key}":`);
      }
    }
  });

  it("keep to the span in which days are exact, each message once", () => {
    for (const events of fc.sample(arbitraryHistory({ maxEvents: 60 }), { numRuns: 100, seed: 7 })) {
      const times = events.map((event) => event.timestamp);
      if (times.length > 0) expect(Math.max(...times) - Math.min(...times)).toBeLessThan(400 * DAY);
      expect(new Set(events.map((event) => event.messageId)).size).toBe(events.length);
    }
  });
});
