/** Whose a key is: the rows of `identities` that come of a write. What needs no row is in implied.ts. */
import { LEAD_KEY, VISITOR_KEY } from "../core/identity";
import { hasKey, impliedBy, startsWith } from "./implied";
import type { Lead, LeadRow } from "./leads";
import type { LeadWrite } from "./plan";

/**
 * Removes a lead that goes up in another, and leaves its id as a key of the other. The first statement refuses the
 * batch (NULL in lead_id) if the lead is no longer as it was read.
 */
export function absorbStatements(db: D1Database, lost: Lead, row: LeadRow): D1PreparedStatement[] {
  return [
    db
      .prepare(
        `INSERT INTO identities (site_id, key, lead_id) SELECT ?1, '${LEAD_KEY}' || ?2, CASE WHEN EXISTS
         (SELECT 1 FROM leads WHERE site_id = ?1 AND id = ?2 AND version = ?3) THEN ?4 END`,
      )
      .bind(row.site_id, lost.id, lost.version, row.id),
    db.prepare("DELETE FROM log WHERE lead_id = ?1").bind(lost.id),
    db.prepare("DELETE FROM crossings WHERE lead_id = ?1").bind(lost.id),
    db.prepare("DELETE FROM leads WHERE site_id = ?1 AND id = ?2").bind(row.site_id, lost.id),
  ];
}

/** Gives a lead the keys that become its, and takes those away that are nobody's any more. */
export async function keyStatements(db: D1Database, { keys }: LeadWrite, row: LeadRow): Promise<D1PreparedStatement[]> {
  return [
    ...(keys.dropped.length > 0
      ? [
          db
            .prepare("DELETE FROM identities WHERE site_id = ?1 AND key IN (SELECT value FROM json_each(?2))")
            .bind(row.site_id, JSON.stringify(keys.dropped)),
        ]
      : []),
    ...(keys.free.length > 0 ? [await freeStatement(db, row, keys.free)] : []),
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
