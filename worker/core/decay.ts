/**
 * Awards and how they fade. A pool holds what one rule has awarded to one lead. Where the decay allows it, that is one
 * number whatever the history (none, half-life); otherwise the awards still alive, each with its time.
 */

import { addOccurrence, joinedLists, type Occurrences } from "./occurrences";

export type Decay =
  | { readonly kind: "none" }
  /** 2^(-age/ms) */
  | { readonly kind: "halfLife"; readonly ms: number }
  /** 1 - age/ms, at least 0 */
  | { readonly kind: "linear"; readonly ms: number }
  /** 1 while age < ms, then 0 */
  | { readonly kind: "expires"; readonly ms: number }
  /** 1 - floor(age/ms) * percent/100, at least 0 */
  | { readonly kind: "every"; readonly ms: number; readonly percent: number };

/** Awards of one rule: their sum (for a half-life as of `at`), or each that is still alive. */
export type Pool = { sum: number; at?: number } | Occurrences;

/**
 * The smallest factor of a half-life. An exponential never reaches zero; a float does, after 1,074 half-lives, and
 * `gt: 0` must not become false by that.
 */
const FACTOR_MIN = 1e-300;

/** How far off a power may be, as a share of it. */
const ROUNDING = 1e-12;

/** Share of an award's points that is left at an age, from 1 down to 0. Ages below zero count as zero. */
export function factor(decay: Decay, ageMs: number): number {
  const age = Math.max(ageMs, 0);
  switch (decay.kind) {
    case "none":
      return 1;
    case "halfLife":
      return Math.max(2 ** (-age / decay.ms), FACTOR_MIN);
    case "linear":
      return Math.max(0, 1 - age / decay.ms);
    case "expires":
      return age < decay.ms ? 1 : 0;
    case "every":
      return Math.max(0, 1 - (Math.floor(age / decay.ms) * decay.percent) / 100);
  }
}

/** Age from which an award is worth nothing for good; infinite where it never is. */
function lifetimeMs(decay: Decay): number {
  switch (decay.kind) {
    case "none":
    case "halfLife":
      return Number.POSITIVE_INFINITY;
    case "linear":
    case "expires":
      return decay.ms;
    case "every":
      return Math.ceil(100 / decay.percent) * decay.ms;
  }
}

/** Adds an award to a pool (changed in place or made anew, as it is returned); `clock` is the lead's, after which nothing is asked about the time before it. */
export function award(pool: Pool | null, decay: Decay, at: number, points: number, clock: number): Pool {
  if (decay.kind === "none") return { sum: (pool && "sum" in pool ? pool.sum : 0) + points };
  if (decay.kind === "halfLife") {
    const { sum, at: since } = pool && "sum" in pool ? { at, ...pool } : { sum: 0, at };
    const latest = Math.max(at, since);
    return { sum: sum * factor(decay, latest - since) + points * factor(decay, latest - at), at: latest };
  }
  const list = pool && "times" in pool ? pool : { times: [], values: [] };
  addOccurrence(list, at, points, clock - lifetimeMs(decay));
  return list;
}

/** What a pool is worth at an instant not before the lead's clock. */
export function worth(pool: Pool | null | undefined, decay: Decay, at: number): number {
  if (!pool) return 0;
  if ("sum" in pool) return pool.sum * factor(decay, at - (pool.at ?? at));
  if (decay.kind === "linear" && at >= (pool.times.at(-1) ?? at)) return linearWorth(pool, decay.ms, at);
  let total = 0;
  for (let i = 0; i < pool.times.length; i++) total += (pool.values[i] ?? 0) * factor(decay, at - (pool.times[i] ?? 0));
  return total;
}

/**
 * Lowest and highest worth of a pool over a stretch of time, such that `worth` at each of its instants lies between
 * them as computed, rounding included. But for that exact where the worth runs straight or smoothly (half-life, linear);
 * in steps (expires, every) each award lies between its worth at the two ends, for it only ever shrinks.
 */
