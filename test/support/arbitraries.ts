/**
 * Random rule documents and random histories for the property tests. The vocabulary is small so that rules fire, meet
 * their limits and contradict each other; times crowd where the contract draws its lines (30 minutes, midnight UTC,
 * Mondays, months, the durations the rules use). Everything shrinks towards fewer, plainer, closer things: references
 * are indexes resolved at the end and times are gaps, so that leaving something out never invalidates the rest.
 */

import fc from "fast-check";
import type { EventType, JsonObject, LoggedEvent } from "../../worker/core/event";
import type { Condition, Counter, Decay, Dimension, Group, Level, Operators, Rule, RulesDocument, Test } from "./naive";
import { DAY, HOUR, MINUTE, milliseconds, SECOND, WEEK } from "./naive";

// ---- What can be left out ------------------------------------------------------------------------------------------

/** All are on unless said otherwise, but for `disputable`. */
export type Feature =
  /** Any decay at all. */
  | "decay"
  /** Decays other than `halfLife`. */
  | "decayKinds"
  /** `decay` (or `null`) on a rule. */
  | "ruleDecay"
  | "counters"
  | "hysteresis"
  | "disqualify"
  | "reset"
  | "groups"
  | "limits"
  /** `by` in limits. */
  | "by"
  /** `min` and `max` of dimensions. */
  | "clamps"
  /** Rules with `while`. */
  | "while"
  /** `inactive`, `since.*` and `within`: what time alone changes, decay aside. */
  | "time"
  /** `any`, `all`, `not` in conditions. */
  | "nesting"
  | "traits"
  /** `email*`, `known`, `verified`. */
  | "identity"
  /** `source.*` in conditions. */
  | "source"
  /** `status`, `feedback`. */
  | "sales"
  /** Dimensions beyond the default one. */
  | "dimensions"
  /** Points that are not whole. */
  | "fractions"
  /** What the contract can be read in more than one way about: exact spans of time, odd texts. */
  | "disputable";

export type Features = Partial<Record<Feature, boolean>>;

export interface RulesOptions {
  features?: Features;
  maxRules?: number;
}

function chooser(features: Features = {}): (feature: Feature) => boolean {
  return (feature) => features[feature] ?? feature !== "disputable";
}

type Has = (feature: Feature) => boolean;

// ---- Vocabulary ----------------------------------------------------------------------------------------------------

export const PATHS = ["/", "/pricing", "/pricing/teams", "/blog/one", "/blog/Two", "/careers"] as const;
export const TRACKS = ["Form Submitted", "Content Downloaded", "CTA Clicked", "Page Engaged"] as const;
export const VISITORS = ["v1", "v2", "v3"] as const;

const PATH_PATTERNS = ["/", "/pricing", "/pricing*", "/blog/*", "/blog/two", "*e*", "/careers*", "*"];
const HOSTS = ["site.example", "docs.site.example"];
const REFERRERS = ["https://www.google.com/", "https://www.facebook.com/x", "https://blog.example/post"];
const MEDIA = ["cpc", "email", "social"];
const CAMPAIGNS = ["spring", "Launch"];
const COUNTRIES = ["DE", "US"];
const FORMS = ["demo", "contact"];
const FILES = ["a.pdf", "b.pdf", "c.pdf"];
const TITLES = ["Chief Executive", "VP Sales", "intern"];
const PLANS = ["free", "pro"];
const TAGS = ["red", "green"];
const EMAILS = ["ann@acme.example", "Bob@Rival.example", "eve@gmail.com"];
const STATUSES = ["open", "opportunity", "customer"];
const FEEDBACK = ["qualified", "notReady"];
const DIMENSIONS = ["engagement", "fit", "intent"];
const GROUPS = ["blog", "forms"];
const COUNTERS = ["views", "downloads", "seconds"];
const ONS = ["page", "page", "page", "screen", "identify", "group", ...TRACKS, "form submitted"];
// Few, so that the window of a counter and the instant at which it is looked at are often the same.
const SPANS = ["30m", "1d", "1d", "7d", "30d", "45s"];
const DECAY_SPANS = ["30m", "1d", "1d", "7d", "30d", "12h"];

// ---- Conditions ----------------------------------------------------------------------------------------------------

