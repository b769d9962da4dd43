/** The table of secret keys. */
import { and, desc, eq, isNull, lt, lte, or } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { keys } from "./schema";

/** What a key may open. Each stands for itself, none implies another. */
export const SCOPES = ["read", "write", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

export type Key = typeof keys.$inferSelect;

export async function readKey(db: D1Database, id: string): Promise<Key | null> {
  return (await drizzle(db).select().from(keys).where(eq(keys.id, id)).get()) ?? null;
}

export async function insertKey(db: D1Database, key: Key): Promise<void> {
  await drizzle(db).insert(keys).values(key).run();
}

/** Takes a key away; `false` where there is none. */
export async function deleteKey(db: D1Database, id: string): Promise<boolean> {
  const { meta } = await drizzle(db).delete(keys).where(eq(keys.id, id)).run();
  return meta.changes > 0;
}

/** Notes that a key was used, unless that was noted after `since` already. */
export async function markUsed(db: D1Database, id: string, now: number, since: number): Promise<void> {
  const due = or(isNull(keys.lastUsedAt), lte(keys.lastUsedAt, since));
  await drizzle(db)
    .update(keys)
    .set({ lastUsedAt: now })
    .where(and(eq(keys.id, id), due))
    .run();
}

/** Where a page of the list ended. */
export interface KeyPosition {
  createdAt: number;
  id: string;
}

/** Keys after a position, latest first. */
export async function listKeys(db: D1Database, after: KeyPosition | null, limit: number): Promise<Key[]> {
  const further =
    after && or(lt(keys.createdAt, after.createdAt), and(eq(keys.createdAt, after.createdAt), lt(keys.id, after.id)));
  return await drizzle(db)
    .select()
    .from(keys)
    .where(further ?? undefined)
    .orderBy(desc(keys.createdAt), desc(keys.id))
    .limit(limit)
    .all();
}
