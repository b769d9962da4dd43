/**
 * The oracle of the property tests: the scoring rules of the public contract in the plainest code there is. It keeps
 * every event and every award and reads everything from those lists again whenever it is asked. It shares no code
 * with the product on purpose: what both agree on is what the contract says, not what one file says.
 *
 * Not modelled: the bounds on a lead's state (500 live occurrences, 400 days), but for the 500 values of `by`.
 */

import type { Json, JsonObject, LoggedEvent } from "../../worker/core/event";

// ---- The document --------------------------------------------------------------------------------------------------

export type Scalar = string | number | boolean;

export interface Operators {
  eq?: Scalar;
  in?: Scalar[];
  gt?: number | string;
  gte?: number | string;
  lt?: number | string;
  lte?: number | string;
  between?: [number, number] | [string, string];
  contains?: Scalar;
  exists?: boolean;
  not?: Test;
}

export type Test = Scalar | Scalar[] | Operators;

/** Every key is a field with its test, but for `any`, `all` (arrays of conditions) and `not` (a condition). */
export interface Condition {
  [field: string]: Test | Condition | Condition[];
}

export type Decay =
  | { halfLife: string }
  | { linear: string }
  | { expires: string }
  | { every: string; percent: number };

export type Period = "visit" | "day" | "week" | "month";

export interface Dimension {
  decay?: Decay;
  min?: number;
  max?: number;
}

export interface Group {
  min?: number;
  max?: number;
}

export interface Counter {
  on: string;
  where?: Condition;
  sum?: string;
  within?: string;
}

export interface Rule {
  id: string;
  dimension?: string;
  group?: string;
  on?: string;
  where?: Condition;
  while?: Condition;
  points?: number;
  reset?: string[];
  disqualify?: string;
  limit?: { times: number; per?: Period; by?: string };
  decay?: Decay | null;
}

export interface Level {
  name: string;
  when?: Condition;
}

export interface RulesDocument {
  dimensions?: Record<string, Dimension>;
  groups?: Record<string, Group>;
  counters?: Record<string, Counter>;
  rules: Rule[];
  levels: Record<string, Level[]>;
  hysteresis?: Record<string, number>;
}

// ---- What the contract leaves to the product -----------------------------------------------------------------------

/** The first page or screen, as far as a channel can be told from it. */
export interface Touch {
  url: Json | undefined;
  host: Json | undefined;
  referrer: Json | undefined;
  source: Json | undefined;
  medium: Json | undefined;
  campaign: Json | undefined;
}

export interface NaiveOptions {
  channel?: (touch: Touch) => string;
  /** Of a domain in lower case. */
  freeDomain?: (domain: string) => boolean;
}

export function plainChannel(touch: Touch): string {
  const medium = typeof touch.medium === "string" ? touch.medium.toLowerCase() : "";
  if (medium === "email") return "email";
  if (medium === "cpc") return "paid";
  if (medium === "social") return "social";
  if (medium === "organic") return "organic";
  const from = typeof touch.referrer === "string" ? hostOf(touch.referrer) : undefined;
  if (from === undefined || from === touch.host) return medium === "" ? "direct" : "referral";
  if (from === "www.google.com") return "organic";
  if (from === "www.facebook.com") return "social";
  return "referral";
}

export function plainFreeDomain(domain: string): boolean {
  return domain === "gmail.com";
}

// ---- Time ----------------------------------------------------------------------------------------------------------

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const WEEK = 7 * DAY;

const VISIT_GAP = 30 * MINUTE;

export function milliseconds(duration: string): number {
  const match = /^(\d+)([smhdw])$/.exec(duration);
  if (match === null) throw new Error(`not a duration: ${duration}`);
  const unit = { s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: WEEK }[match[2] as "s" | "m" | "h" | "d" | "w"];
  return Number(match[1]) * unit;
}

function dayOf(instant: number): number {
  return Math.floor(instant / DAY);
}

/** The name of the period that is current; two instants are in the same period when they give the same name. */
function periodOf(per: Period | undefined, clock: number, visits: number): string {
  switch (per) {
    case undefined:
      return "ever";
    case "visit":
      return `visit ${visits}`;
    case "day":
      return `day ${dayOf(clock)}`;
    case "week":
      // The epoch is a Thursday, three days after a Monday.
      return `week ${Math.floor((dayOf(clock) + 3) / 7)}`;
    case "month":
      return `month ${new Date(clock).toISOString().slice(0, 7)}`;
  }
}

