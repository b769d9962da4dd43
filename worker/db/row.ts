/** The row of a lead: as it will stand, and the statement that writes it, guarded by what was read. */
import { lastSeenOf } from "../core/person";
import { packState } from "../core/state";
import { searchTextOf } from "../core/view";
import { impliedOf, unclaimed } from "./implied";
import { type LeadRow, SEEN_LAG_MS, UNSEEN } from "./leads";
import type { LeadWrite } from "./plan";
import { cut, Tail } from "./tail";

/** A lead as a write will leave it. */
export function rowAfter({ before, after, known, disqualified, log }: LeadWrite): LeadRow {
  const tail = log ? Tail.of(log.slice(-1)) : after.tail;
  const long = cut(tail);
  return {
    id: after.id,
    site_id: after.siteId,
    version: after.version + 1,
    rules_version: after.rulesVersion,
    state: packState(after.state),
    told: JSON.stringify(after.told),
    keys: JSON.stringify(after.keys),
    tail: (long?.kept ?? tail).text,
    logged: (log ? log.length - 1 : after.logged) + (long?.moved.length ?? 0),
    due_at: after.dueAt,
    refresh_at: after.refreshAt,
    seen_at: seenAt(before, lastSeenOf(after.state)),
    score: after.score,
    scores: JSON.stringify(after.scores),
    oldest_at: after.oldestAt,
    known: known ? 1 : 0,
    disqualified: disqualified ? 1 : 0,
    outcome_at: after.outcomeAt,
    search_text: searchTextOf(after.state, after.keys),
  };
}

/**
 * Writes the row if the lead is still at the version read: one that changed meets `lead_conflict` in the update, one
 * that is gone meets it in the insert, and so does a new one whose key is somebody's by now. `ifUnclaimed`: that one is then
 * left out, and refuses nothing. Indexed columns are named only where they change, for naming one costs a row.
 */
export function upsert(
  db: D1Database,
  { before, after, keys }: LeadWrite,
  row: LeadRow,
  ifUnclaimed = false,
): D1PreparedStatement {
  // Of a tail that only grew, what is new: all of it would be most of what is sent.
  const kept = before?.tail;
  const grew = kept !== undefined && row.tail.startsWith(kept);
  const changed = [
    grew ? "tail = leads.tail || excluded.tail" : "tail = excluded.tail",
    ...(before?.due_at === row.due_at ? [] : ["due_at = excluded.due_at"]),
    ...(before?.seen_at === row.seen_at ? [] : ["seen_at = excluded.seen_at"]),
    ...(before?.score === row.score ? [] : ["score = excluded.score"]),
    ...(before?.known === row.known ? [] : ["known = excluded.known"]),
    ...(before?.outcome_at === row.outcome_at ? [] : ["outcome_at = excluded.outcome_at"]),
    ...(before?.search_text === row.search_text ? [] : ["search_text = excluded.search_text"]),
  ];
  const implied = keys.implied === null ? [null, null, null] : impliedOf(keys.implied, row.id);
  const fits = before
    ? "EXISTS (SELECT 1 FROM leads WHERE site_id = ?2 AND id = ?1)"
    : unclaimed("?2", "?21", "?22", "?23");
  const version = ifUnclaimed ? "?3" : `CASE WHEN ${fits} THEN ?3 ELSE 0 END`;
  const values = `?1, ?2, ${version}, ${before ? "?4" : IN_FORCE}, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20`;
  return db
    .prepare(
      `INSERT INTO leads (id, site_id, version, rules_version, state, told, tail, logged, due_at, score, known,
                          disqualified, last_seen, keys, scores, refresh_at, oldest_at, outcome_at, seen_at, search_text)
       ${ifUnclaimed ? `SELECT ${values} WHERE ${fits}` : `VALUES (${values})`}
       ON CONFLICT (site_id, id) DO UPDATE SET
         version = CASE WHEN leads.version = excluded.version - 1 THEN excluded.version ELSE 0 END,
         rules_version = excluded.rules_version, state = excluded.state, told = excluded.told,
         refresh_at = excluded.refresh_at, logged = excluded.logged, keys = excluded.keys, scores = excluded.scores, disqualified = excluded.disqualified,
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
      row.seen_at,
      row.search_text,
      ...(before ? [] : implied),
    );
}

/**
 * SQL: the version of a new lead's rules, or NULL where others are in force by now: the run that brings leads under those may
 * have passed by, and nobody would look at the lead again.
 */
const IN_FORCE = "(SELECT rules_version FROM sites WHERE id = ?2 AND rules_version = ?4)";

/**
 * When a lead was there last, as lists find it: what is kept of that while it lags behind little, for moving the entry with
 * every beacon would cost a row each time.
 */
function seenAt(before: LeadRow | null, lastSeen: number | null): number | null {
  const kept = before?.seen_at ?? null;
  const isNear = kept !== null && lastSeen !== null && kept <= lastSeen && kept > lastSeen - SEEN_LAG_MS;
  return isNear ? kept : lastSeen;
}
