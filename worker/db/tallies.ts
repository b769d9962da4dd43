/** Counts by hour, site and name. */
import { and, eq, inArray, lt, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { tallies } from "./schema";

export type Tally = typeof tallies.$inferSelect;

/** Adds to what was counted before. */
export async function addTallies(db: D1Database, added: readonly Tally[]): Promise<void> {
  await db
    .prepare(
      `INSERT INTO tallies (hour, site_id, name, n)
       SELECT value ->> 'hour', value ->> 'siteId', value ->> 'name', value ->> 'n' FROM json_each(?1) WHERE true
       ON CONFLICT DO UPDATE SET n = n + excluded.n`,
    )
    .bind(JSON.stringify(added))
    .run();
}

/** What was counted of a site in some hours. */
export async function readTallies(db: D1Database, siteId: string, hours: readonly number[]): Promise<Tally[]> {
  return await drizzle(db)
    .select()
    .from(tallies)
    .where(and(inArray(tallies.hour, [...hours]), eq(tallies.siteId, siteId)))
    .all();
}

/** Forgets counts of before an hour. */
export async function forgetTallies(db: D1Database, before: number): Promise<void> {
  await drizzle(db).delete(tallies).where(lt(tallies.hour, before)).run();
}

/** How many of something wait, as far as is counted, and since when the one that waits longest should be done, ms. */
export interface Waiting {
  n: number;
  since: number | null;
}

/** Leads whose level has changed by time and whose crossing is not recorded yet, of all sites of the database. */
export async function dueSince(db: D1Database, now: number, most: number): Promise<Waiting> {
  return await waiting(db, sql`SELECT due_at AS at FROM leads WHERE due_at <= ${now} ORDER BY due_at LIMIT ${most}`);
}

/** Calls of webhooks that are due and not made yet, of all sites of the database. */
export async function undelivered(db: D1Database, now: number, most: number): Promise<Waiting> {
  return await waiting(
    db,
    sql`SELECT due_at AS at FROM deliveries WHERE due_at <= ${now} ORDER BY due_at LIMIT ${most}`,
  );
}

async function waiting(db: D1Database, of: ReturnType<typeof sql>): Promise<Waiting> {
  const { n, since } = await drizzle(db).get<Waiting>(sql`SELECT count(*) AS n, min(at) AS since FROM (${of})`);
  return { n, since };
}

/** Leads that are not brought under the rules in force yet, of a site. */
export async function notRefolded(db: D1Database, siteId: string): Promise<number> {
  const { n } = await drizzle(db).get<{ n: number }>(
    sql`SELECT coalesce(max(leads - refolded), 0) AS n FROM rule_versions WHERE site_id = ${siteId} AND finished_at IS NULL`,
  );
  return n;
}

/** Webhooks of a site whose calls have failed since the last that got through, those given up on included. */
export async function countFailing(db: D1Database, siteId: string): Promise<number> {
  const { n } = await drizzle(db).get<{ n: number }>(
    sql`SELECT count(*) AS n FROM webhooks WHERE site_id = ${siteId} AND (failing_since IS NOT NULL OR disabled_at IS NOT NULL)`,
  );
  return n;
}

/** Dead letters of a site. */
export async function countDead(db: D1Database, siteId: string): Promise<number> {
  const { n } = await drizzle(db).get<{ n: number }>(
    sql`SELECT count(*) AS n FROM dead_letters WHERE site_id = ${siteId}`,
  );
  return n;
}