type FieldTest = [field: string, test: Test];

function oneOf<T>(values: readonly T[]): fc.Arbitrary<T> {
  return fc.constantFrom(...values);
}

/** Texts that a field can have, as they are and as patterns. */
function textTest(values: readonly string[]): fc.Arbitrary<Test> {
  const text = oneOf([...values, ...values.map((value) => value.toUpperCase()), `${(values[0] ?? "").slice(0, 3)}*`]);
  const several = fc.uniqueArray(text, { minLength: 1, maxLength: 3 });
  return fc.oneof(
    { weight: 4, arbitrary: text },
    { weight: 2, arbitrary: several },
    text.map((eq): Operators => ({ eq })),
    several.map((list): Operators => ({ in: list })),
    oneOf(values).map((value): Operators => ({ contains: value.slice(1, 4) || value })),
    fc.boolean().map((exists): Operators => ({ exists })),
    text.map((value): Operators => ({ not: value })),
    fc.record({ in: several, not: text }),
  );
}

function ordered(bounds: [number, number]): [number, number] {
  return [Math.min(...bounds), Math.max(...bounds)];
}

function numberTest(max: number): fc.Arbitrary<Test> {
  const bound = fc.integer({ min: 0, max });
  return fc.oneof(
    { weight: 4, arbitrary: bound.map((gte): Operators => ({ gte })) },
    { weight: 2, arbitrary: fc.tuple(bound, bound).map((between): Operators => ({ between: ordered(between) })) },
    bound.map((gt): Operators => ({ gt })),
    bound.map((lt): Operators => ({ lt })),
    bound.map((lte): Operators => ({ lte })),
    bound,
    fc.uniqueArray(bound, { minLength: 1, maxLength: 3 }),
    bound.map((value): Operators => ({ not: { gte: value } })),
    fc.boolean().map((exists): Operators => ({ exists })),
  );
}

function spanTest(has: Has): fc.Arbitrary<Test> {
  const span = oneOf(SPANS);
  const tests: fc.Arbitrary<Test>[] = [
    span.map((gte): Operators => ({ gte })),
    span.map((lt): Operators => ({ lt })),
    span.map((gt): Operators => ({ gt })),
    span.map((lte): Operators => ({ lte })),
    fc
      .tuple(span, span)
      .map(([a, b]): Operators => ({ between: milliseconds(a) <= milliseconds(b) ? [a, b] : [b, a] })),
    span.map((value): Operators => ({ not: { lt: value } })),
    fc.boolean().map((exists): Operators => ({ exists })),
  ];
  if (has("disputable")) tests.push(span);
  return fc.oneof(...tests);
}

function flagTest(): fc.Arbitrary<Test> {
  return fc.oneof(
    fc.boolean(),
    fc.boolean().map((eq): Operators => ({ eq })),
    fc.boolean().map((not): Operators => ({ not })),
  );
}

function test<F extends string>(field: F, tests: fc.Arbitrary<Test>): fc.Arbitrary<FieldTest> {
  return tests.map((each): FieldTest => [field, each]);
}

function traitTests(): fc.Arbitrary<FieldTest>[] {
  return [
    test("traits.title", textTest(TITLES)),
    test("traits.plan", textTest(PLANS)),
    test("traits.seats", numberTest(20)),
    test("traits.trial", flagTest()),
    test("traits.company.size", numberTest(20)),
    test(
      "traits.tags",
      oneOf(TAGS).map((contains): Operators => ({ contains })),
    ),
  ];
}

function whereTests(has: Has): fc.Arbitrary<FieldTest> {
  return fc.oneof(
    { weight: 6, arbitrary: test("path", textTest(PATH_PATTERNS)) },
    { weight: 2, arbitrary: test("properties.form", textTest(FORMS)) },
    { weight: 2, arbitrary: test("properties.file", textTest(FILES)) },
    test("properties.seconds", numberTest(60)),
    test("properties.nested.deep", flagTest()),
    test("host", textTest(HOSTS)),
    test("url", textTest(["https://site.example/*", "*docs.*"])),
    test("referrer", textTest(REFERRERS)),
    test("medium", textTest(MEDIA)),
    test("campaign", textTest(CAMPAIGNS)),
    test("country", textTest(COUNTRIES)),
    ...(has("traits") ? traitTests() : []),
  );
}

