/** Lists of leads, page by page: keyset cursors, so that writes in between neither skip nor repeat a lead. */
import {
  and,
  asc,
  desc,
  eq,
  getTableColumns,
  gt,
  gte,
  isNotNull,
  lt,
  lte,
  ne,
  or,
  type SQL,
  type SQLWrapper,
  sql,
} from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { unionAll } from "drizzle-orm/sqlite-core";
import { ANY_SCORE, meet } from "../core/band";
import { Range } from "../core/condition";
import { type LeadRow, SEEN_LAG_MS, UNSEEN } from "./leads";
import { leads, ruleVersions, sites } from "./schema";

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
  /** Where stored scores of leads told to be on `levels` lie. */
  band: Range;
}

export interface ListedRow extends LeadRow {
  position: Position;
}

/**
 * The next leads of a list. Levels are those told, or not known yet: where a change is due, or the rules are newer,
 * a row is returned whatever its levels, for the caller to see for itself.
 */
export async function listLeads(db: D1Database, query: LeadQuery): Promise<ListedRow[]> {
  const { sort, siteId, limit, account, q } = query;
  const range = within(wantedScores(query));
  // Few, whatever the order: they are found by that and sorted then.
  const few = account !== undefined ? isOfAccount(siteId, account) : q !== undefined && isFound(siteId, q);
  if (few) return await select(db, query, [and(few, range, further(query))], order(sort), limit);
  if (sort === "-score" || sort === "score") return await select(db, query, partsByScore(query), order(sort), limit);
  const wanted = and(range, further(query));
  if (sort === "-lastSeen") return await listBySight(db, query, wanted);
  const all = sort === "id" ? [and(eq(leads.siteId, siteId), wanted)] : ofSite(query, wanted);
  return await select(db, query, all, order(sort), limit);
}

/**
 * Leads of the site, those who are known and those who are not in parts of their own: the indexes of lists begin with
 * that, so that a list of either reads nobody else, and SQLite merges the two for a list of both.
 */
function ofSite({ siteId, known }: LeadQuery, more: SQL | undefined, site: SQL | string = siteId): (SQL | undefined)[] {
  const sides = known === undefined ? [true, false] : [known];
  return sides.map((side) => and(eq(leads.siteId, site), eq(leads.known, side), more));
}

/** Their text begins with a line of that. */
const isOfAccount = (siteId: string, account: string) =>
  and(eq(leads.siteId, siteId), gte(leads.searchText, `${account}\n`), lt(leads.searchText, `${account}\v`));

/** Their text holds that. By pairs, for which SQLite reads the index alone and then the rows of who was found. */
const isFound = (siteId: string, q: string) =>
  sql`(${leads.siteId}, ${leads.id}) IN (SELECT site_id, id FROM leads
    WHERE site_id = ${siteId} AND search_text >= '' AND ${holds(sql`search_text`, q)})`;

const holds = (text: SQLWrapper, q: string) => sql`instr(${text}, ${q.toLowerCase()}) > 0`;

/** Leads of parts that have none in common. */
async function select(
  db: D1Database,
  query: LeadQuery,
  parts: readonly (SQL | undefined)[],
  by: SQL[],
  limit: number,
): Promise<ListedRow[]> {
  const d1 = drizzle(db);
  const [first, second, ...others] = parts.map((part) => d1.select().from(leads).where(part));
  if (!first) return [];
  // SQLite takes the filters into each part, and reads the parts in order, side by side, until the page is full.
  const union = second ? unionAll(first, second, ...others) : first;
  const listed = d1
    .select({ ...getTableColumns(leads), value: sql<number>`${sortValue(query.sort)}`.as("value") })
    .from(union.as("leads"))
    .where(and(...filters(query)))
    .orderBy(...by)
    .limit(limit);
  // As the rows they are, of which D1 tells how many it read.
  const rows = await d1.all<LeadRow & { value: number }>(listed);
  return rows.map(({ value, ...row }) => ({ ...row, position: { value, id: row.id } }));
}

/** Leads read for a page by `-lastSeen` beyond those on it: as a rule no more are there at once in SEEN_LAG_MS. */
const SIGHTS_SPARE = 20;

/**
 * The same by `-lastSeen`, without sorting all of the site's leads: by `seenAt`, which is indexed and lags behind by less than
 * SEEN_LAG_MS. Those who fill the page were there at or after what the last of them in the index says, so nobody else was
 * whose entry is older than that by so much. Where a crowd was there within that time, it is sorted by the database.
 */
async function listBySight(db: D1Database, query: LeadQuery, wanted: SQL | undefined): Promise<ListedRow[]> {
  const { after, limit } = query;
  const reached = and(wanted, after ? lte(leads.seenAt, after.value) : isNotNull(leads.seenAt));
  const most = limit + SIGHTS_SPARE;
  const found = await select(db, query, ofSite(query, reached), [desc(leads.seenAt)], most);
  const oldest = (found[limit - 1]?.seen_at ?? UNSEEN) - SEEN_LAG_MS;
  const isWhole = found.length < most || (found.at(-1)?.seen_at ?? UNSEEN) <= oldest;
  const crowd = and(reached, gt(leads.seenAt, oldest));
  if (!isWhole) return await select(db, query, ofSite(query, crowd), order(query.sort), limit);
  const later = (a: Position, b: Position) => b.value - a.value || (a.id > b.id ? -1 : 1);
  return found.sort((a, b) => later(a.position, b.position)).slice(0, limit);
}

