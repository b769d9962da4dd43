/**
 * Fences: while a site is moved, and in the database it has left, nothing of it is written. The database itself holds
 * that, for an isolate may believe for half a minute that a site lives where it did.
 */
import { eq, type SQL, type SQLWrapper, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { fences } from "./schema";

/** Refuses its batch where the site is fenced here (refusal.ts tells it by `site_fenced`); writes nothing. */
export function unlessFenced(db: D1Database, siteId: string): D1PreparedStatement {
  return db
    .prepare("INSERT INTO fences (site_id, place, moved) SELECT site_id, '', -1 FROM fences WHERE site_id = ?1")
    .bind(siteId);
}

/** The same for a batch of drizzle's. */
export function unlessFencedIn(d1: DrizzleD1Database, siteId: string) {
  const fenced = { siteId: fences.siteId, place: fences.place, moved: sql<number>`-1`.as("moved") };
  return d1.insert(fences).select(d1.select(fenced).from(fences).where(eq(fences.siteId, siteId)));
}

/** For runs over many sites: whether the site of a column is none that is fenced. */
export const notFenced = (column: string) => `NOT EXISTS (SELECT 1 FROM fences f WHERE f.site_id = ${column})`;

/** The same as a condition of drizzle's. */
export const isNotFenced = (column: SQLWrapper): SQL =>
  sql`NOT EXISTS (SELECT 1 FROM fences f WHERE f.site_id = ${column})`;
