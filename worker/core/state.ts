/**
 * What is kept of a lead between events: plain JSON, bounded, and enough to know its score at any later instant.
 * It belongs to one rule set: lists run parallel to the set's rules, counters and asked-for events.
 */
import type { Pool } from "./decay";
import type { Json, JsonObject } from "./event";
import { mergeOldest, type Occurrences, packed, unpacked } from "./occurrences";
import type { RuleSet } from "./rules";

/** How often a rule fired in the current period of its limit, in all or by value. */
export interface LimitState {
  /** The day, week, month or visit that the counts are of. */
  period: number;
  counts: { [value: string]: number };
}

/** A value, cut short where it is long, and whether the test held for the whole of it. */
export type Saw = [value: Json, holds: boolean];

export interface RuleState {
  fired: number;
  /** Firings that gave points: the others were cut to nothing by the group's cap. */
  gave: number;
  /** Points that the cap has kept from them, not decayed. */
  cut: number;
  /** Matches that a limit kept from firing. */
  limited: number;
  /** Time of the latest firing's event, ms. */
  lastAt: number | null;
  /** What the tests of `where` saw at the latest firing or, before the first, at the latest miss; `null` once that event was pruned. */
  saw: Saw[] | null;
  limit: LimitState | null;
  pool: Pool | null;
}

/** A counter's matches: their sum (ever, or in the visit of that number), or each with its time (a window). */
export type CounterState = { sum: number; visit: number } | Occurrences;

export interface Source {
  channel: string;
  referrer: string | null;
  campaign: string | null;
}

/** `claimed`: said unproved who it is; `verified`: proved it; `anonymous`: said nothing. */
export type Trust = "anonymous" | "claimed" | "verified";

export interface Visitor {
  id: string;
  /** ms */
  lastSeen: number;
  trust: Trust;
  /** Digests of the identities it has claimed, where it has. */
  claims?: string[];
  /** The userId that it last said it is, as a digest. */
  user?: string;
}

/** Most visitors of one lead. */
export const VISITORS_MAX = 50;

export interface State {
  /** The lead's clock: the latest timestamp folded, ms; `null` before the first event. */
  clock: number | null;
  firstSeen: number | null;
  /** Time of the latest activity, ms. */
  active: number | null;
  visits: number;
  pageviews: number;
  /** UTC days with activity, as days since the epoch, ascending: the latest 400. */
  days: number[];
  /** Active days before those in `days`. */
  daysBefore: number;
  traits: JsonObject;
  /** Names of the traits that a verified event set; a claim does not touch them. */
  proven: string[];
  userIds: string[];
  /** Those of `userIds` that were verified. */
  provenUserIds: string[];
  /** Whether a userId or an address was verified. */
  verified: boolean;
  country: string | null;
  status: string;
  feedback: string | null;
  source: Source | null;
  /** The first `on` rule, by its position, that disqualified the lead. */
  disqualified: number | null;
  /** Its visitors, with the latest time of each one's events. */
  visitors: Visitor[];
  /** Whether there are verified events of no visitor: sent by a server with a secret key, or by a marketer. */
  ownVerified: boolean;
  /** Whether there are unverified ones: anybody may send them in a userId's name. */
  ownClaims: boolean;
  rules: (RuleState | null)[];
  counters: (CounterState | null)[];
  /** Latest time of the events that `since.*` asks for. */
  since: (number | null)[];
  /** Where the lead stands on each ladder at its clock: positions of levels, lowest 0. */
  levels: number[];
}

/** Active days that are told apart; a late event on an older day no longer counts as a new one. */
export const DAYS_MAX = 400;

export const STATUS_DEFAULT = "open";

/**
 * What the occurrences of all rules and counters of a lead may take together, in characters as stored; past it the
 * longest lists lose detail first. About 2,400 whole numbers, or 1,000 with fractions.
 */
export const OCCURRENCES_MAX_CHARS = 24_000;
/** Most values of `by` of all rules of a lead together. */
export const LIMIT_VALUES_MAX_TOTAL = 800;

