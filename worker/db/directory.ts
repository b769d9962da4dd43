/** The directory: which database a site lives in. It stands in DB, beside the keys; all else of a site is in its own. */
import { and, eq, isNotNull, isNull, or } from "drizzle-orm";
import { type DrizzleD1Database, drizzle } from "drizzle-orm/d1";
import { directory, sites } from "./schema";

/** The binding of the database that has the directory, and every site that is not in there. */
export const MAIN = "DB";

export type Entry = typeof directory.$inferSelect;

/** The entry of the site that an id or a write key names. */
export function entryQuery(d1: DrizzleD1Database, name: string) {
  return d1
    .select()
    .from(directory)
    .where(or(eq(directory.siteId, name), eq(directory.writeKey, name)))
    .limit(1);
}

/** The database of every site that has an entry. */
export async function homes(db: D1Database): Promise<Map<string, string>> {
  const rows = await drizzle(db).select({ id: directory.siteId, database: directory.database }).from(directory).all();
  return new Map(rows.map(({ id, database }) => [id, database]));
}

/** Enters a site that was made in another database; `false` where its write key is taken. */
export async function enterSite(
  db: D1Database,
  { id, writeKey, database }: { id: string; writeKey: string; database: string },
): Promise<boolean> {
  const { meta } = await db
    .prepare(
      `INSERT INTO directory (site_id, write_key, database) SELECT ?1, ?2, ?3
       WHERE NOT EXISTS (SELECT 1 FROM sites WHERE write_key = ?2) ON CONFLICT DO NOTHING`,
    )
    .bind(id, writeKey, database)
    .run();
  return meta.changes > 0;
}

/** Ids and write keys of all sites, wherever they live, at most `limit` of either list. */
export async function siteNames(db: D1Database, limit: number): Promise<{ id: string; writeKey: string }[]> {
  const d1 = drizzle(db);
  const [here, entered] = await d1.batch([
    d1.select({ id: sites.id, writeKey: sites.writeKey }).from(sites).limit(limit),
    d1.select({ id: directory.siteId, writeKey: directory.writeKey }).from(directory).limit(limit),
  ]);
  return [...here, ...entered];
}

/** What the directory knows of a site; `null`: it was made in DB and never moved. */
export async function readEntry(db: D1Database, siteId: string): Promise<Entry | null> {
  return (await drizzle(db).select().from(directory).where(eq(directory.siteId, siteId)).get()) ?? null;
}

/** Sites that are being moved. */
export async function movingSites(db: D1Database, limit: number): Promise<string[]> {
  const rows = await drizzle(db)
    .select({ id: directory.siteId })
    .from(directory)
    .where(isNotNull(directory.step))
    .limit(limit)
    .all();
  return rows.map(({ id }) => id);
}

/** Begins a move of a site that lives in `moveFrom`; `false` where another has begun, or it lives elsewhere now. */
export async function enterMove(
  db: D1Database,
  one: { siteId: string; writeKey: string; move: string; moveFrom: string; moveTo: string; steppedAt: number },
): Promise<boolean> {
  const { siteId: _, ...begun } = { ...one, database: one.moveFrom, step: "copying" as const, note: null };
  const { meta } = await drizzle(db)
    .insert(directory)
    .values({ ...one, ...begun })
    .onConflictDoUpdate({
      target: directory.siteId,
      set: begun,
      setWhere: and(isNull(directory.step), eq(directory.database, one.moveFrom)),
    })
    .run();
  return meta.changes > 0;
}

/** Takes a move from one step to the next; `false` where it is no longer at that one. */
export async function stepMove(
  db: D1Database,
  { siteId, move, step }: Entry,
  to: Partial<Pick<Entry, "database" | "step" | "steppedAt" | "note">>,
): Promise<boolean> {
  if (move === null || step === null) return false;
  const here = and(eq(directory.siteId, siteId), eq(directory.move, move), eq(directory.step, step));
  const { meta } = await drizzle(db).update(directory).set(to).where(here).run();
  return meta.changes > 0;
}
