/** Leads in D1: what is stored of one, and finding them with their logs and histories. Writing is write.ts's. */
import type { LoggedEvent } from "../core/event";
import { LEAD_KEY } from "../core/identity";
import type { Crossing, Told } from "../core/play";
import { type State, unpackState } from "../core/state";
import { notFenced } from "./fences";
import { hasKey, type Implied, impliedBy, startsWith } from "./implied";
import { StaleRead } from "./refusal";
import { suppressedQuery } from "./suppressions";
import { Tail } from "./tail";

/** An event in the log, with when it was accepted (ms, increasing within a lead): the order of the fold. */
export interface Entry extends LoggedEvent {
  receivedAt: number;
  /** Its place in the batch, where it was not the first. */
  place?: number;
}

/** Events of several leads in the order they were accepted. */
export function inAcceptedOrder(entries: readonly Entry[]): Entry[] {
  return entries.toSorted((a, b) => a.receivedAt - b.receivedAt || (a.place ?? 0) - (b.place ?? 0));
}

export interface Lead {
  id: string;
  siteId: string;
  /** Counts writes; 0: not written yet. */
  version: number;
  rulesVersion: number;
  state: State;
  told: Told;
  /** The latest events, after those in the log table. */
  tail: Tail;
  /** How many events the log table holds. */
  logged: number;
  dueAt: number | null;
  /** When the stored score is to be looked at again, ms; `null`: it does not fade. */
  refreshAt: number | null;
  score: number;
  /** The score by dimension. */
  scores: Record<string, number>;
  /** Keys under which it is found. */
  keys: string[];
  /** Time of its oldest event that can still be pruned, ms; `null`: it has none, 0: nobody has looked yet. */
  oldestAt: number | null;
  /** When its earliest outcome happened, ms; `null`: it has none. */
  outcomeAt: number | null;
}

/** A lead as it is stored; JSON still as text, so that holding many costs little and none is shared by mistake. */
export interface LeadRow {
  id: string;
  site_id: string;
  version: number;
  rules_version: number;
  state: string;
  told: string;
  keys: string;
  tail: string;
  logged: number;
  due_at: number | null;
  refresh_at: number | null;
  seen_at: number | null;
  score: number;
  scores: string;
  oldest_at: number | null;
  known: number;
  disqualified: number;
  outcome_at: number | null;
  search_text: string | null;
}

/** `last_seen` of a lead without a clock: only machines were there, and it is on no list. */
export const UNSEEN = -1;

/** How far `seen_at` may lag behind `last_seen`, ms: most visits are over by then. */
export const SEEN_LAG_MS = 5 * 60_000;

export const LEAD_COLUMNS =
  "l.id, l.site_id, l.version, l.rules_version, l.state, l.told, l.keys, l.tail, l.logged, l.due_at, l.refresh_at, l.seen_at, l.score, l.scores, l.oldest_at, l.known, l.disqualified, l.outcome_at, l.search_text";

export function readLead(row: LeadRow): Lead {
  return {
    id: row.id,
    siteId: row.site_id,
    version: row.version,
    rulesVersion: row.rules_version,
    state: unpackState(row.state),
    told: JSON.parse(row.told),
    keys: JSON.parse(row.keys),
    oldestAt: row.oldest_at,
    outcomeAt: row.outcome_at,
    tail: new Tail(row.tail),
    logged: row.logged,
    dueAt: row.due_at,
    refreshAt: row.refresh_at,
    score: row.score,
    scores: JSON.parse(row.scores),
  };
}

export type FoundRow = LeadRow & { key: string };

export const byKey = (found: readonly FoundRow[]) =>
  new Map(found.map(({ key, ...row }): [string, LeadRow] => [key, row]));

/** The leads of a site that own the keys, by key. One round trip. */
export async function findLeads(
  db: D1Database,
  siteId: string,
  keys: readonly string[],
): Promise<Map<string, LeadRow>> {
  const query = leadsQuery(db, siteId, keys, await impliedBy(siteId, keys));
  return byKey((await query.all<FoundRow>()).results);
}

