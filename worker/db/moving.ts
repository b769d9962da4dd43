/**
 * Moving the rows of a site from one database to another, a bounded chunk at a time. A chunk and the note of how far it
 * came are one batch in one database, so whoever dies leaves a place to go on from, and of two who move at once one is
 * refused.
 */
import { getTableConfig, type SQLiteTable } from "drizzle-orm/sqlite-core";
import { parametersOf } from "./parameters";
import * as schema from "./schema";

/** How far a move has come in a database. */
export interface Place {
  move: string;
  /** `fenced`: nothing done yet; `room`: what lies in its way is deleted; then copied to here, or deleted from here. */
  phase: "fenced" | "room" | "copying" | "copied" | "clearing" | "cleared";
  /** Which table is being copied, and the key of the last row that was. */
  table: number;
  after: (string | number)[] | null;
}

/** Rows of a chunk, by how large they may be: of leads and logs up to 100 kB. */
const SMALL_ROWS = 1_000;
const LARGE_ROWS = 100;
/** Rows of each table that one chunk deletes. */
const DELETED_ROWS = 1_000;

interface Moved {
  table: SQLiteTable;
  /** What the rows are found by: the site itself, or its leads or webhooks, by the first column of their key. */
  by: "site" | "leads" | "webhooks";
  rows: number;
}

/** Every table that holds rows of sites, but for the directory and the fences. A test holds it against the schema. */
export const MOVED: readonly Moved[] = [
  { table: schema.sites, by: "site", rows: 1 },
  { table: schema.ruleVersions, by: "site", rows: LARGE_ROWS },
  { table: schema.leads, by: "site", rows: LARGE_ROWS },
  { table: schema.log, by: "leads", rows: LARGE_ROWS },
  { table: schema.crossings, by: "leads", rows: SMALL_ROWS },
  { table: schema.identities, by: "site", rows: SMALL_ROWS },
  { table: schema.messages, by: "site", rows: SMALL_ROWS },
  { table: schema.suppressions, by: "site", rows: SMALL_ROWS },
  { table: schema.usage, by: "site", rows: SMALL_ROWS },
  { table: schema.webhooks, by: "site", rows: LARGE_ROWS },
  { table: schema.deliveries, by: "webhooks", rows: LARGE_ROWS },
  { table: schema.deadLetters, by: "site", rows: LARGE_ROWS },
  { table: schema.erased, by: "site", rows: SMALL_ROWS },
];

interface Shape {
  name: string;
  columns: string[];
  /** Columns of the primary key; of `sites` its id, which is the site's. */
  key: string[];
}

function shapeOf(table: SQLiteTable): Shape {
  const { name, columns, primaryKeys } = getTableConfig(table);
  const key = primaryKeys[0]?.columns ?? columns.filter(({ primary }) => primary);
  return { name, columns: columns.map((column) => column.name), key: key.map((column) => column.name) };
}

/** What stands in FROM and WHERE for the rows `t` of a site, ?1. */
function ofSite({ by }: Moved, { name, key }: Shape): { from: string; where: string } {
  if (by === "site") return { from: `${name} t`, where: `t.${key[0]} = ?1` };
  return { from: `${by} o CROSS JOIN ${name} t ON t.${key[0]} = o.id`, where: "o.site_id = ?1" };
}

/** The next rows of a table of a site, in the order of their keys. */
function nextRows(db: D1Database, siteId: string, moved: Moved, after: Place["after"]): D1PreparedStatement {
  const shape = shapeOf(moved.table);
  const { from, where } = ofSite(moved, shape);
  const owner = moved.by === "site" ? [] : ["o.id"];
  const rest = shape.key.slice(1).map((column) => `t.${column}`);
  const order = [...owner, ...rest, ...(owner.length + rest.length === 0 ? [`t.${shape.key[0]}`] : [])];
  const places = order.map((_, i) => `?${i + 3}`);
  // The first column is named by itself as well: by that the index is entered where the chunk before ended.
  const further = after ? `AND ${order[0]} >= ${places[0]} AND (${order.join(", ")}) > (${places.join(", ")})` : "";
  const columns = shape.columns.map((column) => `t.${column}`).join(", ");
  return db
    .prepare(`SELECT ${columns} FROM ${from} WHERE ${where} ${further} ORDER BY ${order.join(", ")} LIMIT ?2`)
    .bind(siteId, moved.rows, ...(after ?? []));
}

type Row = Record<string, string | number | null>;

/** The key of a row that `nextRows` goes on after. */
function keyOf({ by }: Moved, { key }: Shape, row: Row): (string | number)[] {
  const columns = by === "site" && key.length > 1 ? key.slice(1) : key;
  return columns.map((column) => row[column] ?? "");
}

function insertStatements(db: D1Database, { name, columns }: Shape, rows: readonly Row[]): D1PreparedStatement[] {
  const values = columns.map((_, i) => `value ->> ${i}`).join(", ");
  const sql = `INSERT INTO ${name} (${columns.join(", ")}) SELECT ${values} FROM json_each(?1)`;
  const texts = rows.map((row) => JSON.stringify(columns.map((column) => row[column] ?? null)));
  return parametersOf(texts).map((part) => db.prepare(sql).bind(part));
}

/** How far a move has come in a database; `null`: the site is not fenced there. */
export async function readPlace(db: D1Database, siteId: string): Promise<{ place: Place; moved: number } | null> {
  const found = await db
    .prepare("SELECT place, moved FROM fences WHERE site_id = ?1")
    .bind(siteId)
    .first<{ place: string; moved: number }>();
  return found && { place: JSON.parse(found.place), moved: found.moved };
}