/** Tests of the lead; `counters` are indexes until the document is put together. */
function whileTests(has: Has): fc.Arbitrary<FieldTest> {
  const tests: fc.Arbitrary<FieldTest>[] = [
    test("visits", numberTest(6)),
    test("pageviews", numberTest(10)),
    test("daysActive", numberTest(6)),
    test("country", textTest(COUNTRIES)),
  ];
  if (has("counters")) {
    const counted = fc.nat(2).chain((index) => test(`counters.#${index}`, numberTest(4)));
    tests.push(counted, counted, counted, counted);
  }
  if (has("time")) {
    tests.push(test("inactive", spanTest(has)), test("inactive", spanTest(has)));
    tests.push(oneOf(["page", "identify", ...TRACKS]).chain((name) => test(`since.${name}`, spanTest(has))));
  }
  if (has("traits")) tests.push(...traitTests());
  if (has("identity")) {
    tests.push(test("email", textTest(EMAILS)), test("email.domain", textTest(["acme.example", "rival.example"])));
    tests.push(test("email.free", flagTest()), test("known", flagTest()));
    if (has("disputable")) tests.push(test("verified", flagTest()));
  }
  if (has("source")) {
    tests.push(test("source.channel", textTest(["direct", "organic", "paid", "email", "social", "referral"])));
    tests.push(test("source.referrer", textTest(REFERRERS)), test("source.campaign", textTest(CAMPAIGNS)));
  }
  if (has("sales")) tests.push(test("status", textTest(STATUSES)), test("feedback", textTest(FEEDBACK)));
  return fc.oneof(...tests);
}

/** At most four deep. */
function condition(tests: fc.Arbitrary<FieldTest>, has: Has, depth = 3): fc.Arbitrary<Condition> {
  const flat: fc.Arbitrary<Condition> = fc
    .uniqueArray(tests, { minLength: 1, maxLength: 2, selector: ([field]) => field })
    .map((pairs) => Object.fromEntries(pairs));
  if (!has("nesting") || depth === 0) return flat;
  const inner = condition(tests, has, depth - 1);
  const several = fc.array(inner, { minLength: 1, maxLength: 3 });
  return fc.oneof(
    { withCrossShrink: true },
    { weight: 8, arbitrary: flat },
    { weight: 1, arbitrary: several.map((any) => ({ any })) },
    { weight: 1, arbitrary: several.map((all) => ({ all })) },
    { weight: 1, arbitrary: inner.map((not) => ({ not })) },
    { weight: 1, arbitrary: fc.tuple(flat, several).map(([fields, any]): Condition => ({ ...fields, any })) },
  );
}

// ---- Parts of a document -------------------------------------------------------------------------------------------

function decay(has: Has): fc.Arbitrary<Decay> {
  const span = oneOf(DECAY_SPANS);
  const halfLife = span.map((each): Decay => ({ halfLife: each }));
  if (!has("decayKinds")) return halfLife;
  return fc.oneof(
    span.map((expires): Decay => ({ expires })),
    halfLife,
    span.map((linear): Decay => ({ linear })),
    fc.record({ every: span, percent: fc.constantFrom(100, 50, 25, 10, 30) }),
  );
}

function when<T>(wanted: boolean, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return wanted ? fc.option(arbitrary, { nil: undefined }) : fc.constant(undefined);
}

/** JSON has no undefined: what was left out is no key at all. */
function plain<T>(value: unknown): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

function points(has: Has): fc.Arbitrary<number> {
  const whole = fc.integer({ min: -20, max: 40 }).map((value) => (value === 0 ? 5 : value));
  if (!has("fractions")) return whole;
  // Halves and quarters add up exactly, in whatever order.
  return fc.oneof(
    { weight: 5, arbitrary: whole },
    whole.map((value) => value / 4),
  );
}

function dimension(has: Has): fc.Arbitrary<Dimension> {
  return fc
    .record({
      decay: when(has("decay"), decay(has)),
      min: when(has("clamps"), fc.integer({ min: -40, max: 0 })),
      max: when(has("clamps"), fc.integer({ min: 5, max: 100 })),
    })
    .map((each) => plain<Dimension>(each));
}

