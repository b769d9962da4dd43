/** Secret keys: made, listed and taken away by administrators. */
import { Hono } from "hono";
import * as z from "zod";
import { type Key, listKeys, SCOPES } from "../db/keys";
import { Failure } from "../failure";
import { createKey, removeKey } from "../keys";
import { requireScope } from "./access";
import { readJson } from "./body";
import type { Api } from "./context";
import { checked, decodeCursor, encodeCursor, limit, queryOf } from "./input";

export function keyRoutes(api: Api): Hono {
  const { deps } = api;
  const app = new Hono();

  app.post("/keys", async (c) => {
    await requireScope(api, c, "admin");
    checked(z.strictObject({}), queryOf(c.req.raw));
    const { key, text } = await createKey(deps, checked(newKey, await readJson(c.req.raw)));
    c.header("Cache-Control", "no-store");
    return c.json({ ...showKey(key), key: text }, 201);
  });

  app.get("/keys", async (c) => {
    await requireScope(api, c, "admin");
    const query = checked(z.strictObject({ limit, cursor: z.string().optional() }), queryOf(c.req.raw));
    // One more than is shown tells whether there is a next page.
    const rows = await listKeys(deps.db, decodeCursor(query.cursor, position), query.limit + 1);
    const shown = rows.slice(0, query.limit);
    const last = rows.length > shown.length ? shown.at(-1) : undefined;
    const nextCursor = last ? encodeCursor({ createdAt: last.createdAt, id: last.id }) : null;
    return c.json({ data: shown.map(showKey), nextCursor });
  });

  app.delete("/keys/:id", async (c) => {
    await requireScope(api, c, "admin");
    checked(z.strictObject({}), queryOf(c.req.raw));
    const id = c.req.param("id");
    if (!(await removeKey(deps, id))) throw new Failure("not_found", `There is no key "${id}".`);
    return c.body(null, 204);
  });
  return app;
}

const position = z.object({ createdAt: z.int(), id: z.string() });
const RIGHT_SCOPES = `must be an array of one or more of ${SCOPES.join(", ")}`;
export const newKey = z.strictObject({
  name: z.string("must be a text").min(1, "must not be empty").max(200, "must be at most 200 characters"),
  scopes: z
    .array(z.enum(SCOPES, `must be one of ${SCOPES.join(", ")}`), RIGHT_SCOPES)
    .min(1, RIGHT_SCOPES)
    .refine((scopes) => new Set(scopes).size === scopes.length, "must name each scope once"),
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