/** Keeps a state within its bound: while occurrences take too much, the two oldest of the longest list are merged. */
export function thin(state: State): void {
  let entries = 0;
  for (const rule of state.rules) if (rule && isList(rule.pool)) entries += rule.pool.times.length;
  for (const counter of state.counters) if (isList(counter)) entries += counter.times.length;
  if (entries * FRACTION_CHARS <= OCCURRENCES_MAX_CHARS) return;
  const lists = [...state.rules.map((rule) => rule?.pool), ...state.counters].filter(isList);
  let chars = lists.reduce((sum, { values }) => values.reduce((total, value) => total + charsOf(value), sum), 0);
  while (chars > OCCURRENCES_MAX_CHARS) {
    const longest = lists.reduce((a, b) => (b.times.length > a.times.length ? b : a));
    const [first = 0, second = 0] = longest.values;
    chars += charsOf(first + second) - charsOf(first) - charsOf(second);
    mergeOldest(longest);
  }
}

/** Characters that an occurrence takes: a time's difference and a short whole number, or one with many digits. */
const WHOLE_CHARS = 10;
const FRACTION_CHARS = 26;

function charsOf(value: number): number {
  return Number.isInteger(value) && Math.abs(value) < 10_000 ? WHOLE_CHARS : FRACTION_CHARS;
}

function isList(one: Pool | CounterState | null | undefined): one is Occurrences {
  return one !== null && one !== undefined && "times" in one;
}

/** How many values of `by` a state remembers. */
export function limitValues(state: State): number {
  return state.rules.reduce((sum, rule) => sum + (rule?.limit ? Object.keys(rule.limit.counts).length : 0), 0);
}

/** A state as text for the database: the parts of a rule without their names, times as differences. */
export function packState(state: State): string {
  const rules = state.rules.map(
    (rule) =>
      rule && [
        rule.fired,
        rule.gave,
        rule.limited,
        rule.lastAt,
        rule.saw,
        rule.limit && [rule.limit.period, rule.limit.counts],
        isList(rule.pool) ? packed(rule.pool) : rule.pool,
        ...(rule.cut === 0 ? [] : [rule.cut]),
      ],
  );
  const counters = state.counters.map((counter) => (isList(counter) ? packed(counter) : counter));
  return JSON.stringify({ ...state, rules, counters });
}

type Packed = [
  fired: number,
  gave: number,
  limited: number,
  lastAt: number | null,
  saw: Saw[] | null,
  limit: [number, LimitState["counts"]] | null,
  pool: Pool | null,
  cut?: number,
];

export function unpackState(text: string): State {
  const stored = JSON.parse(text) as Omit<State, "rules"> & { rules: (Packed | null)[] };
  return {
    ...stored,
    rules: stored.rules.map((rule) => {
      if (!rule) return null;
      const [fired, gave, limited, lastAt, saw, limit, pool, cut = 0] = rule;
      return {
        fired,
        gave,
        cut,
        limited,
        lastAt,
        saw,
        limit: limit && { period: limit[0], counts: limit[1] },
        pool: isList(pool) ? unpacked(pool) : pool,
      };
    }),
    counters: stored.counters.map((counter) => (isList(counter) ? unpacked(counter) : counter)),
  };
}

export function emptyState(rules: RuleSet): State {
  return {
    clock: null,
    firstSeen: null,
    active: null,
    visits: 0,
    pageviews: 0,
    days: [],
    daysBefore: 0,
    traits: {},
    proven: [],
    userIds: [],
    provenUserIds: [],
    verified: false,
    country: null,
    status: STATUS_DEFAULT,
    feedback: null,
    source: null,
    disqualified: null,
    visitors: [],
    ownVerified: false,
    ownClaims: false,
    rules: rules.rules.map(() => null),
    counters: rules.counters.map(() => null),
    since: rules.since.map(() => null),
    levels: rules.ladders.map(() => 0),
  };
}