function group(): fc.Arbitrary<Group> {
  return fc.oneof(
    fc.record({ max: fc.integer({ min: 0, max: 50 }) }),
    fc.record({ min: fc.integer({ min: -30, max: 0 }) }),
    fc.record({ min: fc.integer({ min: -30, max: 0 }), max: fc.integer({ min: 0, max: 50 }) }),
  );
}

function counter(has: Has): fc.Arbitrary<Counter> {
  return fc
    .record({
      on: oneOf(ONS),
      where: fc.option(condition(whereTests(has), has, 1), { nil: undefined }),
      sum: fc.option(fc.constant("properties.seconds"), { nil: undefined, freq: 2 }),
      within: has("time") ? fc.option(oneOf([...SPANS, "visit"]), { nil: undefined }) : fc.constant(undefined),
    })
    .map((each) => plain<Counter>(each));
}

/** A rule whose references are still indexes. */
interface Draft {
  trigger: { on: string; where: Condition | undefined } | { while: Condition };
  effect: { points: number } | { reset: number[] } | { disqualify: string };
  dimension: number | undefined;
  group: number | undefined;
  limit: Rule["limit"];
  decay: Decay | null | undefined;
}

function draft(has: Has): fc.Arbitrary<Draft> {
  const on = fc.record({
    on: oneOf(ONS),
    where: fc.option(condition(whereTests(has), has), { nil: undefined, freq: 2 }),
  });
  const state = condition(whileTests(has), has).map((each) => ({ while: each }));
  const effects: fc.MaybeWeightedArbitrary<Draft["effect"]>[] = [
    { weight: 10, arbitrary: fc.record({ points: points(has) }) },
  ];
  if (has("reset")) {
    effects.push({
      weight: 1,
      arbitrary: fc.uniqueArray(fc.nat(2), { minLength: 1, maxLength: 2 }).map((reset) => ({ reset })),
    });
  }
  if (has("disqualify")) {
    effects.push({ weight: 1, arbitrary: oneOf(["competitor", "student"]).map((disqualify) => ({ disqualify })) });
  }
  const limit = fc
    .record({
      times: fc.constantFrom(1, 1, 2, 3),
      per: fc.option(fc.constantFrom("visit", "day", "week", "month"), { nil: undefined }),
      by: when(has("by"), oneOf(["properties.file", "properties.seconds", "path"])),
    })
    .map((each) => plain<NonNullable<Rule["limit"]>>(each));
  return fc.record({
    trigger: has("while")
      ? fc.oneof({ weight: 2, arbitrary: on }, { weight: 1, arbitrary: state })
      : (on as fc.Arbitrary<Draft["trigger"]>),
    effect: fc.oneof(...effects),
    dimension: fc.option(fc.nat(2), { nil: undefined }),
    group: when(has("groups"), fc.nat(1)),
    limit: when(has("limits"), limit),
    decay:
      has("decay") && has("ruleDecay")
        ? fc.option(fc.option(decay(has)), { nil: undefined, freq: 2 })
        : fc.constant(undefined),
  });
}

/**
 * A threshold that no sum of decayed points meets exactly, where there is decay: there floating point, not the
 * contract, would decide. Without decay sums are exact, and thresholds are numbers that sums do meet.
 */
function threshold(has: Has): fc.Arbitrary<number> {
  return fc.integer({ min: -10, max: 70 }).map((value) => (has("decay") ? value + 0.3719 : value));
}

function scoreTests(has: Has): fc.Arbitrary<FieldTest> {
  const bound = threshold(has);
  const rising = fc.oneof(
    { weight: 4, arbitrary: bound.map((gte): Operators => ({ gte })) },
    bound.map((gt): Operators => ({ gt })),
  );
  // A hysteresis that lowers an upper bound would make a level harder to keep: the contract has no such case in mind.
  const tests = has("hysteresis")
    ? rising
    : fc.oneof(
        { weight: 4, arbitrary: rising },
        bound.map((lt): Operators => ({ lt })),
        fc.tuple(bound, bound).map((between): Operators => ({ between: ordered(between) })),
        bound.map((value): Operators => ({ not: { lte: value } })),
      );
  return fc.oneof(
    { weight: 4, arbitrary: test("score", tests) },
    fc.nat(2).chain((index) => test(`scores.#${index}`, tests)),
  );
}

