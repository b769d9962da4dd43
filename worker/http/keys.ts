/** Secret keys: made, listed and taken away by administrators. */

import * as z from "zod/mini";
import { type Key, listKeys, SCOPES } from "../db/keys";
import { Failure } from "../failure";
import { createKey, removeKey } from "../keys";
import { requireScope } from "./access";
import { type Api, noQuery } from "./context";
import { Hono } from "./hono";
import { cursor, decodeCursor, limit, pageOf } from "./input";
import { Calls } from "./route";

export function keyRoutes(api: Api): Hono {
  const { deps } = api;
  const app = new Hono();
  const calls = new Calls(app, api, "Keys", (c, scope) => requireScope(api, c, scope));

  calls.post("/keys", { scope: "admin", query: noQuery, body: newKey, status: 201 }, async ({ c, body }) => {
    const { key, text } = await createKey(deps, body);
    c.header("Cache-Control", "no-store");
    return { ...showKey(key), key: text };
  });

  calls.get("/keys", { scope: "admin", query: z.strictObject({ limit, cursor }) }, async ({ query }) => {
    const rows = await listKeys(deps.db, decodeCursor(query.cursor, position), query.limit + 1);
    return pageOf(rows, query.limit, showKey, ({ createdAt, id }) => ({ createdAt, id }));
  });

  calls.delete("/keys/{id}", { scope: "admin", query: noQuery, status: 204 }, async ({ c }) => {
    const id = c.req.param("id") ?? "";
    if (!(await removeKey(deps, id))) throw new Failure("not_found", `There is no key "${id}".`);
  });
  return app;
}

const position = z.object({ createdAt: z.int(), id: z.string() });
const RIGHT_SCOPES = `must be an array of one or more of ${SCOPES.join(", ")}`;
export const newKey = z.strictObject({
  name: z
    .string("must be a text")
    .check(z.minLength(1, "must not be empty"), z.maxLength(200, "must be at most 200 characters")),
  scopes: z.array(z.enum(SCOPES, `must be one of ${SCOPES.join(", ")}`), RIGHT_SCOPES).check(
    z.minLength(1, RIGHT_SCOPES),
    z.refine((scopes) => new Set(scopes).size === scopes.length, "must name each scope once"),
  ),
});

function showKey({ id, name, scopes, createdAt, lastUsedAt }: Key) {
  const time = (ms: number) => new Date(ms).toISOString();
  return {
    id,
    name,
    scopes,
    createdAt: time(createdAt),
    lastUsedAt: lastUsedAt === null ? null : time(lastUsedAt),
  };
}
