/**
 * Awards and how they fade. A pool holds what one rule has awarded to one lead. Where the decay allows it, that is one
 * number whatever the history (none, half-life); otherwise the awards still alive, each with its time.
 */

import { addOccurrence, type Occurrences } from "./occurrences";

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
  let total = 0;
  for (let i = 0; i < pool.times.length; i++) total += (pool.values[i] ?? 0) * factor(decay, at - (pool.times[i] ?? 0));
  return total;
}

/**
 * Lowest and highest worth of a pool over a stretch of time. Every decay only ever shrinks an award, so each award lies
 * between its worth at the two ends.
 */
export function worthBetween(pool: Pool | null | undefined, decay: Decay, from: number, to: number): [number, number] {
  if (!pool) return [0, 0];
  if (from === to) {
    const points = worth(pool, decay, from);
    return [points, points];
  }
  if ("sum" in pool) {
    const start = worth(pool, decay, from);
    const end = worth(pool, decay, to);
    return start < end ? [start, end] : [end, start];
  }
  let low = 0;
  let high = 0;
  for (let i = 0; i < pool.times.length; i++) {
    const points = pool.values[i] ?? 0;
    const start = points * factor(decay, from - (pool.times[i] ?? 0));
    const end = points * factor(decay, to - (pool.times[i] ?? 0));
    low += Math.min(start, end);
    high += Math.max(start, end);
  }
  return [low, high];
}

/** Whether pools of two decays fade alike and can be one number. */
export function canJoin(a: Decay, b: Decay): boolean {
  return a.kind === "halfLife" && b.kind === "halfLife" && a.ms === b.ms;
}

/** Two pools of one half-life as one. */
export function joined(a: Pool, b: Pool, decay: Decay): Pool {
  if (!("sum" in a && "sum" in b)) return a;
  const at = Math.max(a.at ?? 0, b.at ?? 0);
  return { sum: worth(a, decay, at) + worth(b, decay, at), at };
}
