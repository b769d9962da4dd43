/**
 * Retention: once a day, by UTC, every site's events that are older than it keeps them are pruned (core/prune.ts), and
 * leads that nobody knows and that were not there for longer than it keeps such are forgotten. The run goes through the
 * leads by their ids, looks only at how old each is, and notes how far it came, so that any run can go on. A lead's version
 * makes it safe to run twice at once: who comes second finds nothing old.
 */
import { Failures, rewriteLead } from "./catchup";
import { DAY_MS } from "./core/duration";
import { LEAD_KEY } from "./core/identity";
import { replay } from "./core/play";
import { oldestWith, pruneLog } from "./core/prune";
import { type Age, agesAfter, type Entry, findLeads, type LeadRow, readLog } from "./db/leads";
import type { LeadWrite } from "./db/plan";
import { notePruning, type Pruning, sitesToPrune } from "./db/sites";
import type { Deps } from "./deps";
import { forget } from "./forget";
import { type Current, leadWrite } from "./lead";

/** Leads looked at in one statement, of which it tells an id and an age each. */
export const LOOKED_AT_ONCE = 1_000;
/** Such statements for one site in one run; what is left waits for the next, a minute later. */
const CHUNKS_A_RUN = 20;
/** Leads read whole at once, up to 100 kB each. */
const ROWS_AT_ONCE = 20;
/** Leads that one run writes anew or deletes, of all sites: it may only ask so often. */
export const LEADS_A_RUN = 200;
const SITES_A_RUN = 10;

/** Goes on with what is to be pruned today; returns how many leads were written or deleted. Throws in the end where a lead failed. */
export async function prune(deps: Deps): Promise<number> {
  const today = Math.floor(deps.clock() / DAY_MS) * DAY_MS;
  const failures = new Failures();
  let written = 0;
  for (const pruning of await sitesToPrune(deps.db, today, SITES_A_RUN)) {
    if (written < LEADS_A_RUN) written += await pruneSite(deps, pruning, LEADS_A_RUN - written, failures);
  }
  if (written > 0) await deps.overwrite();
  failures.throwFirst();
  return written;
}

async function pruneSite(deps: Deps, from: Pruning, most: number, failures: Failures): Promise<number> {
  const before = deps.clock() - (from.retentionDays ?? Number.POSITIVE_INFINITY) * DAY_MS;
  const { anonymousRetentionDays: days } = from;
  const since = days === null ? null : deps.clock() - days * DAY_MS;
  const isAged = ({ oldestAt }: Age) => oldestAt !== null && oldestAt < before;
  // Under the rules in force: what was published elsewhere a moment ago is to see the events whole.
  await deps.sites.read(from.id);
  let pruning = from;
  let written = 0;
  for (let chunk = 0; chunk < CHUNKS_A_RUN && written < most; chunk++) {
    const looked = await agesAfter(deps.db, pruning.id, pruning.prunedTo, LOOKED_AT_ONCE, since);
    const old = looked.filter((one) => one.isGone || isAged(one));
    const mine = old.slice(0, most - written);
    for (let from = 0; from < mine.length; from += ROWS_AT_ONCE) {
      const some = mine.slice(from, from + ROWS_AT_ONCE);
      const gone = some.filter(({ isGone }) => isGone);
      if (since !== null && gone.length > 0) await forget(deps, pruning.id, gone, since, failures);
      // Of those that stay all the same, too: who is deleted is not found any more.
      const aged = some.filter(isAged);
      if (aged.length > 0) await pruneLeads(deps, pruning.id, aged, before, failures);
    }
    written += mine.length;
    const isWhole = mine.length === old.length;
    const last = (isWhole ? looked : mine).at(-1)?.id;
    const isThrough = isWhole && looked.length < LOOKED_AT_ONCE;
    const to = isThrough
      ? { prunedTo: "", prunedAt: deps.clock() }
      : { prunedTo: last ?? pruning.prunedTo, prunedAt: pruning.prunedAt };
    if (!(await notePruning(deps.db, pruning, to)) || isThrough) break;
    pruning = { ...pruning, ...to };
  }
  return written;
}

async function pruneLeads(
  deps: Deps,
  siteId: string,
  some: readonly Age[],
  before: number,
  failures: Failures,
): Promise<void> {
  const keys = some.map(({ id }) => `${LEAD_KEY}${id}`);
  for (const row of (await findLeads(deps.db, siteId, keys)).values()) {
    await failures.outlive(() => rewriteLead(deps, row, (found, row) => pruned(deps, found, row, before)));
  }
}

/** The lead with its old events pruned. It crosses no level by that: the fold finds what it found before. */
async function pruned(deps: Deps, found: Current, row: LeadRow, before: number): Promise<LeadWrite> {
  const { site, lead } = found;
  const whole = await readLog(deps.db, lead);
  const events = pruneLog(site.rules, whole, before);
  const log = whole.map((entry, i): Entry => {
    const event = events[i] ?? entry;
    if (event === entry) return entry;
    const { receivedAt, place } = entry;
    return { ...event, receivedAt, ...(place === undefined ? {} : { place }) };
  });
  lead.oldestAt = log.reduce<number | null>(oldestWith, null);
  const isChanged = log.some((entry, i) => entry !== whole[i]);
  if (isChanged) lead.state = replay(site.rules, log);
  return { ...leadWrite(found, row), log: isChanged ? log : null };
}
