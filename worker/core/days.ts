/** Who stood where at the end of each day. */
import { DAY_MS } from "./duration";

/** A level left for another; `from`: the one left. */
export interface Leaving {
  at: number;
  from: string;
}

/**
 * The level that a lead stood on at an instant: the one that it left first after that, or else the one it is on now.
 * `leavings`: in their order, of one ladder.
 */
export function levelThen(leavings: readonly Leaving[], now: string, at: number): string {
  return leavings.find((leaving) => leaving.at > at)?.from ?? now;
}

/** Beginnings of the UTC days from one instant to another, both included, ms. */
export function daysBetween(from: number, to: number): number[] {
  const first = Math.floor(from / DAY_MS);
  const count = Math.floor(to / DAY_MS) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) => (first + i) * DAY_MS);
}

/** The last ms of a day that begins then, or now where that is still to come. */
export function endOf(day: number, now: number): number {
  return Math.min(day + DAY_MS - 1, now);
}
