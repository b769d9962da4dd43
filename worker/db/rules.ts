/** Versions of a site's rules, immutable once published, and how far its leads have been brought under them. */
import { and, count, desc, eq, gt, isNull, lt, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { isNotFenced, unlessFencedIn } from "./fences";
import { UNSEEN } from "./leads";
import { leads, ruleVersions, sites } from "./schema";

export type RulesVersion = typeof ruleVersions.$inferSelect;

export async function readVersion(db: D1Database, siteId: string, version: number): Promise<RulesVersion | null> {
  const found = await drizzle(db)
    .select()
    .from(ruleVersions)
    .where(and(eq(ruleVersions.siteId, siteId), eq(ruleVersions.version, version)))
    .get();
  return found ?? null;
}

/** The version in force, read afresh. */
export async function readRules(db: D1Database, siteId: string): Promise<RulesVersion | null> {
  const latest = drizzle(db).select({ version: sites.rulesVersion }).from(sites).where(eq(sites.id, siteId));
  const found = await drizzle(db)
    .select()
    .from(ruleVersions)
    .where(and(eq(ruleVersions.siteId, siteId), eq(ruleVersions.version, latest)))
    .get();
  return found ?? null;
}

/** Versions below `before`, newest first, without their documents. */
export async function listVersions(db: D1Database, siteId: string, before: number, limit: number) {
  const { document: _, ...columns } = { ...ruleVersions } as typeof ruleVersions;
  return await drizzle(db)
    .select({
      siteId: columns.siteId,
      version: columns.version,
      publishedAt: columns.publishedAt,
      leads: columns.leads,
      refolded: columns.refolded,
      finishedAt: columns.finishedAt,
    })
    .from(ruleVersions)
    .where(and(eq(ruleVersions.siteId, siteId), lt(ruleVersions.version, before)))
    .orderBy(desc(ruleVersions.version))
    .limit(limit)
    .all();
}

/** Publishes a document as the version after `version`; `false` when another was published in between. */
export async function insertRules(
  db: D1Database,
  siteId: string,
  version: number,
  document: string,
  publishedAt: number,
  notify: boolean,
): Promise<boolean> {
  const d1 = drizzle(db);
  const before = d1
    .select({ n: count() })
    .from(leads)
    .where(and(eq(leads.siteId, siteId), gt(leads.lastSeen, UNSEEN)));
  try {
    await d1.batch([
      unlessFencedIn(d1, siteId),
      d1
        .update(sites)
        .set({ rulesVersion: sql`CASE WHEN ${sites.rulesVersion} = ${version} THEN ${version + 1} ELSE 0 END` })
        .where(eq(sites.id, siteId)),
      // A run for a version that no longer rules has nothing left to do.
      d1
        .update(ruleVersions)
        .set({ finishedAt: publishedAt })
        .where(and(eq(ruleVersions.siteId, siteId), isNull(ruleVersions.finishedAt))),
      d1.insert(ruleVersions).values({
        siteId,
        version: version + 1,
        document,
        publishedAt,
        notify,
        leads: sql`(${before})`,
        refolded: 0,
        cursor: "",
        finishedAt: null,
      }),
    ]);
    return true;
  } catch (error) {
    if (String(error).includes("rules_conflict")) return false;
    throw error;
  }
}

/** Versions whose leads the background run has not all seen yet. */
export async function unfinishedVersions(db: D1Database, limit: number): Promise<RulesVersion[]> {
  return await drizzle(db)
    .select()
    .from(ruleVersions)
    .where(and(isNull(ruleVersions.finishedAt), isNotFenced(ruleVersions.siteId)))
    .limit(limit)
    .all();
}

/** Notes progress, unless another run noted some since `from` was read: then its count stands. */
export async function noteProgress(
  db: D1Database,
  from: Pick<RulesVersion, "siteId" | "version" | "cursor">,
  step: { seen: number; cursor: string; finishedAt: number | null },
): Promise<void> {
  await drizzle(db)
    .update(ruleVersions)
    .set({ refolded: sql`${ruleVersions.refolded} + ${step.seen}`, cursor: step.cursor, finishedAt: step.finishedAt })
    .where(
      and(
        eq(ruleVersions.siteId, from.siteId),
        eq(ruleVersions.version, from.version),
        eq(ruleVersions.cursor, from.cursor),
        isNull(ruleVersions.finishedAt),
        isNotFenced(ruleVersions.siteId),
      ),
    )
    .run();
}