function levelCondition(has: Has): fc.Arbitrary<Condition> {
  const score = scoreTests(has).map(([field, each]): Condition => ({ [field]: each }));
  const other = condition(whileTests(has), has, 1);
  const pair = fc.tuple(score, other);
  return fc.oneof(
    { weight: 5, arbitrary: score },
    { weight: 1, arbitrary: other },
    { weight: 1, arbitrary: pair.map((all): Condition => (has("nesting") ? { all } : { ...all[0], ...all[1] })) },
    { weight: 1, arbitrary: pair.map((any): Condition => (has("nesting") ? { any } : any[0])) },
  );
}

const LEVEL_NAMES = {
  temperature: ["cold", "warm", "hot"],
  stage: ["lead", "mql", "sql", "customer"],
} as const;

function ladder(has: Has, names: readonly string[]): fc.Arbitrary<Level[]> {
  return fc
    .array(levelCondition(has), { minLength: 1, maxLength: names.length - 1 })
    .map((conditions) => [
      { name: names[0] ?? "" },
      ...conditions.map((condition, index) => ({ name: names[index + 1] ?? "", when: condition })),
    ]);
}

// ---- The document --------------------------------------------------------------------------------------------------

/** Puts names in the place of indexes in the keys of a condition; a counter that does not exist becomes `visits`. */
function named(condition: Condition, dimensions: string[], counters: string[]): Condition {
  const key = (field: string): string => {
    const reference = /^(scores|counters)\.#(\d)$/.exec(field);
    if (reference === null) return field;
    const names = reference[1] === "scores" ? dimensions : counters;
    const name = names[Number(reference[2]) % Math.max(1, names.length)];
    return name === undefined ? "visits" : `${reference[1]}.${name}`;
  };
  return Object.fromEntries(
    Object.entries(condition).map(([field, value]): [string, Condition[string]] => {
      if (field === "any" || field === "all") {
        return [field, (value as Condition[]).map((inner) => named(inner, dimensions, counters))];
      }
      if (field === "not") return [field, named(value as Condition, dimensions, counters)];
      return [key(field), value];
    }),
  );
}

function nth(names: string[], index: number): string | undefined {
  return names[index % Math.max(1, names.length)];
}

function finished(each: Draft, index: number, dimensions: string[], groups: string[], counters: string[]): Rule {
  const rule: Partial<Rule> = { id: `r${index}` };
  if ("while" in each.trigger) rule.while = named(each.trigger.while, dimensions, counters);
  else {
    rule.on = each.trigger.on;
    if (each.trigger.where !== undefined) rule.where = each.trigger.where;
  }
  const isOn = rule.on !== undefined;
  const effect = each.effect;
  if ("disqualify" in effect) rule.disqualify = effect.disqualify;
  // A `while` rule cannot reset.
  else if ("reset" in effect && isOn) {
    rule.reset = [...new Set(effect.reset.map((reset) => nth(dimensions, reset) ?? "engagement"))];
  } else {
    rule.points = "points" in effect ? effect.points : 5;
    const dimension = each.dimension === undefined ? undefined : nth(dimensions, each.dimension);
    if (dimension !== undefined) rule.dimension = dimension;
    const group = each.group === undefined ? undefined : nth(groups, each.group);
    if (isOn && group !== undefined) rule.group = group;
    if (isOn && each.decay !== undefined) rule.decay = each.decay;
  }
  if (isOn && each.limit !== undefined) rule.limit = each.limit;
  return rule as Rule;
}

/** The first few of the names, each with something. */
function table<T>(names: readonly string[], values: readonly T[]): Record<string, T> {
  return Object.fromEntries(values.map((value, index) => [names[index] ?? `x${index}`, value]));
}

