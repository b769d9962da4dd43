/**
 * What happens, counted in the isolate and added up in the database every few minutes: a beacon pays nothing for it. An
 * isolate that is put away in between takes its last counts along, so they are a little low; events are never lost by it.
 */
import { HOUR_MS } from "./core/duration";
import { addTallies, forgetTallies, type Tally } from "./db/tallies";
import type { Deps } from "./deps";

/** Time between two additions, ms: a row each for every site and name. */
const ADDED_EVERY_MS = 300_000;
/** Most counts held; past it they are added up at once. */
const COUNTS_MAX = 5_000;

/** How long counts are kept, hours. */
const KEPT_HOURS = 30 * 24;

/** The site where none was named. */
export const NOBODY = "";

/** The hour of an instant, since the epoch. */
export const hourOf = (ms: number) => Math.floor(ms / HOUR_MS);

export class Tallies {
  private counts = new Map<string, Tally>();
  private addedAt: number;

  constructor(private readonly clock: () => number) {
    this.addedAt = clock();
  }

  add(siteId: string, name: string, n = 1): void {
    if (n === 0) return;
    const hour = hourOf(this.clock());
    const key = `${hour} ${siteId} ${name}`;
    const tally = this.counts.get(key) ?? { hour, siteId, name, n: 0 };
    tally.n += n;
    this.counts.set(key, tally);
  }

  /** What of a site is not added up yet. */
  pending(siteId: string): Tally[] {
    return [...this.counts.values()].filter((one) => one.siteId === siteId);
  }

  /** Whether it is time to add up. */
  get isDue(): boolean {
    const isLong = this.clock() - this.addedAt >= ADDED_EVERY_MS;
    return this.counts.size > 0 && (isLong || this.counts.size >= COUNTS_MAX);
  }

  /** Adds up what was counted. */
  async settle(deps: Pick<Deps, "db">): Promise<void> {
    const counted = this.counts;
    this.counts = new Map();
    this.addedAt = this.clock();
    // Where that fails nobody knows whether they were added: better a little low than twice.
    await addTallies(deps.db, [...counted.values()]);
  }
}

/** Deletes counts that have been kept for long enough. */
export async function forgetOldTallies(deps: Deps): Promise<void> {
  await forgetTallies(deps.db, hourOf(deps.clock()) - KEPT_HOURS);
}
