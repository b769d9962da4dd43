/** The verdict on erasure: nothing of who was erased and stayed away is in any table. */
import type { Database } from "../../demo/runtime.ts";
import { GONE } from "./leavers.ts";

export async function tracesOfGone(database: Database): Promise<string[]> {
  const found: string[] = [];
  for (const [table, column] of await columnsOf(database)) {
    const text = `lower(CAST("${column}" AS TEXT))`;
    const row = await database
      .prepare(
        `SELECT substr(${text}, max(1, instr(${text}, ?1) - 40), 80) text FROM "${table}" WHERE instr(${text}, ?1)`,
      )
      .bind(GONE)
      .first<{ text: string }>();
    if (row) found.push(`${table}.${column} still holds something of somebody erased: …${row.text}…`);
  }
  return found;
}

/** Every column of Kelvin's tables. */
async function columnsOf(database: Database): Promise<[table: string, column: string][]> {
  const { results } = await database
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
    .all<{ name: string }>();
  const tables = results.map(({ name }) => name).filter((name) => !/^(_cf_|sqlite_|d1_)/.test(name));
  const columns = await Promise.all(
    tables.map(async (table) => {
      const { results } = await database.prepare(`PRAGMA table_info("${table}")`).all<{ name: string }>();
      return results.map(({ name }): [string, string] => [table, name]);
    }),
  );
  return columns.flat();
}