/** The same, and which of some hashed addresses are suppressed. One round trip too. */
export async function findLeadsAndSuppressed(
  db: D1Database,
  siteId: string,
  keys: readonly string[],
  hashes: readonly string[],
): Promise<{ rows: Map<string, LeadRow>; suppressed: Set<string> }> {
  const query = leadsQuery(db, siteId, keys, await impliedBy(siteId, keys));
  const [found, kept] = await db.batch<FoundRow & { hash: string }>([query, suppressedQuery(db, siteId, hashes)]);
  return { rows: byKey(found?.results ?? []), suppressed: new Set(kept?.results.map(({ hash }) => hash)) };
}

/**
 * Leads by key: the one that a row of `identities` names, the one that the key implies, or that a `lead:` key is the id of.
 * CROSS JOIN: else SQLite goes through the site's leads.
 */
export function leadsQuery(
  db: D1Database,
  siteId: string,
  keys: readonly string[],
  implied: readonly Implied[],
): D1PreparedStatement {
  const ids = keys.filter((key) => key.startsWith(LEAD_KEY)).map((key) => [key, key.slice(LEAD_KEY.length)]);
  return db
    .prepare(
      `SELECT i.key, ${LEAD_COLUMNS} FROM identities i JOIN leads l ON l.site_id = i.site_id AND l.id = i.lead_id
       WHERE i.site_id = ?1 AND i.key IN (SELECT value FROM json_each(?2))
       UNION ALL
       SELECT k.value ->> 0, ${LEAD_COLUMNS} FROM json_each(?3) k CROSS JOIN leads l ON l.site_id = ?1 AND ${startsWith("k.value ->> 1")}
       WHERE k.value ->> 0 = '${LEAD_KEY}' || l.id OR ${hasKey("(k.value ->> 2)")}`,
    )
    .bind(siteId, JSON.stringify(keys), JSON.stringify([...ids, ...implied]));
}

/** Leads whose levels time has changed, or will have by `until`: those due longest first. */
export async function dueLeads(db: D1Database, until: number, limit: number, offset = 0): Promise<LeadRow[]> {
  const { results } = await db
    .prepare(
      `SELECT ${LEAD_COLUMNS} FROM leads l WHERE l.due_at <= ?1 AND ${notFenced("l.site_id")} ORDER BY l.due_at LIMIT ?2 OFFSET ?3`,
    )
    .bind(until, limit, offset)
    .all<LeadRow>();
  return results;
}

/** Ids from one up to another. */
export interface IdRange {
  from: string;
  to: string;
}

/** Leads of all sites with ids in a range whose stored score will have become old by `until`. */
export async function fadedLeads(
  db: D1Database,
  { from, to }: IdRange,
  until: number,
  limit: number,
  offset = 0,
): Promise<LeadRow[]> {
  const { results } = await db
    .prepare(
      `SELECT ${LEAD_COLUMNS} FROM sites s CROSS JOIN leads l ON l.site_id = s.id AND l.id >= ?1 AND l.id < ?2
       WHERE l.refresh_at <= ?3 AND ${notFenced("l.site_id")} LIMIT ?4 OFFSET ?5`,
    )
    .bind(from, to, until, limit, offset)
    .all<LeadRow>();
  return results;
}

/** The leads of a site in the order of their ids, from the one after `id`; of machines' nobody asks. */
export async function leadsAfter(db: D1Database, siteId: string, id: string, limit: number): Promise<LeadRow[]> {
  const { results } = await db
    .prepare(
      `SELECT ${LEAD_COLUMNS} FROM leads l WHERE l.site_id = ?1 AND l.id > ?2 AND l.last_seen > ${UNSEEN} ORDER BY l.id LIMIT ?3`,
    )
    .bind(siteId, id, limit)
    .all<LeadRow>();
  return results;
}

