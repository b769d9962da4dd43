/**
 * Writing leads: one atomic batch that carries the versions it read. If anybody else wrote a lead in between, a CHECK
 * refuses the whole batch (see refusal.ts), so nothing is ever half written or written over.
 */
import type { Announcement } from "../core/announce";
import { LEAD_KEY, VISITOR_KEY } from "../core/identity";
import { lastSeenOf } from "../core/person";
import type { Crossing } from "../core/play";
import { packState } from "../core/state";
import { messageDigests } from "./digest";
import { notFenced, unlessFenced } from "./fences";
import { hasKey, type Implied, impliedBy, impliedOf, startsWith } from "./implied";
import { byKey, type Entry, type FoundRow, type Lead, type LeadRow, leadsQuery, UNSEEN } from "./leads";
import { outboxStatement } from "./outbox";
import { unlessSuppressed } from "./suppressions";

/** When the tail is moved to the log table: at so many events or characters. Larger costs bandwidth, smaller rows. */
export const TAIL_MAX_EVENTS = 32;
export const TAIL_MAX_CHARS = 32_768;

/** Keys that become a lead's, or nobody's. */
export interface KeyChanges {
  /** Ones that nobody may have. */
  free: string[];
  /** Ones that come from another lead. */
  moved: string[];
  /** Ones that are no name of anybody any more. */
  dropped: string[];
  /** The one that a new lead's id follows from, and which needs no row for that. */
  implied: string | null;
}

export const NO_KEYS: KeyChanges = { free: [], moved: [], dropped: [], implied: null };

/** What is to become of one lead. */
export interface LeadWrite {
  before: LeadRow | null;
  after: Lead;
  known: boolean;
  disqualified: boolean;
  crossings: Crossing[];
  /** What the site's webhooks are to be told of it. */
  announcements: Announcement[];
  keys: KeyChanges;
  /** Stored leads that go up in this one. */
  absorbed: Lead[];
  /** The whole log, where it is to be written anew. */
  log: Entry[] | null;
}

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
 * Ids, leads, usage and deliveries are written together or not at all, at `now` ms. `unsuppressed`: hashes of addresses
 * that were let in; one that was suppressed since refuses the batch.
 */
