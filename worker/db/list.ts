/** Lists of leads, page by page: keyset cursors, so that writes in between neither skip nor repeat a lead. */
import { and, asc, desc, eq, gt, gte, isNotNull, lt, lte, ne, or, type SQL, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { type LeadRow, UNSEEN } from "./leads";
import { leads } from "./schema";

/**
 * What a list is sorted by; `dimension` sorts by the score of one, highest first. Whatever is written during a walk, the
 * id alone stays the same: by it every lead comes once, whose score or time changes meanwhile included.
 */
export type Sort = (typeof SORTS)[number] | { dimension: string };
export const SORTS = ["-score", "score", "-lastSeen", "id"] as const;

/** Where a page ended: the sorted value and the id of its last lead. */
export interface Position {
  value: number;
  id: string;
}

/** What leads are wanted; a field left out does not matter. */
export interface LeadFilter {
  /** Level names by ladder. */
  levels: Record<string, string>;
  /** Whether disqualified leads are listed too. */
  disqualified: boolean;
  known?: boolean | undefined;
  status?: string | undefined;
  /** Domain of the e-mail address, lower case. */
  account?: string | undefined;
  /** Part of the address, a userId, the name or the company; no case. */
  q?: string | undefined;
  /** ms */
  activeSince?: number | undefined;
  /** What `minScore` and `maxScore` are about; the whole score, where left out. */
  dimension?: string | undefined;
  minScore?: number | undefined;
  maxScore?: number | undefined;
}

export interface LeadQuery extends LeadFilter {
  siteId: string;
  rulesVersion: number;
  now: number;
  sort: Sort;
  after: Position | null;
  limit: number;
}

export interface ListedRow extends LeadRow {
  position: Position;
}

/**
 * The next leads of a list. Levels are those told, or not known yet: where a change is due, or the rules are newer,
 * a row is returned whatever its levels, for the caller to see for itself.
 */
export async function listLeads(db: D1Database, query: LeadQuery): Promise<ListedRow[]> {
  const down = query.sort !== "score";
  const by = sortValue(query.sort);
  const { after } = query;
  const later = after ? gt(leads.id, after.id) : undefined;
  const further =
    query.sort === "id" ? later : after && or((down ? lt : gt)(by, after.value), and(eq(by, after.value), later));
  const rows = await drizzle(db)
    .select({ lead: leads, value: sql<number>`${by}`.as("value") })
    .from(leads)
    .where(and(...filters(query), further ?? undefined))
    .orderBy(...(query.sort === "id" ? [] : [(down ? desc : asc)(by)]), asc(leads.id))
    .limit(query.limit)
    .all();
  return rows.map(({ lead, value }) => ({ ...rowOf(lead), position: { value, id: lead.id } }));
}

function sortValue(sort: Sort): SQL<number> {
  if (typeof sort === "object") return dimensionScore(sort.dimension);
  return sql`${sort === "-lastSeen" ? leads.lastSeen : leads.score}`;
}

function dimensionScore(name: string): SQL<number> {
  return sql`coalesce(json_extract(${leads.scores}, ${path(name)}), 0)`;
}

/** Path of a member in SQLite's JSON functions. */
function path(...names: string[]): string {
  return `$${names.map((name) => `.${JSON.stringify(name)}`).join("")}`;
}

const inState = (...names: string[]) => sql`json_extract(${leads.state}, ${path(...names)})`;

function filters(query: LeadQuery): (SQL | undefined)[] {
  const { known, status, account, q, activeSince, dimension, minScore, maxScore } = query;
  const unsettled = or(
    and(isNotNull(leads.dueAt), lte(leads.dueAt, query.now)),
    ne(leads.rulesVersion, query.rulesVersion),
  );
  const email = sql`lower(${inState("traits", "email")})`;
  const score = dimension === undefined ? sql`${leads.score}` : dimensionScore(dimension);
  return [
    eq(leads.siteId, query.siteId),
    gt(leads.lastSeen, UNSEEN),
    ...Object.entries(query.levels).map(([ladder, level]) =>
      or(unsettled, eq(sql`json_extract(${leads.told}, ${path("levels", ladder)})`, level)),
    ),
    query.disqualified ? undefined : or(unsettled, eq(leads.disqualified, false)),
    known === undefined ? undefined : eq(leads.known, known),
    status === undefined ? undefined : eq(inState("status"), status),
    // LIKE patterns end at 50 bytes in D1; these need none.
    account === undefined ? undefined : sql`substr(${email}, ${-(account.length + 1)}) = ${`@${account}`}`,
    q === undefined ? undefined : matchesText(q, email),
    activeSince === undefined ? undefined : gte(inState("active"), activeSince),
    minScore === undefined ? undefined : gte(score, minScore),
    maxScore === undefined ? undefined : lte(score, maxScore),
  ];
}

/**
 * Whether a text is part of what a lead goes by. SQLite's `lower` knows the letters from A to Z alone, so of others both
 * cases are looked for: "öz" is found in "Özlem" and in "ÖZLEM".
 */
function matchesText(q: string, email: SQL): SQL {
  const named = ["name", "firstName", "lastName", "company"].map((trait) => inState("traits", trait));
  const texts = [email, inState("userIds"), ...named];
  const forms = new Set([q, q.toLowerCase(), q.toUpperCase()].map(lowerAscii));
  const tests = texts.flatMap((text) =>
    [...forms].map((form) => sql`instr(lower(coalesce(${text}, '')), ${form}) > 0`),
  );
  return sql`(${sql.join(tests, sql` OR `)})`;
}

function lowerAscii(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function rowOf(lead: typeof leads.$inferSelect): LeadRow {
  return {
    id: lead.id,
    site_id: lead.siteId,
    version: lead.version,
    rules_version: lead.rulesVersion,
    state: lead.state,
    told: lead.told,
    keys: lead.keys,
    tail: lead.tail,
    logged: lead.logged,
    due_at: lead.dueAt,
    refresh_at: lead.refreshAt,
    score: lead.score,
    scores: lead.scores,
    oldest_at: lead.oldestAt,
    known: lead.known ? 1 : 0,
    disqualified: lead.disqualified ? 1 : 0,
    outcome_at: lead.outcomeAt,
  };
}