export function arbitraryRules(options: RulesOptions = {}): fc.Arbitrary<RulesDocument> {
  const has = chooser(options.features);
  const parts = fc.record({
    // `reset` and `scores.*` must name a dimension that is listed, so that there is always one.
    dimensions: fc.array(dimension(has), { minLength: 1, maxLength: has("dimensions") ? 3 : 1 }),
    groups: has("groups") ? fc.array(group(), { maxLength: 2 }) : fc.constant([]),
    counters: has("counters") ? fc.array(counter(has), { maxLength: 3 }) : fc.constant([]),
    rules: fc.array(draft(has), { minLength: 1, maxLength: options.maxRules ?? 10, size: "max" }),
    temperature: ladder(has, LEVEL_NAMES.temperature),
    stage: fc.option(ladder(has, LEVEL_NAMES.stage), { nil: undefined }),
    hysteresis: has("hysteresis")
      ? fc.record({ temperature: fc.nat(15), stage: fc.nat(15) })
      : fc.constant({ temperature: 0, stage: 0 }),
  });
  return parts.map((made) => {
    const dimensions = table(DIMENSIONS, made.dimensions);
    const groups = table(GROUPS, made.groups);
    const counters = table(COUNTERS, made.counters);
    const ladders = { temperature: made.temperature, stage: made.stage };
    const levels = Object.fromEntries(
      Object.entries(plain<Record<string, Level[]>>(ladders)).map(([name, rungs]) => [
        name,
        rungs.map((level) => ({
          ...level,
          ...(level.when && { when: named(level.when, Object.keys(dimensions), Object.keys(counters)) }),
        })),
      ]),
    );
    const hysteresis = Object.fromEntries(
      Object.entries(made.hysteresis).filter(([name, width]) => width !== 0 && name in levels),
    );
    return plain<RulesDocument>({
      dimensions,
      groups: Object.keys(groups).length === 0 ? undefined : groups,
      counters: Object.keys(counters).length === 0 ? undefined : counters,
      rules: made.rules.map((each, index) =>
        finished(each, index, Object.keys(dimensions), Object.keys(groups), Object.keys(counters)),
      ),
      levels,
      hysteresis: Object.keys(hysteresis).length === 0 ? undefined : hysteresis,
    });
  });
}

// ---- Histories -----------------------------------------------------------------------------------------------------

export type HistoryFeature =
  /** Events older than others that were accepted before them. */
  | "late"
  /** Events of machines. */
  | "machine"
  /** `context.active: false` on visitors' own events. */
  | "inactive"
  /** `verified` identities. */
  | "verified"
  /** What the REST API logs: status, feedback, requalification. */
  | "sales"
  /** `alias`. */
  | "alias";

export interface HistoryOptions {
  /** All are on unless said otherwise. */
  features?: Partial<Record<HistoryFeature, boolean>>;
  visitors?: number;
  minEvents?: number;
  maxEvents?: number;
}

/** A Saturday evening at the end of a month: midnight, a Monday and a new month are all near. */
export const BASE = Date.UTC(2026, 0, 31, 22);
/** `daysActive` is exact over 400 days only. */
const SPAN = 300 * DAY;

type Gap = number | { to: "day" | "week" | "month"; shift: number };

function gaps(): fc.Arbitrary<Gap> {
  const short = fc.oneof(
    fc.constantFrom(0, 1, SECOND, 10 * SECOND, MINUTE, 5 * MINUTE),
    fc.integer({ min: 0, max: 20 * MINUTE }),
  );
  const shift = fc.constantFrom(0, -1, 1);
  const half = shift.map((each) => 30 * MINUTE + each);
  const long = fc.oneof(
    fc.constantFrom(HOUR, 12 * HOUR, DAY, 2 * DAY, WEEK, 4 * WEEK, 30 * DAY),
    fc.constantFrom(...SPANS, ...DECAY_SPANS).chain((span) => shift.map((each) => milliseconds(span) + each)),
    fc.integer({ min: HOUR, max: 5 * DAY }),
  );
  const edge = fc.record({ to: fc.constantFrom("day" as const, "week" as const, "month" as const), shift });
  return fc.oneof(
    { withCrossShrink: true },
    { weight: 6, arbitrary: short },
    { weight: 3, arbitrary: half },
    { weight: 3, arbitrary: long },
    { weight: 2, arbitrary: edge },
  );
}

function after(instant: number, gap: Gap): number {
  if (typeof gap === "number") return instant + gap;
  const date = new Date(instant);
  const days = gap.to === "day" ? 1 : (8 - date.getUTCDay()) % 7 || 7;
  const edge =
    gap.to === "month"
      ? Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1)
      : Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate() + days);
  return Math.max(instant, edge + gap.shift);
}