export async function writeLeads(
  db: D1Database,
  siteId: string,
  messageIds: readonly string[],
  writes: readonly LeadWrite[],
  now: number,
  unsuppressed: readonly string[] = [],
  usage: UsageNote | null = null,
): Promise<Written> {
  const rows = writes.map(rowAfter);
  const outbox = outboxStatement(db, siteId, writes.flatMap(numberedAnnouncements), now);
  const statements = [
    ...(usage ? [usageStatement(db, siteId, usage)] : []),
    messageIds.length > 0 ? messageStatement(db, siteId, await messageDigests(messageIds)) : unlessFenced(db, siteId),
    ...(unsuppressed.length > 0 ? [unlessSuppressed(db, siteId, unsuppressed)] : []),
    ...(await Promise.all(writes.map((write, i) => leadStatements(db, write, rows[i] ?? rowAfter(write))))).flat(),
    ...(outbox ? [outbox] : []),
  ];
  const results = await db.batch<{ events?: number }>(statements);
  return {
    rows,
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
  const [found] = await db.batch<FoundRow>([
    await leadsQuery(db, siteId, [keys.implied]),
    messageStatement(db, siteId, await messageDigests(messageIds), impliedOf(keys.implied, row.id)),
    upsert(db, write, row, true),
  ]);
  const theirs = byKey(found?.results ?? []).get(keys.implied);
  return theirs ? { row: theirs, isNew: false } : { row, isNew: true };
}

/**
 * Refuses the batch where one of the messages counted already, or where the site is fenced (NULL in site_id). With a key
 * they count only if that is nobody's.
 */
function messageStatement(
  db: D1Database,
  siteId: string,
  digests: readonly string[],
  implied: Implied | null = null,
): D1PreparedStatement {
  const where = implied ? `WHERE ${unclaimed("?1", "?3", "?4", "?5")}` : "";
  return db
    .prepare(
      `INSERT INTO messages (site_id, id) SELECT CASE WHEN ${notFenced("?1")} THEN ?1 END, value FROM json_each(?2) ${where}`,
    )
    .bind(siteId, JSON.stringify(digests), ...(implied ?? []));
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

/** Writes scores of leads that nobody wrote since; the others have fresh ones. */
export async function writeScores(db: D1Database, refreshed: readonly Refreshed[]): Promise<void> {
  await db
    .prepare(
      `UPDATE leads SET score = s.value ->> 'score', scores = s.value ->> 'scores', refresh_at = s.value ->> 'refreshAt',
         look_at = min(ifnull(due_at, s.value ->> 'refreshAt'), ifnull(s.value ->> 'refreshAt', due_at))
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

function rowAfter({ after, known, disqualified, log }: LeadWrite): LeadRow {
  // The last event stays, for its receivedAt is where the next one's begins.
  const kept = log ? log.slice(-1) : after.tail;
  const tail = JSON.stringify(kept);
  const flush = kept.length > 1 && (kept.length >= TAIL_MAX_EVENTS || tail.length >= TAIL_MAX_CHARS);
  return {
    id: after.id,
    site_id: after.siteId,
    version: after.version + 1,
    rules_version: after.rulesVersion,
    state: packState(after.state),
    told: JSON.stringify(after.told),
    keys: JSON.stringify(after.keys),
    tail: flush ? JSON.stringify(kept.slice(-1)) : tail,
    logged: (log ? log.length - 1 : after.logged) + (flush ? kept.length - 1 : 0),
    due_at: after.dueAt,
    refresh_at: after.refreshAt,
    score: after.score,
    scores: JSON.stringify(after.scores),
    oldest_at: after.oldestAt,
    known: known ? 1 : 0,
    disqualified: disqualified ? 1 : 0,
    outcome_at: after.outcomeAt,
  };
}

async function leadStatements(db: D1Database, write: LeadWrite, row: LeadRow): Promise<D1PreparedStatement[]> {
  const { after, absorbed, log } = write;
  return [
    ...absorbed.flatMap((lead) => absorbStatements(db, lead, write, row)),
    upsert(db, write, row),
    ...(await keyStatements(db, write, row)),
    ...(log ? rewriteStatements(db, log, row) : logStatement(db, after.tail, after.logged, row)),
    ...crossingStatement(db, write, row),
  ];
}

/**
 * Removes a lead that goes up in another, and leaves its id as a key of the other. The first statement refuses the
 * batch (NULL in lead_id) if the lead is no longer as it was read.
 */
function absorbStatements(db: D1Database, lost: Lead, { keys }: LeadWrite, row: LeadRow): D1PreparedStatement[] {
  const stored = lost.keys.filter((key) => !keys.free.includes(key));
  return [
    db
      .prepare(
        `INSERT INTO identities (site_id, key, lead_id) SELECT ?1, '${LEAD_KEY}' || ?2, CASE WHEN EXISTS
         (SELECT 1 FROM leads WHERE site_id = ?1 AND id = ?2 AND version = ?3) THEN ?4 END`,
      )
      .bind(row.site_id, lost.id, lost.version, row.id),
    moveStatement(db, row, stored),
    db.prepare("DELETE FROM log WHERE lead_id = ?1").bind(lost.id),
    db.prepare("DELETE FROM crossings WHERE lead_id = ?1").bind(lost.id),
    db.prepare("DELETE FROM leads WHERE site_id = ?1 AND id = ?2").bind(row.site_id, lost.id),
  ];
}

async function keyStatements(db: D1Database, { keys }: LeadWrite, row: LeadRow): Promise<D1PreparedStatement[]> {
  const free = keys.free.filter((key) => !key.startsWith(LEAD_KEY));
  return [
    ...(keys.dropped.length > 0
      ? [
          db
            .prepare("DELETE FROM identities WHERE site_id = ?1 AND key IN (SELECT value FROM json_each(?2))")
            .bind(row.site_id, JSON.stringify(keys.dropped)),
        ]
      : []),
    ...(free.length > 0 ? [await freeStatement(db, row, free)] : []),
    ...(keys.moved.length > 0 ? [moveStatement(db, row, keys.moved)] : []),
  ];
}

/** Gives a lead keys that nobody has. Refuses the batch where somebody has one by now: by a row, or implied (NULL in lead_id). */
async function freeStatement(db: D1Database, row: LeadRow, keys: readonly string[]): Promise<D1PreparedStatement> {
  const implied = await impliedBy(row.site_id, keys);
  const others = keys.filter((key) => !key.startsWith(VISITOR_KEY)).map((key) => [key]);
  return db
    .prepare(
      `INSERT INTO identities (site_id, key, lead_id) SELECT ?1, k.value ->> 0, CASE WHEN k.value ->> 1 IS NULL OR NOT EXISTS
       (SELECT 1 FROM leads l WHERE l.site_id = ?1 AND ${startsWith("k.value ->> 1")} AND ${hasKey("(k.value ->> 2)")} AND l.id <> ?3)
       THEN ?3 END FROM json_each(?2) k`,
    )
    .bind(row.site_id, JSON.stringify([...implied, ...others]), row.id);
}

/** Gives a lead keys of another, which had a row or came of the other's id. */
function moveStatement(db: D1Database, row: LeadRow, keys: readonly string[]): D1PreparedStatement {
  return db
    .prepare(
      `INSERT INTO identities (site_id, key, lead_id) SELECT ?1, value, ?3 FROM json_each(?2) WHERE true
       ON CONFLICT (site_id, key) DO UPDATE SET lead_id = excluded.lead_id`,
    )
    .bind(row.site_id, JSON.stringify(keys), row.id);
}

function insertLog(db: D1Database, leadId: string, first: number, events: readonly Entry[]): D1PreparedStatement {
  return db
    .prepare("INSERT INTO log (lead_id, first, events) VALUES (?1, ?2, ?3)")
    .bind(leadId, first, JSON.stringify(events));
}

/** Moves the tail to the log, where it has grown long. */
function logStatement(db: D1Database, tail: Entry[], logged: number, row: LeadRow): D1PreparedStatement[] {
  return row.logged > logged ? [insertLog(db, row.id, logged, tail.slice(0, -1))] : [];
}

/** Most characters of a statement's parameter, well under the 2 MB of D1. */
const PARAMETER_MAX_CHARS = 500_000;

/** Writes a whole log anew, in as few statements as their size allows: an invocation has a limited number. */
function rewriteStatements(db: D1Database, log: Entry[], row: LeadRow): D1PreparedStatement[] {
  const statements = [db.prepare("DELETE FROM log WHERE lead_id = ?1").bind(row.id)];
  let pending: string[] = [];
  let chars = 0;
  const flush = () => {
    if (pending.length > 0) {
      statements.push(
        db
          .prepare(
            `INSERT INTO log (lead_id, first, events)
             SELECT ?1, value ->> 'first', value -> 'events' FROM json_each(?2)`,
          )
          .bind(row.id, `[${pending.join(",")}]`),
      );
    }
    pending = [];
    chars = 0;
  };
  for (const { first, events } of logRows(log.slice(0, row.logged))) {
    pending.push(`{"first":${first},"events":${events}}`);
    chars += events.length;
    if (chars >= PARAMETER_MAX_CHARS) flush();
  }
  flush();
  return statements;
}

/** A log as rows: as many events in each as a tail may have. */
function logRows(log: readonly Entry[]): { first: number; events: string }[] {
  const rows: { first: number; events: string }[] = [];
  let texts: string[] = [];
  let chars = 0;
  for (const [i, entry] of log.entries()) {
    const text = JSON.stringify(entry);
    texts.push(text);
    chars += text.length;
    if (texts.length < TAIL_MAX_EVENTS && chars < TAIL_MAX_CHARS && i < log.length - 1) continue;
    rows.push({ first: i + 1 - texts.length, events: `[${texts.join(",")}]` });
    texts = [];
    chars = 0;
  }
  return rows;
}

/** A lead's write numbers what it adds from here: after what any earlier write added. */
const firstNumber = (before: LeadRow | null) => (before?.version ?? 0) * 10_000;

function numberedAnnouncements({ before, after, announcements }: LeadWrite) {
  return announcements.map((one, i) => ({ ...one, leadId: after.id, n: firstNumber(before) + i }));
}

function crossingStatement(db: D1Database, { before, crossings }: LeadWrite, row: LeadRow): D1PreparedStatement[] {
  if (crossings.length === 0) return [];
  // Numbered from the lead's version, so that two writes never use the same number for one instant.
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

/**
 * Writes the row if the lead is still at the version read: one that changed meets `lead_conflict` in the update, one
 * that is gone meets it in the insert, and so does a new one whose key is somebody's by now. Indexed columns are named only where they change, for naming one costs a row.
 */
function upsert(
  db: D1Database,
  { before, after, keys }: LeadWrite,
  row: LeadRow,
  ifUnclaimed = false,
): D1PreparedStatement {
  // Of a tail that only grew, what is new: all of it would be most of what is sent.
  const kept = before?.tail.slice(0, -1);
  const grew = kept !== undefined && row.tail.startsWith(kept);
  const changed = [
    grew ? "tail = substr(leads.tail, 1, length(leads.tail) - 1) || excluded.tail" : "tail = excluded.tail",
    ...(before && lookAt(before) === lookAt(row) ? [] : ["look_at = excluded.look_at"]),
    ...(before?.score === row.score ? [] : ["score = excluded.score"]),
    ...(before?.outcome_at === row.outcome_at ? [] : ["outcome_at = excluded.outcome_at"]),
  ];
  const implied = keys.implied === null ? [null, null, null] : impliedOf(keys.implied, row.id);
  const fits = before
    ? "EXISTS (SELECT 1 FROM leads WHERE site_id = ?2 AND id = ?1)"
    : unclaimed("?2", "?20", "?21", "?22");
  const version = ifUnclaimed ? "?3" : `CASE WHEN ${fits} THEN ?3 ELSE 0 END`;
  const values = `?1, ?2, ${version}, ${before ? "?4" : IN_FORCE}, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19`;
  return db
    .prepare(
      `INSERT INTO leads (id, site_id, version, rules_version, state, told, tail, logged, due_at, score, known,
                          disqualified, last_seen, keys, scores, refresh_at, oldest_at, outcome_at, look_at)
       ${ifUnclaimed ? `SELECT ${values} WHERE ${fits}` : `VALUES (${values})`}
       ON CONFLICT (site_id, id) DO UPDATE SET
         version = CASE WHEN leads.version = excluded.version - 1 THEN excluded.version ELSE 0 END,
         rules_version = excluded.rules_version, state = excluded.state, told = excluded.told,
         due_at = excluded.due_at, refresh_at = excluded.refresh_at, logged = excluded.logged, keys = excluded.keys, scores = excluded.scores, known = excluded.known, disqualified = excluded.disqualified,
         last_seen = excluded.last_seen, oldest_at = excluded.oldest_at, ${changed.join(", ")}`,
    )
    .bind(
      row.id,
      row.site_id,
      row.version,
      row.rules_version,
      row.state,
      row.told,
      grew ? row.tail.slice(kept.length) : row.tail,
      row.logged,
      row.due_at,
      row.score,
      row.known,
      row.disqualified,
      lastSeenOf(after.state) ?? UNSEEN,
      row.keys,
      row.scores,
      row.refresh_at,
      row.oldest_at,
      row.outcome_at,
      lookAt(row),
      ...(before ? [] : implied),
    );
}

/** SQL: whether the key that a new lead's id follows from, where it does, is nobody's. */
const unclaimed = (site: string, key: string, start: string, quoted: string) =>
  `(${key} IS NULL OR NOT EXISTS (SELECT 1 FROM identities WHERE site_id = ${site} AND key = ${key}
    UNION ALL SELECT 1 FROM leads l WHERE l.site_id = ${site} AND ${startsWith(start)} AND ${hasKey(quoted)}))`;

/**
 * The version of a new lead's rules, or NULL where others are in force by now: the run that brings leads under those may
 * have passed by, and nobody would look at the lead again.
 */
const IN_FORCE = "(SELECT rules_version FROM sites WHERE id = ?2 AND rules_version = ?4)";

/** When the run of every minute is to look at a lead: a level changes, or its score is old. */
function lookAt({ due_at: dueAt, refresh_at: refreshAt }: LeadRow): number | null {
  return dueAt === null || refreshAt === null ? (dueAt ?? refreshAt) : Math.min(dueAt, refreshAt);
}
