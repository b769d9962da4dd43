/** How Kelvin is doing: what was counted of a site in the last day, and what waits. */

import { HOUR_MS } from "./core/duration";
import { MAIN } from "./db/directory";
import type { SiteRules } from "./db/sites";
import {
  countDead,
  countFailing,
  dueSince,
  notRefolded,
  readTallies,
  type Tally,
  undelivered,
  type Waiting,
} from "./db/tallies";
import type { Deps } from "./deps";
import { hourOf, NOBODY } from "./tallies";

/** Hours that are shown. */
const HOURS = 24;
/** Most of what waits that is counted. */
const COUNTED_MAX = 1_000;

/** Counts by name: events, but for `conflicts` and `retries` (writes) and what is under `refused` (requests). */
export interface Counts {
  accepted: number;
  queued: number;
  drained: number;
  buried: number;
  conflicts: number;
  retries: number;
  rejected: Record<string, number>;
  refused: Record<string, number>;
}

/** Counts of a site in the last 24 hours, and what waits in its database. */
export async function statusOf(deps: Deps, site: SiteRules) {
  const now = deps.clock();
  const hours = Array.from({ length: HOURS }, (_, i) => hourOf(now) - HOURS + 1 + i);
  const account = deps.in({ database: MAIN }).db;
  const [mine, nobodys, sweep, webhooks, failing, refolding, deadLetters] = await Promise.all([
    readTallies(account, site.id, hours),
    readTallies(account, NOBODY, hours),
    dueSince(deps.db, now, COUNTED_MAX),
    undelivered(deps.db, now, COUNTED_MAX),
    countFailing(deps.db, site.id),
    notRefolded(deps.db, site.id),
    countDead(deps.db, site.id),
  ]);
  const all = [...mine, ...deps.tallies.pending(site.id)];
  return {
    at: iso(now),
    since: iso((hours[0] ?? 0) * HOUR_MS),
    ...countsOf(all),
    // Calls that name no site, or none that there is.
    unknown: countsOf([...nobodys, ...deps.tallies.pending(NOBODY)]).refused,
    hours: hours.map((hour) => ({ at: iso(hour * HOUR_MS), ...brief(all.filter((one) => one.hour === hour)) })),
    sweep: lagOf(sweep, now),
    webhooks: { ...lagOf(webhooks, now), failing },
    refolding,
    deadLetters,
  };
}

const iso = (ms: number) => new Date(ms).toISOString();

function lagOf({ n, since }: Waiting, now: number): { waiting: number; lagSeconds: number } {
  return { waiting: n, lagSeconds: since === null ? 0 : Math.max(0, Math.round((now - since) / 1000)) };
}

function countsOf(tallies: readonly Tally[]): Counts {
  const named = (name: string) => sum(tallies.filter((one) => one.name === name));
  const under = (group: string) => {
    const mine = tallies.filter(({ name }) => name.startsWith(`${group}.`));
    const byCode = Map.groupBy(mine, ({ name }) => name.slice(group.length + 1));
    return Object.fromEntries([...byCode].map(([code, some]): [string, number] => [code, sum(some)]).sort());
  };
  return {
    accepted: named("accepted"),
    queued: named("queued"),
    drained: named("drained"),
    buried: named("buried"),
    conflicts: named("conflicts"),
    retries: named("retries"),
    rejected: under("rejected"),
    refused: under("refused"),
  };
}

function brief(tallies: readonly Tally[]) {
  const { accepted, queued, rejected, refused } = countsOf(tallies);
  const all = (counts: Record<string, number>) => Object.values(counts).reduce((total, n) => total + n, 0);
  return { accepted, queued, rejected: all(rejected), refused: all(refused) };
}

const sum = (tallies: readonly Tally[]) => tallies.reduce((total, { n }) => total + n, 0);