type Message = Pick<LoggedEvent, "type"> & Partial<LoggedEvent>;

function view(type: EventType): fc.Arbitrary<Message> {
  return fc
    .record({
      path: oneOf(PATHS),
      host: fc.option(oneOf(HOSTS), { nil: undefined }),
      referrer: fc.option(oneOf(REFERRERS), { nil: undefined, freq: 2 }),
      campaign: fc.option(fc.record({ medium: oneOf(MEDIA), name: oneOf(CAMPAIGNS) }), { nil: undefined, freq: 2 }),
      how: fc.constantFrom("properties", "page", "utm"),
    })
    .map(({ path, host, referrer, campaign, how }) => {
      // A page says what it is in `properties`, or in `context.page`; a campaign is in `context`, or in the address.
      const inUrl = how === "utm" && host !== undefined && campaign !== undefined;
      const query = inUrl ? `?utm_medium=${campaign.medium}&utm_campaign=${campaign.name}` : "";
      const page = { path, url: host === undefined ? undefined : `https://${host}${path}${query}`, referrer };
      const context = { page: how === "page" ? page : undefined, campaign: inUrl ? undefined : campaign };
      return { type, properties: how === "page" ? undefined : page, context };
    })
    .map((each) => plain<Message>(each));
}

function track(): fc.Arbitrary<Message> {
  const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
  const properties = fc
    .record({
      form: maybe(oneOf(FORMS)),
      file: maybe(oneOf(FILES)),
      seconds: maybe(fc.constantFrom<(number | string | null)[]>(10, "10", 30, 45, null)),
      nested: maybe(fc.record({ deep: fc.boolean() })),
    })
    .map((each) => plain<JsonObject>(each));
  return fc
    .record({
      event: oneOf([...TRACKS, "FORM SUBMITTED", "page"]),
      properties,
      path: fc.option(oneOf(PATHS), { nil: undefined }),
    })
    .map(({ event, properties: own, path }) => ({
      type: "track",
      event,
      properties: own,
      ...(path !== undefined && { context: { page: { path } } }),
    }));
}

function traits(withEmail: boolean): fc.Arbitrary<JsonObject> {
  return fc
    .record({
      title: fc.option(oneOf([...TITLES, null]), { nil: undefined }),
      plan: fc.option(oneOf([...PLANS, null]), { nil: undefined }),
      seats: fc.option(fc.constantFrom(1, 5, 10, "5"), { nil: undefined }),
      trial: fc.option(fc.boolean(), { nil: undefined }),
      company: fc.option(fc.record({ size: fc.nat(20) }), { nil: undefined }),
      tags: fc.option(fc.uniqueArray(oneOf(TAGS), { maxLength: 2 }), { nil: undefined }),
      // A group's e-mail address is not a person's.
      email: withEmail ? fc.option(oneOf([...EMAILS, null]), { nil: undefined }) : fc.constant(undefined),
    })
    .map((each) => plain<JsonObject>(each));
}

function identify(verified: boolean): fc.Arbitrary<Message> {
  return fc
    .record({
      traits: traits(true),
      userId: fc.option(fc.constant("u1"), { nil: undefined }),
      verified: verified ? fc.option(fc.constant(true), { nil: undefined, freq: 4 }) : fc.constant(undefined),
    })
    .map((each) => plain<Message>({ type: "identify", ...each }));
}

/** What `PATCH` leaves in the log. */
function patch(): fc.Arbitrary<Message> {
  const logged = (event: string, properties: JsonObject): Message => ({
    type: "track",
    event,
    properties,
    context: { active: false },
    verified: true,
  });
  return fc.oneof(
    oneOf(STATUSES).map((status) => logged("Lead Status Changed", { status })),
    oneOf(FEEDBACK).map((feedback) => logged("Sales Feedback Given", { feedback })),
    fc.constant(logged("Lead Requalified", {})),
  );
}