export function decayFactor(decay: Decay | null | undefined, age: number): number {
  if (decay === null || decay === undefined) return 1;
  if ("halfLife" in decay) return 2 ** (-age / milliseconds(decay.halfLife));
  if ("linear" in decay) return Math.max(0, 1 - age / milliseconds(decay.linear));
  if ("expires" in decay) return age < milliseconds(decay.expires) ? 1 : 0;
  return Math.max(0, 1 - (Math.floor(age / milliseconds(decay.every)) * decay.percent) / 100);
}

// ---- Values --------------------------------------------------------------------------------------------------------

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value at a dotted path; undefined and null are both "missing". */
function walk(root: Json | undefined, path: string): Json | undefined {
  let value: Json | undefined = root;
  for (const key of path.split(".")) {
    if (!isObject(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value ?? undefined;
}

function parseUrl(text: Json | undefined): URL | undefined {
  if (typeof text !== "string") return undefined;
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

function hostOf(url: string): string | undefined {
  return parseUrl(url)?.hostname;
}

/** A field of `where` or of `by`: of the event, and of the lead's traits after the event. */
export function eventField(event: LoggedEvent, traits: JsonObject, field: string): Json | undefined {
  const own = (name: string) => walk(event.properties, name) ?? walk(event.context, `page.${name}`);
  const campaign = (name: string, parameter: string) =>
    walk(event.context, `campaign.${name}`) ?? parseUrl(own("url"))?.searchParams.get(parameter) ?? undefined;

  if (field.startsWith("properties.")) return walk(event.properties, field.slice("properties.".length));
  if (field.startsWith("traits.")) return walk(traits, field.slice("traits.".length));
  switch (field) {
    case "url":
    case "referrer":
    case "title":
      return own(field);
    case "path":
      return own("path") ?? parseUrl(own("url"))?.pathname;
    case "host":
      return own("host") ?? parseUrl(own("url"))?.hostname;
    case "source":
    case "medium":
    case "term":
    case "content":
      return campaign(field, `utm_${field}`);
    case "campaign":
      return campaign("name", "utm_campaign");
    case "country":
      return event.country;
    default:
      throw new Error(`not a field of an event: ${field}`);
  }
}

// ---- Conditions ----------------------------------------------------------------------------------------------------

/** What a test looks at. */
export interface Looked {
  value: Json | undefined;
  /** The field is a span of time, so that texts in its tests are durations. */
  span?: boolean;
  /** By how much thresholds count as lower (hysteresis). */
  lower?: number;
}

function sameText(pattern: string, text: string): boolean {
  const pieces = pattern.toLowerCase().split("*");
  const source = pieces.map((piece) => piece.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join(".*");
  return new RegExp(`^${source}$`, "s").test(text.toLowerCase());
}

function equals(wanted: Scalar, { value, span }: Looked): boolean {
  if (span && typeof wanted === "string") return value === milliseconds(wanted);
  if (typeof wanted === "string") return typeof value === "string" && sameText(wanted, value);
  return value === wanted;
}

function contains(wanted: Scalar, { value }: Looked): boolean {
  if (Array.isArray(value)) return value.some((element) => equals(wanted, { value: element }));
  if (typeof value !== "string" || typeof wanted !== "string") return false;
  return value.toLowerCase().includes(wanted.toLowerCase());
}

function compares(
  bound: number | string,
  { value, span, lower }: Looked,
  how: (left: number, right: number) => boolean,
): boolean {
  const number = span && typeof bound === "string" ? milliseconds(bound) : bound;
  if (typeof value !== "number" || typeof number !== "number") return false;
  return how(value, number - (lower ?? 0));
}

export function testHolds(test: Test, looked: Looked): boolean {
  const missing = looked.value === undefined || looked.value === null;
  if (Array.isArray(test)) return !missing && test.some((scalar) => equals(scalar, looked));
  if (typeof test !== "object") return !missing && equals(test, looked);
  const results: boolean[] = [];
  if (test.not !== undefined) results.push(!testHolds(test.not, looked));
  if (test.exists !== undefined) results.push(test.exists === !missing);
  if (test.eq !== undefined) results.push(!missing && equals(test.eq, looked));
  if (test.in !== undefined) results.push(!missing && test.in.some((scalar) => equals(scalar, looked)));
  if (test.contains !== undefined) results.push(!missing && contains(test.contains, looked));
  if (test.gt !== undefined) results.push(compares(test.gt, looked, (a, b) => a > b));
  if (test.gte !== undefined) results.push(compares(test.gte, looked, (a, b) => a >= b));
  if (test.lt !== undefined) results.push(compares(test.lt, looked, (a, b) => a < b));
  if (test.lte !== undefined) results.push(compares(test.lte, looked, (a, b) => a <= b));
  if (test.between !== undefined) {
    results.push(compares(test.between[0], looked, (a, b) => a >= b));
    results.push(compares(test.between[1], looked, (a, b) => a <= b));
  }
  return results.every((result) => result);
}

export function conditionHolds(condition: Condition, look: (field: string) => Looked): boolean {
  return Object.entries(condition).every(([key, value]) => {
    if (key === "any") return (value as Condition[]).some((inner) => conditionHolds(inner, look));
    if (key === "all") return (value as Condition[]).every((inner) => conditionHolds(inner, look));
    if (key === "not") return !conditionHolds(value as Condition, look);
    return testHolds(value as Test, look(key));
  });
}

// ---- Events --------------------------------------------------------------------------------------------------------

const EVENT_TYPES = ["page", "screen", "identify", "group"];

/** Whether an event is the one that `on` or `since.` names. The types win over track events called the same. */
export function isNamed(event: LoggedEvent, name: string): boolean {
  const wanted = name.toLowerCase();
  if (EVENT_TYPES.includes(wanted)) return event.type === wanted;
  return event.type === "track" && (event.event ?? "").toLowerCase() === wanted;
}

function isActivity(event: LoggedEvent): boolean {
  if (event.type !== "page" && event.type !== "screen" && event.type !== "track") return false;
  return event.context?.active !== false;
}

// ---- The lead ------------------------------------------------------------------------------------------------------

interface Award {
  rule: Rule;
  timestamp: number;
  points: number;
}

interface Firing {
  rule: Rule;
  period: string;
  by: string;
}

interface Occurrence {
  counter: string;
  timestamp: number;
  visit: number;
  amount: number;
}

interface Lead {
  clock: number;
  /** In accepted order, those of machines left out. */
  events: LoggedEvent[];
  visits: number;
  traits: Map<string, { value: Json; verified: boolean }>;
  occurrences: Occurrence[];
  awards: Award[];
  firings: Firing[];
  limited: Rule[];
  disqualifiedBy: Set<Rule>;
  /** Where it stands on each ladder; only hysteresis needs to know. */
  positions: Record<string, number>;
}

/** One document with everything that reads a lead under it. */
class Model {
  readonly rules: RulesDocument;
  readonly options: NaiveOptions;

  constructor(rules: RulesDocument, options: NaiveOptions) {
    this.rules = rules;
    this.options = options;
  }

  // -- The fold

  empty(): Lead {
    return {
      clock: Number.NEGATIVE_INFINITY,
      events: [],
      visits: 0,
      traits: new Map(),
      occurrences: [],
      awards: [],
      firings: [],
      limited: [],
      disqualifiedBy: new Set(),
      positions: Object.fromEntries(Object.keys(this.rules.levels).map((ladder) => [ladder, 0])),
    };
  }

  fold(lead: Lead, event: LoggedEvent): void {
    if (event.machine) return;
    // Time passes first, up to and with the event's own instant; the event is what happens then.
    if (lead.events.length > 0 && event.timestamp > lead.clock) this.passTime(lead, lead.clock, event.timestamp);
    lead.clock = Math.max(lead.clock, event.timestamp);

    this.countVisit(lead, event);
    this.mergeTraits(lead, event);
    lead.events.push(event);
    if (isNamed(event, "Lead Requalified")) lead.disqualifiedBy.clear();
    this.countOccurrences(lead, event);

    for (const rule of this.rules.rules) if (rule.reset !== undefined) this.play(lead, event, rule);
    for (const rule of this.rules.rules) if (rule.reset === undefined) this.play(lead, event, rule);

    this.climb(lead, lead.clock);
  }

  countVisit(lead: Lead, event: LoggedEvent): void {
    if (!isActivity(event) || event.type === "track") return;
    const latest = this.latestActivity(lead);
    if (lead.visits === 0 || latest === undefined || event.timestamp - latest > VISIT_GAP) lead.visits += 1;
  }

  mergeTraits(lead: Lead, event: LoggedEvent): void {
    if (event.type !== "identify" && event.type !== "group") return;
    const verified = event.verified === true;
    for (const [name, value] of Object.entries(event.traits ?? {})) {
      // What was proved is not for a claim to change.
      if (lead.traits.get(name)?.verified && !verified) continue;
      if (value === null) lead.traits.delete(name);
      else lead.traits.set(name, { value, verified });
    }
  }

  countOccurrences(lead: Lead, event: LoggedEvent): void {
    for (const [name, counter] of Object.entries(this.rules.counters ?? {})) {
      if (!this.matches(lead, event, counter.on, counter.where)) continue;
      const summed = counter.sum === undefined ? 1 : eventField(event, this.traitsOf(lead), counter.sum);
      const amount = typeof summed === "number" ? summed : 0;
      lead.occurrences.push({ counter: name, timestamp: event.timestamp, visit: lead.visits, amount });
    }
  }

  matches(lead: Lead, event: LoggedEvent, on: string, where: Condition | undefined): boolean {
    if (!isNamed(event, on)) return false;
    const traits = this.traitsOf(lead);
    return where === undefined || conditionHolds(where, (field) => ({ value: eventField(event, traits, field) }));
  }

  play(lead: Lead, event: LoggedEvent, rule: Rule): void {
    if (rule.on === undefined || !this.matches(lead, event, rule.on, rule.where)) return;
    const value = rule.limit?.by === undefined ? undefined : eventField(event, this.traitsOf(lead), rule.limit.by);
    const by = value === undefined ? "missing" : `text ${typeof value === "string" ? value : JSON.stringify(value)}`;
    const period = periodOf(rule.limit?.per, lead.clock, lead.visits);
    if (this.isOverLimit(lead, rule, period, by)) {
      lead.limited.push(rule);
      return;
    }
    lead.firings.push({ rule, period, by });

    if (rule.reset !== undefined) {
      const emptied = rule.reset;
      lead.awards = lead.awards.filter((award) => !emptied.includes(this.dimensionOf(award.rule)));
    }
    if (rule.disqualify !== undefined) lead.disqualifiedBy.add(rule);
    if (rule.points !== undefined) {
      lead.awards.push({ rule, timestamp: event.timestamp, points: this.cut(lead, rule, rule.points) });
    }
  }

  isOverLimit(lead: Lead, rule: Rule, period: string, by: string): boolean {
    if (rule.limit === undefined) return false;
    const inPeriod = lead.firings.filter((firing) => firing.rule === rule && firing.period === period);
    const values = new Set(inPeriod.map((firing) => firing.by));
    if (!values.has(by) && values.size >= 500) return true;
    return inPeriod.filter((firing) => firing.by === by).length >= rule.limit.times;
  }

  /** What the group leaves of the points. */
  cut(lead: Lead, rule: Rule, points: number): number {
    const group = rule.group === undefined ? undefined : this.rules.groups?.[rule.group];
    if (group === undefined) return points;
    const sum = lead.awards
      .filter((award) => award.rule.group === rule.group)
      .reduce((total, award) => total + this.worth(award, lead.clock), 0);
    if (points > 0 && group.max !== undefined) return Math.min(points, Math.max(0, group.max - sum));
    if (points < 0 && group.min !== undefined) return Math.max(points, Math.min(0, group.min - sum));
    return points;
  }

  // -- Facts of the lead

  traitsOf(lead: Lead): JsonObject {
    return Object.fromEntries([...lead.traits].map(([name, trait]) => [name, trait.value]));
  }

  latestActivity(lead: Lead): number | undefined {
    const instants = lead.events.filter(isActivity).map((event) => event.timestamp);
    return instants.length === 0 ? undefined : Math.max(...instants);
  }

  latestOf(lead: Lead, name: string): number | undefined {
    const instants = lead.events.filter((event) => isNamed(event, name)).map((event) => event.timestamp);
    return instants.length === 0 ? undefined : Math.max(...instants);
  }

  pageviews(lead: Lead): number {
    return lead.events.filter((event) => event.type === "page").length;
  }

  daysActive(lead: Lead): number {
    return new Set(lead.events.filter(isActivity).map((event) => dayOf(event.timestamp))).size;
  }

  counter(lead: Lead, name: string, at: number): number {
    const within = this.rules.counters?.[name]?.within;
    return lead.occurrences
      .filter((occurrence) => occurrence.counter === name)
      .filter((occurrence) => {
        if (within === undefined) return true;
        if (within === "visit") return occurrence.visit === lead.visits;
        return at - occurrence.timestamp < milliseconds(within);
      })
      .reduce((total, occurrence) => total + occurrence.amount, 0);
  }

  email(lead: Lead): string | undefined {
    const email = lead.traits.get("email")?.value;
    return typeof email === "string" ? email : undefined;
  }

  emailDomain(lead: Lead): string | undefined {
    const email = this.email(lead);
    if (email === undefined || !email.includes("@")) return undefined;
    return email.slice(email.lastIndexOf("@") + 1).toLowerCase();
  }

  source(lead: Lead, field: string): Json | undefined {
    const first = lead.events.find((event) => event.type === "page" || event.type === "screen");
    if (first === undefined) return undefined;
    const of = (name: string) => eventField(first, {}, name);
    if (field !== "channel") return of(field);
    return (this.options.channel ?? plainChannel)({
      url: of("url"),
      host: of("host"),
      referrer: of("referrer"),
      source: of("source"),
      medium: of("medium"),
      campaign: of("campaign"),
    });
  }

  /** The property of the latest event of a name, for what the REST API logs as events. */
  latestProperty(lead: Lead, name: string, property: string): Json | undefined {
    const latest = lead.events.findLast((event) => isNamed(event, name));
    return walk(latest?.properties, property);
  }

  fact(lead: Lead, field: string, at: number): Looked {
    const ago = (instant: number | undefined) => ({
      value: instant === undefined ? undefined : at - instant,
      span: true,
    });
    if (field.startsWith("since.")) return ago(this.latestOf(lead, field.slice("since.".length)));
    if (field.startsWith("counters.")) return { value: this.counter(lead, field.slice("counters.".length), at) };
    if (field.startsWith("traits.")) return { value: walk(this.traitsOf(lead), field.slice("traits.".length)) };
    const domain = this.emailDomain(lead);
    switch (field) {
      case "visits":
        return { value: lead.visits };
      case "pageviews":
        return { value: this.pageviews(lead) };
      case "daysActive":
        return { value: this.daysActive(lead) };
      case "inactive":
        return ago(this.latestActivity(lead));
      case "email":
        return { value: this.email(lead) };
      case "email.domain":
        return { value: domain };
      case "email.free":
        return { value: domain === undefined ? undefined : (this.options.freeDomain ?? plainFreeDomain)(domain) };
      case "known":
        return { value: this.email(lead) !== undefined || lead.events.some((event) => event.userId !== undefined) };
      case "verified":
        return { value: lead.events.some((event) => event.verified === true) };
      case "source.channel":
      case "source.referrer":
      case "source.campaign":
        return { value: this.source(lead, field.slice("source.".length)) };
      case "country":
        return { value: lead.events.findLast((event) => event.country !== undefined)?.country };
      case "status":
        return { value: this.latestProperty(lead, "Lead Status Changed", "status") ?? "open" };
      case "feedback":
        return { value: this.latestProperty(lead, "Sales Feedback Given", "feedback") };
      default:
        throw new Error(`not a field of a lead: ${field}`);
    }
  }

  // -- The score

  dimensions(): string[] {
    const listed = Object.keys(this.rules.dimensions ?? {});
    return listed.length === 0 ? ["engagement"] : listed;
  }

  dimensionOf(rule: Rule): string {
    return rule.dimension ?? this.dimensions()[0] ?? "engagement";
  }

  worth(award: Award, at: number): number {
    const decay =
      award.rule.decay !== undefined ? award.rule.decay : this.rules.dimensions?.[this.dimensionOf(award.rule)]?.decay;
    return award.points * decayFactor(decay, at - award.timestamp);
  }

  holdsWhile(lead: Lead, rule: Rule, at: number): boolean {
    return rule.while !== undefined && conditionHolds(rule.while, (field) => this.fact(lead, field, at));
  }

  contribution(lead: Lead, rule: Rule, at: number): number {
    if (rule.while !== undefined) return this.holdsWhile(lead, rule, at) ? (rule.points ?? 0) : 0;
    return lead.awards
      .filter((award) => award.rule === rule)
      .reduce((total, award) => total + this.worth(award, at), 0);
  }

  scores(lead: Lead, at: number): Record<string, number> {
    const scores: Record<string, number> = {};
    for (const dimension of this.dimensions()) {
      const { min, max } = this.rules.dimensions?.[dimension] ?? {};
      const sum = this.rules.rules
        .filter((rule) => this.dimensionOf(rule) === dimension)
        .reduce((total, rule) => total + this.contribution(lead, rule, at), 0);
      scores[dimension] = Math.max(min ?? -Infinity, Math.min(max ?? Infinity, sum));
    }
    return scores;
  }

  disqualified(lead: Lead, at: number): string | null {
    const first = this.rules.rules.find(
      (rule) =>
        rule.disqualify !== undefined &&
        (rule.while === undefined ? lead.disqualifiedBy.has(rule) : this.holdsWhile(lead, rule, at)),
    );
    return first?.disqualify ?? null;
  }

  // -- Levels

  /** Moves the lead to where it stands at an instant; all that it remembers is where it stood before. */
  climb(lead: Lead, at: number): void {
    const scores = this.scores(lead, at);
    const score = total(scores);
    const disqualified = this.disqualified(lead, at) !== null;
    for (const [ladder, levels] of Object.entries(this.rules.levels)) {
      const stood = lead.positions[ladder] ?? 0;
      let stands = 0;
      levels.forEach((level, index) => {
        const lower = index <= stood ? (this.rules.hysteresis?.[ladder] ?? 0) : 0;
        const look = (field: string): Looked => {
          if (field === "score") return { value: score, lower };
          if (field.startsWith("scores.")) return { value: scores[field.slice("scores.".length)], lower };
          return this.fact(lead, field, at);
        };
        if (level.when === undefined || conditionHolds(level.when, look)) stands = index;
      });
      lead.positions[ladder] = disqualified ? 0 : stands;
    }
  }

  /** Without hysteresis a position depends on the instant alone, and what lies between instants can be skipped. */
  passTime(lead: Lead, from: number, to: number): void {
    if (Object.values(this.rules.hysteresis ?? {}).every((width) => width === 0)) return;
    for (const instant of this.instants(lead, from, to)) this.climb(lead, instant);
  }

  /**
   * Instants in (from, to] at which to look: all at which something jumps, and many between them for what glides.
   * A dip between two of those that touches a threshold and is gone again before the next one would be missed.
   */
  instants(lead: Lead, from: number, to: number): number[] {
    const jumps: number[] = [];
    for (const { rule, timestamp } of lead.awards) {
      const decay = rule.decay !== undefined ? rule.decay : this.rules.dimensions?.[this.dimensionOf(rule)]?.decay;
      if (!decay || "halfLife" in decay) continue;
      if ("linear" in decay) jumps.push(timestamp + milliseconds(decay.linear));
      else if ("expires" in decay) jumps.push(timestamp + milliseconds(decay.expires));
      else {
        for (let step = 1; (step - 1) * decay.percent < 100; step += 1) {
          jumps.push(timestamp + step * milliseconds(decay.every));
        }
      }
    }
    for (const [name, { within }] of Object.entries(this.rules.counters ?? {})) {
      if (within === undefined || within === "visit") continue;
      for (const occurrence of lead.occurrences) {
        if (occurrence.counter === name) jumps.push(occurrence.timestamp + milliseconds(within));
      }
    }
    for (const [field, duration] of this.spansAskedFor()) {
      const start = field === "inactive" ? this.latestActivity(lead) : this.latestOf(lead, field.slice(6));
      // `gt` turns a millisecond after `gte`.
      if (start !== undefined) jumps.push(start + duration, start + duration + 1);
    }
    const edges = [...new Set([...jumps, from, to])].filter((edge) => edge >= from && edge <= to).sort((a, b) => a - b);
    const between = 16;
    const instants: number[] = [];
    edges.forEach((edge, index) => {
      const next = edges[index + 1];
      if (index > 0) instants.push(edge);
      if (next === undefined) return;
      for (let part = 1; part <= between; part += 1) {
        instants.push(edge + Math.floor(((next - edge) * part) / (between + 1)));
      }
      instants.push(next - 1);
    });
    return [...new Set(instants)].filter((instant) => instant > from).sort((a, b) => a - b);
  }

  /** All durations that `inactive` and `since.` are tested for. */
  spansAskedFor(): [field: string, duration: number][] {
    const found: [string, number][] = [];
    const search = (json: unknown, field: string): void => {
      if (typeof json === "string" && field !== "" && /^\d+[smhdw]$/.test(json)) {
        found.push([field, milliseconds(json)]);
      } else if (typeof json === "object" && json !== null) {
        for (const [key, inner] of Object.entries(json)) {
          search(inner, field !== "" ? field : key === "inactive" || key.startsWith("since.") ? key : "");
        }
      }
    };
    for (const rule of this.rules.rules) search(rule.while, "");
    for (const level of Object.values(this.rules.levels).flat()) search(level.when, "");
    return found;
  }
}

function total(scores: Record<string, number>): number {
  return Object.values(scores).reduce((sum, score) => sum + score, 0);
}

// ---- What it is asked ----------------------------------------------------------------------------------------------

export interface NaiveResult {
  /** Unrounded, as all of it. */
  score: number;
  /** After the clamps. */
  scores: Record<string, number>;
  levels: Record<string, string>;
  disqualified: string | null;
  visits: number;
  pageviews: number;
  daysActive: number;
  /** `points` is what the rule contributes before the clamps; only `on` rules fire. */
  perRule: Record<string, { points: number; fired: number; limited: number }>;
}

function played(rules: RulesDocument, events: LoggedEvent[], options: NaiveOptions): { model: Model; lead: Lead } {
  const model = new Model(rules, options);
  const lead = model.empty();
  for (const event of events) model.fold(lead, event);
  return { model, lead };
}

/** The state of a lead at `at`, no earlier than its latest event; `events` in accepted order, each message once. */
export function naive(
  rules: RulesDocument,
  events: LoggedEvent[],
  at: number,
  options: NaiveOptions = {},
): NaiveResult {
  const { model, lead } = played(rules, events, options);
  if (at < lead.clock) throw new Error("asked for an instant before the latest event");
  if (lead.events.length > 0) model.passTime(lead, lead.clock, at);
  model.climb(lead, at);

  const scores = model.scores(lead, at);
  return {
    score: total(scores),
    scores,
    levels: Object.fromEntries(
      Object.entries(rules.levels).map(([ladder, levels]) => [ladder, levels[lead.positions[ladder] ?? 0]?.name ?? ""]),
    ),
    disqualified: model.disqualified(lead, at),
    visits: lead.visits,
    pageviews: model.pageviews(lead),
    daysActive: model.daysActive(lead),
    perRule: Object.fromEntries(
      rules.rules.map((rule) => [
        rule.id,
        {
          points: model.contribution(lead, rule, at),
          fired: lead.firings.filter((firing) => firing.rule === rule).length,
          limited: lead.limited.filter((limited) => limited === rule).length,
        },
      ]),
    ),
  };
}

/** Fields of `while` (not the scores) as a condition would see them at `at`; a span of time is in milliseconds. */
export function fields(
  rules: RulesDocument,
  events: LoggedEvent[],
  at: number,
  names: string[],
  options: NaiveOptions = {},
): Record<string, Json | undefined> {
  const { model, lead } = played(rules, events, options);
  return Object.fromEntries(names.map((name) => [name, model.fact(lead, name, at).value]));
}
