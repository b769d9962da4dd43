/**
 * Writing leads: one atomic batch that carries the versions it read. If anybody else wrote a lead in between, a CHECK
 * refuses the whole batch (see refusal.ts), so nothing is ever half written or written over.
 */
import { messageDigests } from "./digest";
import { notFenced, unlessFenced } from "./fences";
import { absorbStatements, keyStatements } from "./identities";
import { impliedOf } from "./implied";
import { byKey, type FoundRow, type LeadRow, leadsQuery } from "./leads";
import { logStatement, rewriteStatements } from "./log";
import { outboxStatement } from "./outbox";
import type { LeadWrite } from "./plan";
import { rowAfter, upsert } from "./row";

/** How many events of a UTC day are to be added to a site's, unless it has had `most` already. */
export interface UsageNote {
  /** Days since the epoch. */
  day: number;
  events: number;
  most: number;
}

/** What a batch has written. */
export interface Written {
  rows: LeadRow[];
  /** Where usage was noted: how many events all isolates have noted of that day. */
  noted: number | null;
  /** How many deliveries to webhooks now wait because of it. */
  waiting: number;
}

/**
 * Ids, leads, usage and deliveries are written together or not at all, at `now` ms. `guards`: statements that write nothing
 * and refuse the batch where something has changed since it was looked at.
 */
export async function writeLeads(
  db: D1Database,
  siteId: string,
  messageIds: readonly string[],
  writes: readonly LeadWrite[],
  now: number,
  guards: readonly D1PreparedStatement[] = [],
  usage: UsageNote | null = null,
): Promise<Written> {
  const leads = await Promise.all(writes.map((write) => leadStatements(db, write)));
  const outbox = outboxStatement(db, siteId, writes.flatMap(numberedAnnouncements), now);
  const statements = [
    ...(usage ? [usageStatement(db, siteId, usage)] : []),
    messageIds.length > 0 ? messageStatement(db, siteId, await messageDigests(messageIds)) : unlessFenced(db, siteId),
    ...guards,
    ...leads.flatMap(({ statements }) => statements),
    ...(outbox ? [outbox] : []),
  ];
  const results = await db.batch<{ events?: number }>(statements);
  return {
    rows: leads.map(({ row }) => row),
    noted: usage ? (results[0]?.results[0]?.events ?? null) : null,
    waiting: outbox ? (results.at(-1)?.meta.changes ?? 0) : 0,
  };
}

/**
 * Writes a lead that a visitor begins without looking first whether it has one: if so, that is returned and nothing is
 * written. One trip in place of two. `null`, with nothing done: it is more than a row of each table, and has to be looked up.
 */
export async function writeNewcomer(
  db: D1Database,
  siteId: string,
  messageIds: readonly string[],
  write: LeadWrite,
): Promise<{ row: LeadRow; isNew: boolean } | null> {
  const { keys, crossings, announcements } = write;
  const row = rowAfter(write);
  if (keys.implied === null || crossings.length + announcements.length + row.logged > 0) return null;
  const implied = impliedOf(keys.implied, row.id);
  const [found] = await db.batch<FoundRow>([
    leadsQuery(db, siteId, [keys.implied], [implied]),
    upsert(db, write, row, true),
    messageStatement(db, siteId, await messageDigests(messageIds), row.id),
  ]);
  const theirs = byKey(found?.results ?? []).get(keys.implied);
  return theirs ? { row: theirs, isNew: false } : { row, isNew: true };
}

/**
 * Refuses the batch where one of the messages counted already, or where the site is fenced (NULL in site_id). With the id
 * of a lead they count only if there is that.
 */
function messageStatement(
  db: D1Database,
  siteId: string,
  digests: readonly string[],
  leadId: string | null = null,
): D1PreparedStatement {
  const where = leadId === null ? "" : "WHERE EXISTS (SELECT 1 FROM leads WHERE site_id = ?1 AND id = ?3)";
  return db
    .prepare(
      `INSERT INTO messages (site_id, id) SELECT CASE WHEN ${notFenced("?1")} THEN ?1 END, value FROM json_each(?2) ${where}`,
    )
    .bind(siteId, JSON.stringify(digests), ...(leadId === null ? [] : [leadId]));
}