/** Fences a site for a move, from whose beginning on it counts; where that was done, all stays as it is. */
export async function fence(db: D1Database, siteId: string, move: string, phase: Place["phase"]): Promise<void> {
  const place: Place = { move, phase, table: 0, after: null };
  await db
    .prepare(
      `INSERT INTO fences (site_id, place, moved) VALUES (?1, ?2, 0) ON CONFLICT (site_id) DO UPDATE SET
         place = excluded.place, moved = 0 WHERE fences.place ->> 'move' <> ?3`,
    )
    .bind(siteId, JSON.stringify(place), move)
    .run();
}

/** Lets writes in again, where it is that move which keeps them out. */
export async function liftFence(db: D1Database, siteId: string, move: string): Promise<void> {
  await db.prepare("DELETE FROM fences WHERE site_id = ?1 AND place ->> 'move' = ?2").bind(siteId, move).run();
}

/** Does what takes a move from one place to the next; refused as `fenced` where another was there first. */
async function step(
  db: D1Database,
  siteId: string,
  [from, to]: [from: Place, to: Place],
  work: readonly D1PreparedStatement[],
  rows: number,
): Promise<D1Result[]> {
  const results = await db.batch([
    db
      .prepare(
        `INSERT INTO fences (site_id, place, moved) SELECT ?1, '', -1
         WHERE NOT EXISTS (SELECT 1 FROM fences WHERE site_id = ?1 AND place = ?2)`,
      )
      .bind(siteId, JSON.stringify(from)),
    db
      .prepare("UPDATE fences SET place = ?2, moved = moved + ?3 WHERE site_id = ?1")
      .bind(siteId, JSON.stringify(to), rows),
    ...work,
  ]);
  return results.slice(2);
}

/** Moves on without touching a row. */
export async function turnTo(db: D1Database, siteId: string, from: Place, phase: Place["phase"]): Promise<Place> {
  const to: Place = { ...from, phase, table: 0, after: null };
  await step(db, siteId, [from, to], [], 0);
  return to;
}

/** Copies the next rows of a site; returns the place after them. */
export async function copyChunk(from: D1Database, to: D1Database, siteId: string, place: Place): Promise<Place> {
  const moved = MOVED[place.table];
  if (!moved) return await turnTo(to, siteId, place, "copied");
  const { results: rows } = await nextRows(from, siteId, moved, place.after).all<Row>();
  const shape = shapeOf(moved.table);
  const last = rows.at(-1);
  const next: Place =
    last && rows.length === moved.rows && moved.rows > 1
      ? { ...place, after: keyOf(moved, shape, last) }
      : { ...place, table: place.table + 1, after: null };
  await step(to, siteId, [place, next], insertStatements(to, shape, rows), rows.length);
  return next;
}

/** Statements that delete some rows of every table of a site, ?1; what hangs on a lead or webhook goes before it. */
function deletions(db: D1Database, siteId: string): D1PreparedStatement[] {
  const leads = `SELECT id FROM leads WHERE site_id = ?1 ORDER BY id LIMIT ${LARGE_ROWS}`;
  const webhooks = "SELECT id FROM webhooks WHERE site_id = ?1";
  const some = (table: string, key: string) =>
    `DELETE FROM ${table} WHERE site_id = ?1 AND ${key} IN
     (SELECT ${key} FROM ${table} WHERE site_id = ?1 LIMIT ${DELETED_ROWS})`;
  return [
    `DELETE FROM log WHERE lead_id IN (${leads})`,
    `DELETE FROM crossings WHERE lead_id IN (${leads})`,
    `DELETE FROM leads WHERE site_id = ?1 AND id IN (${leads})`,
    `DELETE FROM deliveries WHERE (webhook_id, id) IN
     (SELECT webhook_id, id FROM deliveries WHERE webhook_id IN (${webhooks}) LIMIT ${DELETED_ROWS})`,
    `DELETE FROM webhooks WHERE site_id = ?1 AND NOT EXISTS
     (SELECT 1 FROM deliveries WHERE webhook_id IN (${webhooks}))`,
    some("identities", "key"),
    some("messages", "id"),
    some("suppressions", "hash"),
    some("usage", "day"),
    some("dead_letters", "id"),
    some("erased", "hash"),
    some("rule_versions", "version"),
    "DELETE FROM sites WHERE id = ?1",
  ].map((sql) => db.prepare(sql).bind(siteId));
}

/** Deletes the next rows of a site; `then` is the phase where there were none left. Returns the place after that. */
export async function deleteChunk(db: D1Database, siteId: string, place: Place, then: Place["phase"]): Promise<Place> {
  const results = await step(db, siteId, [place, place], deletions(db, siteId), 0);
  return results.some(({ meta }) => meta.changes > 0) ? place : await turnTo(db, siteId, place, then);
}

/** How many rows of a site each table has. */
export async function countRows(db: D1Database, siteId: string): Promise<Record<string, number>> {
  const counts = MOVED.map((moved) => {
    const shape = shapeOf(moved.table);
    const { from, where } = ofSite(moved, shape);
    return `(SELECT count(*) FROM ${from} WHERE ${where}) ${shape.name}`;
  });
  const found = await db
    .prepare(`SELECT ${counts.join(", ")}`)
    .bind(siteId)
    .first<Record<string, number>>();
  return found ?? {};
}
