/**
 * The fold: one event after another, a lead's state under its rules. This file is the meaning of the contract's
 * "Rules"; everything else in core asks questions of the state that it leaves.
 */
import { type Field, judge } from "./condition";
import { award, worth } from "./decay";
import { DAY_MS } from "./duration";
import type { Json, JsonObject, LoggedEvent } from "./event";
import { eventKey } from "./fields";
import { addOccurrence } from "./occurrences";
import { notePerson, noteVisitor, SALES_EVENTS } from "./person";
import { dig, readEvent } from "./read";
import type { Counter, OnRule, Period, RuleSet, Triggered } from "./rules";
import { firstTouch } from "./source";
import {
  DAYS_MAX,
  LIMIT_VALUES_MAX_TOTAL,
  type LimitState,
  limitValues,
  type RuleState,
  type Saw,
  type State,
  thin,
} from "./state";
import { digest } from "./text";
import { isFolded } from "./view";

/** A pause in activity after which the next page begins a new visit. */
export const VISIT_GAP_MS = 30 * 60_000;
/** Most values of a limit's `by` that are remembered a rule; new ones past it do not fire. */
export const LIMIT_VALUES_MAX = 500;
/** Longest value of `by` kept as it is; of a longer one a digest is kept. */
const LIMIT_VALUE_MAX_CHARS = 10;
/** Largest number that a counter takes up: sums of it stay numbers. */
const AMOUNT_MAX = 1e15;
/** Longest value kept for the explanation of a rule, and all values of a rule together. */
const SAW_MAX_CHARS = 48;

/** Points that a rule gave for an event, after its group's cap, which kept back `cut`; `points: 0` is an award cut to nothing. */
export interface Award {
  rule: OnRule;
  points: number;
  cut: number;
}

/** Folds one event into `state`, in place, and returns the awards it earned. Levels are levels.ts's. */
export function foldEvent(rules: RuleSet, state: State, event: LoggedEvent): Award[] {
  if (event.machine) return [];
  isFolded(state);
  const clock = Math.max(state.clock ?? event.timestamp, event.timestamp);
  state.clock = clock;
  if (state.firstSeen === null || !isNote(event)) {
    state.firstSeen = Math.min(state.firstSeen ?? event.timestamp, event.timestamp);
  }
  const key = eventKey(event);
  noteActivity(state, event);
  noteVisitor(state, event);
  if (event.type === "page") state.pageviews++;
  if ((event.type === "page" || event.type === "screen") && !state.source) {
    state.source = event.pruned ? (event.pruned.source ?? null) : firstTouch(event);
  }
  const asked = rules.since.indexOf(key);
  if (asked >= 0) state.since[asked] = Math.max(state.since[asked] ?? event.timestamp, event.timestamp);
  notePerson(state, event, key);
  const triggered = triggeredBy(rules, event, key);
  return triggered ? trigger(rules, state, event, triggered, clock) : [];
}

/** What an event of that key sets off; what sales say only where it is theirs. */
export function triggeredBy(rules: RuleSet, event: LoggedEvent, key: string): Triggered | undefined {
  return event.verified || !SALES_EVENTS.includes(key) ? rules.byEvent.get(key) : undefined;
}

/** Whether a `where` holds of an event; `traits` are the lead's. Of a pruned event it was noted while it was whole. */
export function meets(one: OnRule | Counter, event: LoggedEvent, traits: JsonObject): boolean {
  const { where, whereKey } = one;
  if (!where) return true;
  if (event.pruned) return event.pruned.met?.includes(whereKey) ?? false;
  return judge(where, (field) => readEvent(field, event, traits)) === true;
}

/** What a counter adds up for an event; `null` where that is no number it takes up. */
export function amountOf({ sum }: Counter, event: LoggedEvent, traits: JsonObject): number | null {
  if (!sum) return 1;
  if (event.pruned) return event.pruned.sums?.[sum.name] ?? null;
  const amount = readEvent(sum, event, traits);
  return typeof amount === "number" && Math.abs(amount) <= AMOUNT_MAX ? amount : null;
}

/** What a limit tells an event from others by: a key of its value, empty where it has none. */
export function limitKey(by: Field, event: LoggedEvent, traits: JsonObject): string {
  if (event.pruned) return event.pruned.by?.[by.name] ?? "";
  return valueKey(readEvent(by, event, traits));
}

/** Whether an event is what somebody noted of the lead, and nothing that it did. */
const isNote = (event: LoggedEvent) => dig(event.context, "active") === false;

function isActivity(event: LoggedEvent): boolean {
  return ["page", "screen", "track"].includes(event.type) && !isNote(event);
}

function noteActivity(state: State, event: LoggedEvent): void {
  if (!isActivity(event)) return;
  const at = event.timestamp;
  const opens = event.type !== "track" && (state.visits === 0 || at - (state.active ?? at) > VISIT_GAP_MS);
  if (opens) state.visits++;
  state.active = Math.max(state.active ?? at, at);
  noteDay(state, Math.floor(at / DAY_MS));
}

function noteDay(state: State, day: number): void {
  const { days } = state;
  let place = days.length;
  while (place > 0 && (days[place - 1] ?? 0) > day) place--;
  if (days[place - 1] === day || (place === 0 && state.daysBefore > 0)) return;
  days.splice(place, 0, day);
  if (days.length > DAYS_MAX) {
    days.shift();
    state.daysBefore++;
  }
}