/** Refuses its batch (NULL in lead_id) where one of some leads is not as it was read any more; writes nothing. */
export function unlessWritten(db: D1Database, siteId: string, read: readonly Pick<LeadRow, "id" | "version">[]) {
  const versions = read.map(({ id, version }) => ({ id, version }));
  return db
    .prepare(
      `INSERT INTO identities (site_id, key, lead_id) SELECT ?1, '', NULL FROM json_each(?2) r WHERE NOT EXISTS
       (SELECT 1 FROM leads WHERE site_id = ?1 AND id = r.value ->> 'id' AND version = r.value ->> 'version') LIMIT 1`,
    )
    .bind(siteId, JSON.stringify(versions));
}

/** Refuses the batch (NULL in events) where the day's events have all been had: nobody has to read that first. */
function usageStatement(db: D1Database, siteId: string, { day, events, most }: UsageNote): D1PreparedStatement {
  return db
    .prepare(
      `INSERT INTO usage (site_id, day, events) VALUES (?1, ?2, ?3) ON CONFLICT (site_id, day) DO UPDATE SET
         events = CASE WHEN usage.events < ?4 THEN usage.events + excluded.events END RETURNING events`,
    )
    .bind(siteId, day, events, most);
}

/** What lists go by, looked at again. */
export interface Refreshed {
  siteId: string;
  id: string;
  version: number;
  refreshAt: number | null;
  score: number;
  scores: Record<string, number>;
}

/**
 * Writes scores of leads that nobody wrote since; the others have fresh ones. The version counts it as any write: who holds
 * a row from before would else leave out the score where it believes that it is written already.
 */
export async function writeScores(db: D1Database, refreshed: readonly Refreshed[]): Promise<void> {
  await db
    .prepare(
      `UPDATE leads SET version = version + 1, score = s.value ->> 'score', scores = s.value ->> 'scores',
         refresh_at = s.value ->> 'refreshAt'
       FROM json_each(?1) s WHERE leads.site_id = s.value ->> 'siteId' AND leads.id = s.value ->> 'id'
       AND leads.version = s.value ->> 'version' AND ${notFenced("leads.site_id")}`,
    )
    .bind(JSON.stringify(refreshed))
    .run();
}

/** Ids of those given that already counted. */
export async function knownMessages(db: D1Database, siteId: string, ids: readonly string[]): Promise<Set<string>> {
  const digests = await messageDigests(ids);
  const { results } = await db
    .prepare("SELECT id FROM messages WHERE site_id = ?1 AND id IN (SELECT value FROM json_each(?2))")
    .bind(siteId, JSON.stringify(digests))
    .all<{ id: string }>();
  const known = new Set(results.map(({ id }) => id));
  return new Set(ids.filter((_, i) => known.has(digests[i] ?? "")));
}

async function leadStatements(db: D1Database, write: LeadWrite) {
  const { after, absorbed, log } = write;
  const row = rowAfter(write);
  const statements = [
    ...absorbed.flatMap((lead) => absorbStatements(db, lead, row)),
    upsert(db, write, row),
    ...(await keyStatements(db, write, row)),
    ...(log ? rewriteStatements(db, log, row) : logStatement(db, after.tail, after.logged, row)),
    ...crossingStatement(db, write, row),
  ];
  return { row, statements };
}

/** A lead's write numbers what it adds from here: after what any earlier write added, so no number is used twice. */
const firstNumber = (before: LeadRow | null) => (before?.version ?? 0) * 10_000;

function numberedAnnouncements({ before, after, announcements }: LeadWrite) {
  return announcements.map((one, i) => ({ ...one, leadId: after.id, n: firstNumber(before) + i }));
}

function crossingStatement(db: D1Database, { before, crossings }: LeadWrite, row: LeadRow): D1PreparedStatement[] {
  if (crossings.length === 0) return [];
  const numbered = crossings.map((crossing, i) => ({ at: crossing.at, n: firstNumber(before) + i, crossing }));
  return [
    db
      .prepare(
        `INSERT INTO crossings (lead_id, at, n, crossing)
         SELECT ?1, value ->> 'at', value ->> 'n', value -> 'crossing' FROM json_each(?2)`,
      )
      .bind(row.id, JSON.stringify(numbered)),
  ];
}