/** Leads of one value come by their ids, in the direction of the sort: so a cursor is one bound of an index. */
function order(sort: Sort): SQL[] {
  if (sort === "id") return [asc(leads.id)];
  const to = sort === "score" ? asc : desc;
  return [to(sortValue(sort)), to(leads.id)];
}

/** What comes after where the page before ended. */
function further({ sort, after }: LeadQuery): SQL | undefined {
  if (!after) return undefined;
  if (sort === "id") return gt(leads.id, after.id);
  const beyond = sql.raw(sort === "score" ? ">" : "<");
  return sql`(${sortValue(sort)}, ${leads.id}) ${beyond} (${after.value}, ${after.id})`;
}

/**
 * The leads of a list by score, in parts without a lead in common, each of which is one stretch of an index. First what a
 * lead on the levels asked for can have. What lies outside may have come onto them since its row was written: where a
 * change is due, and, while a run brings leads under new rules, where that is yet to be done.
 */
function partsByScore(query: LeadQuery): (SQL | undefined)[] {
  const { siteId, rulesVersion, band, now } = query;
  const outside = notWithin(band);
  if (!outside) return partsInside(query, wantedScores(query));
  const isDue = lte(leads.dueAt, now);
  const rest = and(outside, within(wantedScores(query)), further(query));
  return [
    ...partsInside(query, meet(wantedScores(query), band)),
    and(siteNotIndexed(siteId), isDue, rest),
    ...ofSite(
      query,
      and(ne(leads.rulesVersion, rulesVersion), sql`(${isDue}) IS NOT TRUE`, rest),
      siteWithOldLeads(query),
    ),
  ];
}

/** The site of a lead, where SQLite is to go by another index: with the plus by none of all the site's leads. */
const siteNotIndexed = (siteId: string) => sql`+${leads.siteId} = ${siteId}`;

/** Those of a range of scores, from the cursor on. */
function partsInside(query: LeadQuery, range: Range): (SQL | undefined)[] {
  const { sort, after } = query;
  // One bound at each end: of two SQLite may begin at the wrong one.
  const isReached = after && (sort === "score" ? after.value >= range.low : after.value <= range.high);
  const open = sort === "score" ? new Range(-Infinity, range.high) : new Range(range.low, Infinity);
  return ofSite(query, isReached ? and(further(query), within(open)) : within(range));
}

/** The site's id, where leads of it may be under other rules than those; else NULL, which is no lead's. */
function siteWithOldLeads({ siteId, rulesVersion }: LeadQuery): SQL {
  return sql`(SELECT ${sites.id} FROM ${sites} JOIN ${ruleVersions} ON ${ruleVersions.siteId} = ${sites.id}
    AND ${ruleVersions.version} = ${sites.rulesVersion} WHERE ${sites.id} = ${siteId}
    AND (${ruleVersions.version} <> ${rulesVersion} OR ${ruleVersions.finishedAt} IS NULL))`;
}

/** What `minScore` and `maxScore` leave, where they are about the whole score. */
function wantedScores({ dimension, minScore, maxScore }: LeadFilter): Range {
  return dimension === undefined ? meet(ANY_SCORE, new Range(minScore ?? -Infinity, maxScore ?? Infinity)) : ANY_SCORE;
}

function within({ low, high }: Range): SQL | undefined {
  return and(
    low === Number.NEGATIVE_INFINITY ? undefined : gte(leads.score, low),
    high === Number.POSITIVE_INFINITY ? undefined : lte(leads.score, high),
  );
}

function notWithin({ low, high }: Range): SQL | undefined {
  return or(
    low === Number.NEGATIVE_INFINITY ? undefined : lt(leads.score, low),
    high === Number.POSITIVE_INFINITY ? undefined : gt(leads.score, high),
  );
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
  const { known, status, q, activeSince, dimension, minScore, maxScore } = query;
  const unsettled = or(
    and(isNotNull(leads.dueAt), lte(leads.dueAt, query.now)),
    ne(leads.rulesVersion, query.rulesVersion),
  );
  const told = [
    ...Object.entries(query.levels).map(([ladder, level]) =>
      eq(sql`json_extract(${leads.told}, ${path("levels", ladder)})`, level),
    ),
    ...(query.disqualified ? [] : [eq(leads.disqualified, false)]),
  ];
  return [
    gt(leads.lastSeen, UNSEEN),
    told.length > 0 ? or(unsettled, and(...told)) : undefined,
    // With the plus no index is chosen by it: where one is to be, ofSite says so.
    known === undefined ? undefined : sql`+${leads.known} = ${Number(known)}`,
    status === undefined ? undefined : eq(inState("status"), status),
    // LIKE patterns end at 50 bytes in D1; this needs none.
    q === undefined ? undefined : holds(leads.searchText, q),
    activeSince === undefined ? undefined : gte(inState("active"), activeSince),
    dimension === undefined || minScore === undefined ? undefined : gte(dimensionScore(dimension), minScore),
    dimension === undefined || maxScore === undefined ? undefined : lte(dimensionScore(dimension), maxScore),
  ];
}