export function worthBetween(pool: Pool | null | undefined, decay: Decay, from: number, to: number): [number, number] {
  if (!pool) return [0, 0];
  if (from === to) {
    const now = worth(pool, decay, from);
    return [now, now];
  }
  if ("sum" in pool) {
    const ends = [worth(pool, decay, from), worth(pool, decay, to)] as const;
    const [low, high] = [Math.min(...ends), Math.max(...ends)];
    // A power may be rounded the other way a millisecond later.
    const spread = low === high ? 0 : ROUNDING;
    return [low - Math.abs(low) * spread, high + Math.abs(high) * spread];
  }
  return decay.kind === "linear" ? linearBetween(pool, decay.ms, from, to) : stepsBetween(pool, decay, from, to);
}

/** Linear awards of which none dies: their worth runs on a straight line. */
interface Line {
  points: number;
  /** Points by their time, in ms after the latest award's. */
  moments: number;
}

const onLine = ({ points, moments }: Line, ms: number, age: number) => (points * (ms - age) + moments) / ms;

/**
 * The line of each linear award that is alive at an instant and of all that are newer, the newest first. Awards are added
 * up before anything is divided, so that what cancels does so exactly, and always in this order, so that all instants at
 * which the same awards are alive lie on one line, which as computed only rises or only falls.
 */
function linesAt({ times, values }: Occurrences, ms: number, at: number): Line[] {
  const latest = times.at(-1) ?? at;
  const lines: Line[] = [];
  let points = 0;
  let moments = 0;
  for (let i = times.length - 1; i >= 0 && (times[i] ?? 0) > at - ms; i--) {
    points += values[i] ?? 0;
    moments += (values[i] ?? 0) * ((times[i] ?? 0) - latest);
    lines.push({ points, moments });
  }
  return lines;
}

/** The worth of linear awards at an instant not before the latest. */
function linearWorth(pool: Occurrences, ms: number, at: number): number {
  const whole = linesAt(pool, ms, at).at(-1);
  return whole ? onLine(whole, ms, at - (pool.times.at(-1) ?? at)) : 0;
}

/** The ends of the lines between the deaths of awards. */
function linearBetween(pool: Occurrences, ms: number, from: number, to: number): [number, number] {
  const { times } = pool;
  const latest = times.at(-1) ?? from;
  const lines = linesAt(pool, ms, from);
  let oldest = times.length - lines.length;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  const note = (value: number) => {
    low = Math.min(low, value);
    high = Math.max(high, value);
  };
  let start = from;
  for (let line = lines.pop(); line && start <= to; line = lines.pop(), oldest++) {
    const death = (times[oldest] ?? 0) + ms;
    if (death <= start) continue;
    note(onLine(line, ms, start - latest));
    note(onLine(line, ms, Math.min(to, death) - latest));
    start = death;
  }
  if (start <= to) note(0);
  return [low, high];
}

function stepsBetween({ times, values }: Occurrences, decay: Decay, from: number, to: number): [number, number] {
  let low = 0;
  let high = 0;
  for (let i = 0; i < times.length; i++) {
    const value = values[i] ?? 0;
    const start = value * factor(decay, from - (times[i] ?? 0));
    const end = value * factor(decay, to - (times[i] ?? 0));
    low += Math.min(start, end);
    high += Math.max(start, end);
  }
  return [low, high];
}

/** Whether pools of two decays fade alike and can be one. */
export function canJoin(a: Decay, b: Decay): boolean {
  return (a.kind === "halfLife" || a.kind === "linear") && a.kind === b.kind && a.ms === b.ms;
}

/** Two pools of one decay as one. */
export function joined(a: Pool, b: Pool, decay: Decay): Pool {
  if ("sum" in a && "sum" in b) {
    const at = Math.max(a.at ?? 0, b.at ?? 0);
    return { sum: worth(a, decay, at) + worth(b, decay, at), at };
  }
  return "sum" in a || "sum" in b ? a : joinedLists(a, b);
}
