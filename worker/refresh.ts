/**
 * The scores that lists are sorted by, looked at again before they are a day old: they fade while nothing happens. One
 * that will be shown the same for longer is left alone for so long. What is shown of a lead is never read from here.
 *
 * Every minute has its turn, a part of all leads by how their ids begin, which are as good as random: nothing has to be
 * remembered, and no index says what is due: reading a lead three times a day for a year costs less than its entry would.
 */
import { catchUp, Failures } from "./catchup";
import { fadedLeads, type IdRange, type LeadRow, readLead } from "./db/leads";
import { type Refreshed, writeScores } from "./db/write";
import type { Deps } from "./deps";
import { putOffLook, score } from "./lead";

const TURN_MS = 60_000;
/** Turns until a lead's comes again: three times in a day, and some minutes to spare, for cron is not punctual. */
export const TURNS = 470;
/** What will be due by the turn after the next is looked at in this one, ms: a run may fail, or not be made. */
export const AHEAD_MS = 2 * TURNS * TURN_MS;
/** Beginnings of ids: three hexadecimal characters. */
const BEGINNINGS = 16 ** 3;
/** Leads looked at in one statement, and statements of one run; what is left waits for its next turn. */
const CHUNK = 200;
const CHUNKS_MAX = 10;

/** Whose turn it is at an instant, ms. */
export function turnAt(now: number): IdRange {
  const turn = Math.floor(now / TURN_MS) % TURNS;
  const beginning = (n: number) => Math.ceil((n * BEGINNINGS) / TURNS);
  return { from: idFrom(beginning(turn)), to: idFrom(beginning(turn + 1)) };
}

/** Before all ids with a beginning; past the last one: after all ids. */
const idFrom = (n: number) => `lead_${n < BEGINNINGS ? n.toString(16).padStart(3, "0") : "g"}`;

/** Refreshes the scores that are due of the leads whose turn it is; returns how many. Throws in the end where a lead failed. */
export async function refresh(deps: Deps, turn: IdRange = turnAt(deps.clock())): Promise<number> {
  const failures = new Failures();
  let refreshed = 0;
  const until = deps.clock() + AHEAD_MS;
  for (let chunk = 0; chunk < CHUNKS_MAX; chunk++) {
    const rows = await fadedLeads(deps.db, turn, until, CHUNK, failures.count);
    const scores: Refreshed[] = [];
    for (const row of rows) {
      const one = await failures.outlive(() => refreshedRow(deps, row));
      if (one) scores.push(one);
    }
    if (scores.length > 0) await writeScores(deps.db, scores);
    for (const { id } of scores) deps.leads.drop(id);
    refreshed += rows.length;
    if (rows.length < CHUNK) break;
  }
  failures.throwFirst();
  return refreshed;
}

/** What to write of a lead; `null` where it was brought under new rules instead, which writes it whole. */
async function refreshedRow(deps: Deps, row: LeadRow): Promise<Refreshed | null> {
  const site = await deps.sites.find(row.site_id);
  if (!site) return null;
  if (row.rules_version !== site.rulesVersion) {
    await catchUp(deps, row);
    return null;
  }
  const lead = readLead(row);
  const now = deps.clock();
  const at = Math.max(now, lead.state.clock ?? now);
  score(site, lead, at);
  putOffLook(site, lead, at);
  const { siteId, id, version, refreshAt, scores } = lead;
  return { siteId, id, version, refreshAt, score: lead.score, scores };
}
