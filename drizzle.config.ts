/**
 * `npx drizzle-kit generate --custom --name=<what>` makes the next empty migration to write by hand: the generated ones
 * cannot say WITHOUT ROWID or STRICT, and rebuild tables in a way that loses rows on D1.
 */
import { defineConfig } from "drizzle-kit";

export default defineConfig({ dialect: "sqlite", schema: "./worker/db/schema.ts", out: "./migrations" });