/** What of a lead is too old, as retention goes by it. */
export interface Age {
  id: string;
  /** Time of its oldest event that can be pruned, ms; `null`: it has none. */
  oldestAt: number | null;
  /** 1: nobody knows who it is, and it was not there since the instant asked for. */
  isGone: 0 | 1;
}

/** The same of leads in the order of their ids, and nothing else: cheap to go through in full. `since`: ms; `null`: none is gone. */
export async function agesAfter(
  db: D1Database,
  siteId: string,
  id: string,
  limit: number,
  since: number | null,
): Promise<Age[]> {
  const { results } = await db
    .prepare(
      `SELECT id, oldest_at oldestAt, known = 0 AND max(last_seen, ifnull(oldest_at, 0)) < ifnull(?4, 0) isGone
       FROM leads WHERE site_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3`,
    )
    .bind(siteId, id, limit, since)
    .all<Age>();
  return results;
}

/** Every event of a lead, in the order accepted. */
export async function readLog(db: D1Database, lead: Lead): Promise<Entry[]> {
  return (await readLogs(db, [lead]))[0] ?? [];
}

/**
 * The logs of several leads of one site, in their order. One round trip. Throws `StaleRead` where a lead was written
 * since its row was read: a merge may have written its log anew, and half of each would be neither.
 */
export async function readLogs(db: D1Database, leads: readonly Lead[]): Promise<Entry[][]> {
  const stored = leads.filter(({ logged }) => logged > 0);
  const rows = stored[0] ? await readLogRows(db, stored[0].siteId, stored) : [];
  return leads.map((lead) => {
    const mine = rows.filter((row) => row.lead_id === lead.id);
    if (lead.logged > 0 && mine[0]?.version !== lead.version) throw new StaleRead();
    // What was moved there since is still in the tail at hand.
    const before = mine.filter((row) => row.first < lead.logged);
    return [...before.flatMap((row) => JSON.parse(row.events) as Entry[]), ...lead.tail.entries];
  });
}

async function readLogRows(db: D1Database, siteId: string, leads: readonly Lead[]) {
  const { results } = await db
    .prepare(
      `SELECT g.lead_id, g.first, g.events, l.version FROM log g JOIN leads l ON l.site_id = ?1 AND l.id = g.lead_id
       WHERE g.lead_id IN (SELECT value FROM json_each(?2)) ORDER BY g.lead_id, g.first`,
    )
    .bind(siteId, JSON.stringify(leads.map(({ id }) => id)))
    .all<{ lead_id: string; first: number; events: string; version: number }>();
  return results;
}

/** Every crossing of a lead, in their order. */
export async function readAllCrossings(db: D1Database, lead: Lead): Promise<Crossing[]> {
  const { results } = await db
    .prepare("SELECT crossing FROM crossings WHERE lead_id = ?1 ORDER BY at, n")
    .bind(lead.id)
    .all<{ crossing: string }>();
  return results.map(({ crossing }) => JSON.parse(crossing));
}

/** Crossings of a lead, latest first, before a position where one is given. */
export async function readCrossings(
  db: D1Database,
  leadId: string,
  limit: number,
  before: { at: number; n: number } | null,
): Promise<{ at: number; n: number; crossing: Crossing }[]> {
  const { results } = await db
    .prepare(
      `SELECT at, n, crossing FROM crossings WHERE lead_id = ?1 AND (at, n) < (?2, ?3)
       ORDER BY at DESC, n DESC LIMIT ?4`,
    )
    .bind(leadId, before?.at ?? Number.MAX_SAFE_INTEGER, before?.n ?? Number.MAX_SAFE_INTEGER, limit)
    .all<{ at: number; n: number; crossing: string }>();
  return results.map(({ at, n, crossing }) => ({ at, n, crossing: JSON.parse(crossing) }));
}