function trigger(rules: RuleSet, state: State, event: LoggedEvent, triggered: Triggered, clock: number): Award[] {
  for (const counter of triggered.counters) {
    if (!meets(counter, event, state.traits)) continue;
    const amount = amountOf(counter, event, state.traits);
    if (amount !== null) count(state, counter, event.timestamp, amount, clock);
  }
  for (const rule of triggered.resets) if (fires(state, rule, event, clock)) reset(rules, state, rule);
  const awards: Award[] = [];
  for (const rule of triggered.acts) {
    const fired = fires(state, rule, event, clock);
    if (fired && rule.effect.kind === "disqualify") {
      state.disqualified = Math.min(state.disqualified ?? rule.index, rule.index);
    }
    if (fired && rule.effect.kind === "points") {
      const points = room(rules, state, rule.group, rule.effect.points, clock);
      if (points !== 0) fired.gave++;
      const cut = rule.effect.points - points;
      fired.cut += cut;
      fired.pool = award(fired.pool, rule.decay, event.timestamp, points, clock);
      awards.push({ rule, points, cut });
    }
  }
  thin(state);
  return awards;
}

function count(state: State, counter: Counter, at: number, amount: number, clock: number): void {
  const known = state.counters[counter.index];
  if (typeof counter.within === "number") {
    const list = known && "times" in known ? known : { times: [], values: [] };
    addOccurrence(list, at, amount, clock - counter.within);
    state.counters[counter.index] = list;
    return;
  }
  const visit = counter.within === "visit" ? state.visits : 0;
  const sum = known && "sum" in known && known.visit === visit ? known.sum : 0;
  state.counters[counter.index] = { sum: sum + amount, visit };
}

/** The rule's state when the event makes it fire, its limit used up by one; else `null`. */
function fires(state: State, rule: OnRule, event: LoggedEvent, clock: number): RuleState | null {
  const mine = state.rules[rule.index] ?? {
    fired: 0,
    gave: 0,
    cut: 0,
    limited: 0,
    lastAt: null,
    saw: null,
    limit: null,
    pool: null,
  };
  if (!meets(rule, event, state.traits)) {
    if (mine.fired === 0) state.rules[rule.index] = { ...mine, saw: saw(rule, event, state.traits) };
    return null;
  }
  state.rules[rule.index] = mine;
  if (rule.limit && !takeFromLimit(state, mine, rule.limit, event, clock)) {
    mine.limited++;
    return null;
  }
  mine.fired++;
  mine.lastAt = Math.max(mine.lastAt ?? event.timestamp, event.timestamp);
  mine.saw = saw(rule, event, state.traits);
  return mine;
}

/** What the tests of a rule see in an event; `null` where that was pruned. */
function saw(rule: OnRule, event: LoggedEvent, traits: JsonObject): Saw[] | null {
  if (event.pruned) return null;
  return rule.leaves.map((leaf): Saw => {
    const value = readEvent(leaf.field, event, traits);
    return [brief(value), leaf.judge(value) === true];
  });
}

function brief(value: Json | undefined): Json {
  if (value === undefined || typeof value === "number" || typeof value === "boolean") return value ?? null;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > SAW_MAX_CHARS
    ? `${text.slice(0, SAW_MAX_CHARS - 1)}…`
    : typeof value === "string"
      ? text
      : value;
}

function takeFromLimit(
  state: State,
  mine: RuleState,
  { times, per, by }: NonNullable<OnRule["limit"]>,
  event: LoggedEvent,
  clock: number,
): boolean {
  const period = periodOf(per, clock, state.visits);
  const limit = mine.limit && mine.limit.period === period ? mine.limit : { period, counts: {} };
  mine.limit = limit;
  const value = by ? limitKey(by, event, state.traits) : "";
  const used = limit.counts[value] ?? 0;
  if (used >= times || (used === 0 && isFull(state, limit))) return false;
  limit.counts[value] = used + 1;
  return true;
}

function isFull(state: State, limit: LimitState): boolean {
  return Object.keys(limit.counts).length >= LIMIT_VALUES_MAX || limitValues(state) >= LIMIT_VALUES_MAX_TOTAL;
}

/** A value as text; the leading `=` keeps it apart from the key of events without one and from `__proto__`. */
function valueKey(value: Json | undefined): string {
  if (value === undefined || value === null) return "";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return text.length > LIMIT_VALUE_MAX_CHARS ? `#${digest(text)}` : `=${text}`;
}

/** A number that tells one period from the next, by the UTC calendar; weeks begin on Monday (1970-01-01 was a Thursday). */
function periodOf(per: Period, clock: number, visits: number): number {
  switch (per) {
    case "ever":
      return 0;
    case "visit":
      return visits;
    case "day":
      return Math.floor(clock / DAY_MS);
    case "week":
      return Math.floor((clock / DAY_MS + 3) / 7);
    case "month": {
      const date = new Date(clock);
      return date.getUTCFullYear() * 12 + date.getUTCMonth();
    }
  }
}

function reset(rules: RuleSet, state: State, rule: OnRule): void {
  if (rule.effect.kind !== "reset") return;
  for (const other of rules.on) {
    const theirs = state.rules[other.index];
    if (theirs && rule.effect.dimensions.includes(other.dimension)) theirs.pool = null;
  }
}

/** Points cut to what the group's caps leave, given its decayed sum at the lead's clock. */
function room(rules: RuleSet, state: State, group: number, points: number, clock: number): number {
  const cap = rules.groups[group];
  if (!cap) return points;
  let sum = 0;
  for (const rule of cap.rules) sum += worth(state.rules[rule.index]?.pool, rule.decay, clock);
  return points > 0 ? Math.min(points, Math.max(0, cap.max - sum)) : Math.max(points, Math.min(0, cap.min - sum));
}
