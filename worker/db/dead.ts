/** Letters that could not be folded, and which leads were erased since letters were written. */
import { and, asc, eq, gt, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { notFenced, unlessFenced, unlessFencedIn } from "./fences";
import { deadLetters } from "./schema";

/** A letter that is kept to be looked at. */
export type DeadLetter = Omit<typeof deadLetters.$inferSelect, "siteId">;

/** Keeps letters; one that is kept already stays as it is. Refused where somebody they name was erased meanwhile. */
export async function insertDead(
  db: D1Database,
  siteId: string,
  letters: readonly DeadLetter[],
  unerased: readonly Unerased[],
): Promise<void> {
  if (letters.length === 0) return;
  await db.batch([
    unlessFenced(db, siteId),
    unlessErased(db, siteId, unerased),
    ...letters.map(({ id, keys, events, reason, diedAt }) =>
      db
        .prepare(
          `INSERT INTO dead_letters (site_id, id, keys, events, reason, died_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
           ON CONFLICT DO NOTHING`,
        )
        .bind(siteId, id, JSON.stringify(keys), JSON.stringify(events), reason, diedAt),
    ),
  ]);
}

/** Letters of a site after one, in the order in which they were accepted. */
export async function listDead(
  db: D1Database,
  siteId: string,
  after: string | null,
  limit: number,
): Promise<DeadLetter[]> {
  return await drizzle(db)
    .select()
    .from(deadLetters)
    .where(and(eq(deadLetters.siteId, siteId), gt(deadLetters.id, after ?? "")))
    .orderBy(asc(deadLetters.id))
    .limit(limit)
    .all();
}

/** One letter. */
export async function readDead(db: D1Database, siteId: string, id: string): Promise<DeadLetter | undefined> {
  return await drizzle(db).select().from(deadLetters).where(isLetter(siteId, id)).get();
}

/** Deletes a letter; `false` where there was none of that id. */
export async function deleteDead(db: D1Database, siteId: string, id: string): Promise<boolean> {
  const d1 = drizzle(db);
  const [, { meta }] = await d1.batch([unlessFencedIn(d1, siteId), d1.delete(deadLetters).where(isLetter(siteId, id))]);
  return meta.changes > 0;
}

const isLetter = (siteId: string, id: string) => and(eq(deadLetters.siteId, siteId), eq(deadLetters.id, id));

/** Letters that say something of one of these keys. */
export async function deadOf(db: D1Database, siteId: string, keys: readonly string[]): Promise<DeadLetter[]> {
  return await drizzle(db).select().from(deadLetters).where(ofKeys(siteId, keys)).all();
}

/** Deletes those. */
export function deadOfStatement(db: D1Database, siteId: string, keys: readonly string[]): D1PreparedStatement {
  return db
    .prepare(`DELETE FROM dead_letters WHERE site_id = ?1 AND ${NAMES_ONE_OF}?2)))`)
    .bind(siteId, JSON.stringify(keys));
}

const NAMES_ONE_OF =
  "EXISTS (SELECT 1 FROM json_each(dead_letters.keys) mine WHERE mine.value IN (SELECT value FROM json_each(";
const ofKeys = (siteId: string, keys: readonly string[]) =>
  sql`${deadLetters.siteId} = ${siteId} AND ${sql.raw(NAMES_ONE_OF)}${JSON.stringify(keys)})))`;

/** Notes that a lead was erased at an instant, ms: by the hashes of its keys. */
export function erasedStatement(db: D1Database, siteId: string, hashes: readonly string[], at: number) {
  return db
    .prepare(
      `INSERT INTO erased (site_id, hash, at) SELECT ?1, value, ?3 FROM json_each(?2) WHERE true
       ON CONFLICT DO UPDATE SET at = max(at, excluded.at)`,
    )
    .bind(siteId, JSON.stringify(hashes), at);
}

/** When leads were last erased, ms, by those of some hashes that are known. */
export async function erasedAt(
  db: D1Database,
  siteId: string,
  hashes: readonly string[],
): Promise<Map<string, number>> {
  const { results } = await db
    .prepare("SELECT hash, at FROM erased WHERE site_id = ?1 AND hash IN (SELECT value FROM json_each(?2))")
    .bind(siteId, JSON.stringify(hashes))
    .all<{ hash: string; at: number }>();
  return new Map(results.map(({ hash, at }) => [hash, at]));
}

/** A lead's key, as a hash, that must not have been erased at or after an instant, ms. */
export interface Unerased {
  hash: string;
  since: number;
}

/** Refuses its batch (NULL in hash) where one of some keys was erased since; writes nothing. */
export function unlessErased(db: D1Database, siteId: string, unerased: readonly Unerased[]): D1PreparedStatement {
  return db
    .prepare(
      `INSERT INTO erased (site_id, hash, at) SELECT ?1, NULL, 0 FROM json_each(?2) k CROSS JOIN erased e
       ON e.site_id = ?1 AND e.hash = k.value ->> 'hash' WHERE e.at >= k.value ->> 'since' LIMIT 1`,
    )
    .bind(siteId, JSON.stringify(unerased));
}

/** Forgets who was erased before an instant, ms. */
export async function forgetErased(db: D1Database, before: number): Promise<void> {
  await db
    .prepare(`DELETE FROM erased WHERE at < ?1 AND ${notFenced("erased.site_id")}`)
    .bind(before)
    .run();
}
