/**
 * The scores that lists are sorted by, looked at again before they are a day old: they fade while nothing happens. One
 * that will be shown the same for longer is left alone for so long. What is shown of a lead is never read from here.
 */
import { catchUp } from "./catchup";
import { fadedLeads, type LeadRow, readLead } from "./db/leads";
import { type Refreshed, writeScores } from "./db/write";
import type { Deps } from "./deps";
import { putOffLook, score } from "./lead";

/** Leads looked at in one statement, and statements of one run; what is left waits for the next, a minute later. */
const CHUNK = 200;
const CHUNKS_MAX = 10;

/** Refreshes the scores that are due; returns how many. */
export async function refresh(deps: Deps): Promise<number> {
  let refreshed = 0;
  for (let chunk = 0; chunk < CHUNKS_MAX; chunk++) {
    const rows = await fadedLeads(deps.db, deps.clock(), CHUNK);
    const scores: Refreshed[] = [];
    for (const row of rows) {
      const one = await refreshedRow(deps, row);
      if (one) scores.push(one);
    }
    if (scores.length > 0) await writeScores(deps.db, scores);
    for (const { id } of scores) deps.leads.drop(id);
    refreshed += rows.length;
    if (rows.length < CHUNK) break;
  }
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
