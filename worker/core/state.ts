/**
 * What is kept of a lead between events: plain JSON, bounded, and enough to know its score at any later instant.
 * It belongs to one rule set: lists run parallel to the set's rules, counters and asked-for events.
 */
import type { Pool } from "./decay";
import type { Json, JsonObject } from "./event";
import type { RuleSet } from "./rules";

/** How often a rule fired in the current period of its limit, in all or by value. */
export interface LimitState {
  /** The day, week, month or visit that the counts are of. */
  period: number;
  counts: { [value: string]: number };
}

export interface RuleState {
  fired: number;
  /** Firings that gave points: the others were cut to nothing by the group's cap. */
  gave: number;
  /** Matches that a limit kept from firing. */
  limited: number;
  /** Time of the latest firing's event, ms. */
  lastAt: number | null;
  /** Values of the fields of `where` at the latest firing or, before the first, at the latest miss. */
  saw: Json[] | null;
  limit: LimitState | null;
  pool: Pool | null;
}

/** A counter's matches: their sum (ever, or in the visit of that number), or each with its time (a window). */
export type CounterState = { sum: number; visit: number } | { times: number[]; values: number[] };

export interface Source {
  channel: string;
  referrer: string | null;
  campaign: string | null;
}

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
  verified: boolean;
  country: string | null;
  status: string;
  feedback: string | null;
  source: Source | null;
  /** The first `on` rule, by its position, that disqualified the lead. */
  disqualified: number | null;
  /** Latest time of each visitor's events. */
  visitors: { id: string; lastSeen: number }[];
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
    verified: false,
    country: null,
    status: STATUS_DEFAULT,
    feedback: null,
    source: null,
    disqualified: null,
    visitors: [],
    rules: rules.rules.map(() => null),
    counters: rules.counters.map(() => null),
    since: rules.since.map(() => null),
    levels: rules.ladders.map(() => 0),
  };
}
