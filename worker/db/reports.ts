/** What reports read: sums over all leads of a site, and samples of them. */
import { LEAD_COLUMNS, type LeadRow, UNSEEN } from "./leads";

/** Lowest and highest score of a site's leads, as of their last refresh; `null`: it has none. */
export async function scoreRange(db: D1Database, siteId: string): Promise<{ low: number; high: number } | null> {
  const end = (order: "ASC" | "DESC") =>
    `(SELECT score FROM leads WHERE site_id = ?1 AND known = side.value AND last_seen > ${UNSEEN} ORDER BY score ${order} LIMIT 1)`;
  const found = await db
    .prepare(`SELECT min(${end("ASC")}) low, max(${end("DESC")}) high FROM json_each('[0, 1]') side`)
    .bind(siteId)
    .first<{ low: number | null; high: number | null }>();
  return found && found.low !== null && found.high !== null ? { low: found.low, high: found.high } : null;
}

/** How many leads have a score, rounded as it is shown, from `low + bin · width` up to the next bin, for bins 0 to `bins - 1`; what lies outside counts at the ends. */
export async function scoreBins(
  db: D1Database,
  siteId: string,
  { low, width, bins }: { low: number; width: number; bins: number },
): Promise<{ bin: number; leads: number; disqualified: number }[]> {
  const { results } = await db
    .prepare(
      `SELECT min(max(CAST((round(score) - ?2) / ?3 AS INTEGER), 0), ?4 - 1) bin,
              sum(NOT disqualified) leads, sum(disqualified) disqualified
       FROM leads WHERE site_id = ?1 AND last_seen > ${UNSEEN} GROUP BY bin`,
    )
    .bind(siteId, low, width, bins)
    .all<{ bin: number; leads: number; disqualified: number }>();
  return results;
}

/** How many leads a site has, and how many of them have an outcome. */
export async function countLeads(db: D1Database, siteId: string): Promise<{ leads: number; withOutcome: number }> {
  const found = await db
    .prepare(
      `SELECT count(*) leads, count(outcome_at) withOutcome FROM leads WHERE site_id = ?1 AND last_seen > ${UNSEEN}`,
    )
    .bind(siteId)
    .first<{ leads: number; withOutcome: number }>();
  return found ?? { leads: 0, withOutcome: 0 };
}

/** Leads that have an outcome, in the order of their ids, from the one after `id`: by an index that holds no others. */
export async function endedLeadsAfter(db: D1Database, siteId: string, id: string, limit: number): Promise<LeadRow[]> {
  const { results } = await db
    .prepare(
      `SELECT ${LEAD_COLUMNS} FROM leads l INDEXED BY leads_with_outcome
       WHERE l.site_id = ?1 AND l.id > ?2 AND l.outcome_at IS NOT NULL ORDER BY l.id LIMIT ?3`,
    )
    .bind(siteId, id, limit)
    .all<LeadRow>();
  return results;
}

/** The same of those that have none. */
export async function openLeadsAfter(db: D1Database, siteId: string, id: string, limit: number): Promise<LeadRow[]> {
  const { results } = await db
    .prepare(
      `SELECT ${LEAD_COLUMNS} FROM leads l
       WHERE l.site_id = ?1 AND l.id > ?2 AND l.outcome_at IS NULL AND l.last_seen > ${UNSEEN} ORDER BY l.id LIMIT ?3`,
    )
    .bind(siteId, id, limit)
    .all<LeadRow>();
  return results;
}

/** A level left for another, without its circumstances. */
export interface Move {
  leadId: string;
  at: number;
  ladder: string;
  from: string;
}

/** The crossings of some leads after an instant, of each lead in their order. */
export async function movesAfter(db: D1Database, ids: readonly string[], after: number): Promise<Move[]> {
  const { results } = await db
    .prepare(
      `SELECT lead_id leadId, at, crossing ->> 'ladder' ladder, crossing ->> 'from' "from" FROM crossings
       WHERE lead_id IN (SELECT value FROM json_each(?1)) AND at > ?2 ORDER BY lead_id, at, n`,
    )
    .bind(JSON.stringify(ids), after)
    .all<Move>();
  return results;
}
