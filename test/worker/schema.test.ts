/** schema.ts types the reads, migrations/ make the tables: this holds the two together. */
import { getTableColumns, getTableName, is } from "drizzle-orm";
import { getTableConfig, SQLiteTable } from "drizzle-orm/sqlite-core";
import { describe, expect, test } from "vitest";
import * as schema from "../../worker/db/schema";
import { DB } from "./app";

interface ColumnInfo {
  name: string;
  type: string;
  notnull: number;
  pk: number;
}

const tables = Object.values(schema as Record<string, unknown>).filter((one) => is(one, SQLiteTable));

test("every table of the migrations is in the schema, and no other", async () => {
  const { results } = await DB.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all<{ name: string }>();
  const made = results.map(({ name }) => name).filter((name) => !/^(_cf_|sqlite_|d1_)/.test(name));
  expect(tables.map(getTableName).sort()).toEqual(made.sort());
});

describe.each(tables.map((table) => [getTableName(table), table] as const))("%s", (name, table) => {
  const config = getTableConfig(table);

  test("columns, types, NOT NULL, primary key", async () => {
    const { results } = await DB.prepare(`SELECT name, type, "notnull", pk FROM pragma_table_info(?)`)
      .bind(name)
      .all<ColumnInfo>();
    const key = config.primaryKeys[0]?.columns ?? config.columns.filter(({ primary }) => primary);
    const expected = config.columns.map((column) => ({
      name: column.name,
      type: column.getSQLType().toUpperCase(),
      notnull: column.notNull || column.primary ? 1 : 0,
      pk: key.findIndex((one) => one.name === column.name) + 1,
    }));
    expect(results).toEqual(expected);
  });

  test("no column is declared twice", () => {
    const names = Object.values(getTableColumns(table)).map((column) => column.name);
    expect(new Set(names).size).toBe(names.length);
  });

  test("a text key needs no rowid", async () => {
    const { results } = await DB.prepare("SELECT wr FROM pragma_table_list WHERE name = ?")
      .bind(name)
      .all<{ wr: number }>();
    expect(results).toEqual([{ wr: 1 }]);
  });
});