function messages(has: (feature: HistoryFeature) => boolean): fc.Arbitrary<Message> {
  const kinds: fc.WeightedArbitrary<Message>[] = [
    { weight: 8, arbitrary: view("page") },
    { weight: 7, arbitrary: track() },
    { weight: 3, arbitrary: identify(has("verified")) },
    { weight: 1, arbitrary: view("screen") },
    { weight: 1, arbitrary: traits(false).map((each): Message => ({ type: "group", traits: each })) },
  ];
  if (has("sales")) kinds.push({ weight: 1, arbitrary: patch() });
  if (has("alias"))
    kinds.push({ weight: 1, arbitrary: fc.constant({ type: "alias", userId: "u1", previousId: "v1" }) });
  return fc.oneof(...kinds);
}

/** Events of one lead in accepted order. */
export function arbitraryHistory(options: HistoryOptions = {}): fc.Arbitrary<LoggedEvent[]> {
  const has = (feature: HistoryFeature) => options.features?.[feature] ?? true;
  const rare = (wanted: boolean) =>
    wanted
      ? fc.oneof({ weight: 15, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) })
      : fc.constant(false);
  const lateBy = fc.oneof(
    fc.constantFrom(1, MINUTE, 30 * MINUTE, 30 * MINUTE + 1, DAY, WEEK, 29 * DAY),
    fc.integer({ min: 0, max: 3 * DAY }),
  );
  const step = fc.record({
    gap: gaps(),
    late: has("late") ? fc.option(lateBy, { nil: 0, freq: 5 }) : fc.constant(0),
    visitor: fc.nat((options.visitors ?? VISITORS.length) - 1),
    message: messages(has),
    country: fc.option(oneOf(COUNTRIES), { nil: undefined }),
    machine: rare(has("machine")),
    inactive: rare(has("inactive")),
  });
  return fc
    .array(step, { minLength: options.minEvents ?? 0, maxLength: options.maxEvents ?? 30, size: "max" })
    .map((steps) => {
      let now = BASE;
      return steps.map((each, index): LoggedEvent => {
        const next = after(now, each.gap);
        if (next <= BASE + SPAN) now = next;
        const isPatch = each.message.context?.active === false;
        // Nobody but a client sends where from it was sent, or goes unseen.
        const client: Partial<LoggedEvent> = isPatch
          ? {}
          : {
              ...(each.country !== undefined && { country: each.country }),
              ...(each.machine && { machine: true }),
              ...(each.inactive && { context: { ...each.message.context, active: false } }),
            };
        return {
          messageId: `m${index}`,
          timestamp: isPatch ? now : now - each.late,
          visitor: VISITORS[each.visitor] ?? `v${each.visitor + 1}`,
          ...each.message,
          ...client,
        };
      });
    });
}

/** The latest timestamp of a history: no state can be asked for before it. */
export function clockOf(events: LoggedEvent[]): number {
  return Math.max(BASE, ...events.map((event) => event.timestamp));
}

/** When the lead is looked at: some time after all of it, or where a span that rules may use, from one event, ends. */
type Look = { wait: number } | { event: number; span: string; shift: number };

function looks(): fc.Arbitrary<Look> {
  const wait = fc.oneof(fc.constantFrom(0, 1, HOUR, DAY, WEEK, 30 * DAY), fc.integer({ min: 0, max: 90 * DAY }));
  return fc.oneof(
    { withCrossShrink: true },
    wait.map((each) => ({ wait: each })),
    fc.record({ event: fc.nat(), span: oneOf([...SPANS, ...DECAY_SPANS]), shift: fc.constantFrom(0, -1, 1) }),
  );
}

function instantOf(look: Look, events: LoggedEvent[]): number {
  const clock = clockOf(events);
  if ("wait" in look) return clock + look.wait;
  const from = events[look.event % Math.max(1, events.length)]?.timestamp ?? clock;
  return Math.max(clock, from + milliseconds(look.span) + look.shift);
}

/** Instants to look at a lead, none before its latest event. */
export function arbitraryInstant(events: LoggedEvent[]): fc.Arbitrary<number> {
  return looks().map((look) => instantOf(look, events));
}

export interface Case {
  rules: RulesDocument;
  events: LoggedEvent[];
  at: number;
}

export function arbitraryCase(options: { rules?: RulesOptions; history?: HistoryOptions } = {}): fc.Arbitrary<Case> {
  return fc
    .record({
      rules: arbitraryRules(options.rules),
      events: arbitraryHistory(options.history),
      look: looks(),
    })
    .map(({ rules, events, look }) => ({ rules, events, at: instantOf(look, events) }));
}
