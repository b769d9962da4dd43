/** The directory: which database a site lives in. It stands in DB, beside the keys; all else of a site is in its own. */
import { eq, or } from "drizzle-orm";
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
