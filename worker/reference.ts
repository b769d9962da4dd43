/**
 * What is told of the API: its description, its pages and the schema of rules. All of it follows from the declarations
 * of the calls, so tools/build.ts has it made here once, and http/told.ts serves it.
 */
import { apiRoutes } from "./app";
import { rulesJsonSchema } from "./core/schema";
import { createDeps } from "./deps";
import type { Api } from "./http/context";
import { errorsPage, referencePage } from "./http/docs";
import { describe } from "./http/openapi";
import { ANYWHERE } from "./http/told";

export async function reference() {
  // The API is told of here, not called: no database is asked.
  const db: D1Database = Object.create(null);
  const deps = createDeps(
    () => db,
    () => 0,
    () => "",
  );
  const api: Api = { deps, adminKey: "", provider: null, operations: [] };
  apiRoutes(api);
  const description = describe(api.operations, ANYWHERE);
  return {
    openapi: JSON.stringify(description),
    rulesSchema: JSON.stringify(rulesJsonSchema()),
    docs: await referencePage(description, ANYWHERE),
    errors: await errorsPage(),
  };
}
