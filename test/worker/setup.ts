/** Every file of tests starts with empty databases that have all migrations applied. */
import { applyD1Migrations, type D1Migration } from "cloudflare:test";
import { env } from "cloudflare:workers";

const { DB, DB_1, DB_2, TEST_MIGRATIONS } = env as unknown as Record<"DB" | "DB_1" | "DB_2", D1Database> & {
  TEST_MIGRATIONS: D1Migration[];
};
for (const database of [DB, DB_1, DB_2]) await applyD1Migrations(database, TEST_MIGRATIONS);
