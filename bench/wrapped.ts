/** What bench/entry.ts is told and tells. */
import type { Meter } from "../test/support/faults.ts";

export interface Mishaps {
  /** Share of round trips to D1 that something happens to, 0 to 1. */
  d1: number;
  /** Share of calls of the queue that fail. */
  queue: number;
  seed: number;
}

/** Since the Worker began. */
export interface Counts {
  meter: Meter;
  /** What went wrong on purpose, by kind. */
  mishaps: Record<string, number>;
  /** Letters put into the queue, … */
  posted: number;
  /** … folded or put away, … */
  acked: number;
  /** … left to come again, … */
  retried: number;
  /** … and put away after the queue itself gave up. */
  buried: number;
  /** Letters that cannot be folded however often they come, and such as never reach the Worker. */
  doomed: number;
}
