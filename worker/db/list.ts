/** Lists of leads, page by page: keyset cursors, so that writes in between neither skip nor repeat a lead. */
import { and, asc, desc, eq, gt, gte, isNotNull, lt, lte, ne, or, type SQL, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { LeadRow } from "./leads";
import { leads } from "./schema";

export const SORTS = ["-score", "score", "-lastSeen"] as const;
export type Sort = (typeof SORTS)[number];

/** Where a page ended: the sorted value and the id of its last lead. */
export interface Position {
  value: number;
  id: string;
}

export interface LeadQuery {
  siteId: string;
  rulesVersion: number;
  now: number;
  sort: Sort;
  after: Position | null;
  limit: number;
  /** Level names by ladder. */
  levels: Record<string, string>;
  known?: boolean | undefined;
  disqualified: boolean;
  minScore?: number | undefined;
  maxScore?: number | undefined;
}

/** A lead's place in its list. */
export function positionOf(row: LeadRow & { last_seen: number }, sort: Sort): Position {
  return { value: sort === "-lastSeen" ? row.last_seen : row.score, id: row.id };
}

/**
 * The next leads of a list. Levels are those told, or not known yet: where a change is due, or the rules are newer,
 * a row is returned whatever its levels, for the caller to see for itself.
 */
export async function listLeads(db: D1Database, query: LeadQuery): Promise<(LeadRow & { last_seen: number })[]> {
  const column = query.sort === "-lastSeen" ? leads.lastSeen : leads.score;
  const down = query.sort.startsWith("-");
  const unsettled = or(
    and(isNotNull(leads.dueAt), lte(leads.dueAt, query.now)),
    ne(leads.rulesVersion, query.rulesVersion),
  );
  const conditions: (SQL | undefined)[] = [
    eq(leads.siteId, query.siteId),
    ...Object.entries(query.levels).map(([ladder, level]) =>
      or(unsettled, eq(sql`json_extract(${leads.told}, ${`$.levels."${ladder}"`})`, level)),
    ),
    query.known === undefined ? undefined : eq(leads.known, query.known),
    eq(leads.disqualified, query.disqualified),
    query.minScore === undefined ? undefined : gte(leads.score, query.minScore),
    query.maxScore === undefined ? undefined : lte(leads.score, query.maxScore),
    query.after === null
      ? undefined
      : or(
          (down ? lt : gt)(column, query.after.value),
          and(eq(column, query.after.value), gt(leads.id, query.after.id)),
        ),
  ];
  const rows = await drizzle(db)
    .select()
    .from(leads)
    .where(and(...conditions))
    .orderBy((down ? desc : asc)(column), asc(leads.id))
    .limit(query.limit)
    .all();
  return rows.map((row) => ({
    id: row.id,
    site_id: row.siteId,
    version: row.version,
    rules_version: row.rulesVersion,
    state: row.state,
    told: row.told,
    tail: row.tail,
    logged: row.logged,
    due_at: row.dueAt,
    score: row.score,
    last_seen: row.lastSeen,
  }));
}
