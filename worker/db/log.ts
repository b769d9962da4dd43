/** The log of a lead, many events to a row: what its tail moves on to, and what is written anew. */
import { inGroups } from "../core/groups";
import type { Entry, LeadRow } from "./leads";
import { cut, TAIL_MAX_CHARS, TAIL_MAX_EVENTS, type Tail } from "./tail";

/** Moves the tail to the log, where it has grown long. */
export function logStatement(db: D1Database, tail: Tail, logged: number, row: LeadRow): D1PreparedStatement[] {
  const moved = row.logged > logged ? (cut(tail)?.moved ?? []) : [];
  if (moved.length === 0) return [];
  return [
    db
      .prepare("INSERT INTO log (lead_id, first, events) VALUES (?1, ?2, ?3)")
      .bind(row.id, logged, `[${moved.join(",")}]`),
  ];
}

/** Most characters of a statement's parameter, well under the 2 MB of D1. */
const PARAMETER_MAX_CHARS = 500_000;

/** Writes a whole log anew, in as few statements as their size allows: an invocation has a limited number. */
export function rewriteStatements(db: D1Database, log: Entry[], row: LeadRow): D1PreparedStatement[] {
  const rows = logRows(log.slice(0, row.logged));
  const parts = inGroups(rows, sizeOf, (_, chars) => chars < PARAMETER_MAX_CHARS);
  return [
    db.prepare("DELETE FROM log WHERE lead_id = ?1").bind(row.id),
    ...parts.map((part) =>
      db
        .prepare(
          `INSERT INTO log (lead_id, first, events)
           SELECT ?1, value ->> 'first', value -> 'events' FROM json_each(?2)`,
        )
        .bind(row.id, `[${part.join(",")}]`),
    ),
  ];
}

/** A log as rows in JSON: as many events in each as a tail may have. */
function logRows(log: readonly Entry[]): string[] {
  const texts = log.map((entry) => JSON.stringify(entry));
  let first = 0;
  return inGroups(texts, sizeOf, (n, chars) => n < TAIL_MAX_EVENTS && chars < TAIL_MAX_CHARS).map((events) => {
    const row = `{"first":${first},"events":[${events.join(",")}]}`;
    first += events.length;
    return row;
  });
}

const sizeOf = ({ length }: string) => length;
