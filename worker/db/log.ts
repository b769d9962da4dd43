/** The log of a lead, many events to a row: what its tail moves on to, and what is written anew. */
import { inGroups } from "../core/groups";
import type { Entry, LeadRow } from "./leads";
import { parametersOf } from "./parameters";
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

/** Writes a whole log anew. */
export function rewriteStatements(db: D1Database, log: Entry[], row: LeadRow): D1PreparedStatement[] {
  const parts = parametersOf(logRows(log.slice(0, row.logged)));
  return [
    db.prepare("DELETE FROM log WHERE lead_id = ?1").bind(row.id),
    ...parts.map((part) =>
      db
        .prepare(
          `INSERT INTO log (lead_id, first, events)
           SELECT ?1, value ->> 'first', value -> 'events' FROM json_each(?2)`,
        )
        .bind(row.id, part),
    ),
  ];
}

/** A log as rows in JSON: as many events in each as a tail may have. */
function logRows(log: readonly Entry[]): string[] {
  const texts = log.map((entry) => JSON.stringify(entry));
  let first = 0;
  const groups = inGroups(
    texts,
    ({ length }) => length,
    (n, chars) => n < TAIL_MAX_EVENTS && chars < TAIL_MAX_CHARS,
  );
  return groups.map((events) => {
    const row = `{"first":${first},"events":[${events.join(",")}]}`;
    first += events.length;
    return row;
  });
}
