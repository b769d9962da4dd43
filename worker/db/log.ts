/** The log of a lead, many events to a row: what its tail moves on to, and what is written anew. */
import type { Entry, LeadRow } from "./leads";
import { TAIL_MAX_CHARS, TAIL_MAX_EVENTS } from "./row";

function insertLog(db: D1Database, leadId: string, first: number, events: readonly Entry[]): D1PreparedStatement {
  return db
    .prepare("INSERT INTO log (lead_id, first, events) VALUES (?1, ?2, ?3)")
    .bind(leadId, first, JSON.stringify(events));
}

/** Moves the tail to the log, where it has grown long. */
export function logStatement(db: D1Database, tail: Entry[], logged: number, row: LeadRow): D1PreparedStatement[] {
  return row.logged > logged ? [insertLog(db, row.id, logged, tail.slice(0, -1))] : [];
}

/** Most characters of a statement's parameter, well under the 2 MB of D1. */
const PARAMETER_MAX_CHARS = 500_000;

/** Writes a whole log anew, in as few statements as their size allows: an invocation has a limited number. */
export function rewriteStatements(db: D1Database, log: Entry[], row: LeadRow): D1PreparedStatement[] {
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
