/** Rules: read, publish, look back, check and try out. */
import { type Context, Hono } from "hono";
import * as z from "zod";
import { PRESETS } from "../core/presets";
import { rulesJsonSchema } from "../core/schema";
import { listVersions, type RulesVersion } from "../db/rules";
import { Failure } from "../failure";
import { refoldAndTell } from "../refold";
import { checkRules, previewRules, publishRules, rulesInForce, rulesVersion } from "../rules";
import { requireScope } from "./access";
import { readJson } from "./body";
import { type Api, later, SITE, siteOf } from "./context";
import { checked, decodeCursor, encodeCursor, flag, limit, queryOf } from "./input";

export const schemaRoutes = new Hono().get("/rules.schema.json", (c) => {
  c.header("Cache-Control", "public, max-age=600");
  c.header("Access-Control-Allow-Origin", "*");
  return c.json(rulesJsonSchema());
});

export function rulesRoutes(api: Api): Hono {
  const { deps } = api;
  const app = new Hono();

  const publish = async (c: Context, siteId: string, document: unknown) => {
    const { notify } = checked(publishQuery, queryOf(c.req.raw));
    const version = await publishRules(deps, siteId, { document, expected: ifMatch(c), notify });
    // Most sites have few leads: they are under the new rules before the next look at them.
    later(c, refoldAndTell(deps));
    return answer(c, version, document);
  };

  app.get("/rules", async (c) => {
    const { id } = await siteOf(api, c, "read");
    checked(z.strictObject(SITE), queryOf(c.req.raw));
    const { version, document } = await rulesInForce(deps, id);
    return answer(c, version, JSON.parse(document));
  });

  app.put("/rules", async (c) => {
    const { id } = await siteOf(api, c, "write");
    return await publish(c, id, await readJson(c.req.raw));
  });

  app.post("/rules/rollback", async (c) => {
    const { id } = await siteOf(api, c, "write");
    const body = checked(z.strictObject({ version }), await readJson(c.req.raw));
    const { document } = await rulesVersion(deps, id, body.version);
    return await publish(c, id, JSON.parse(document));
  });

  app.get("/rules/presets", async (c) => {
    await requireScope(api, c, "read");
    return c.json({ data: Object.entries(PRESETS).map(([name, rules]) => ({ name, rules })), nextCursor: null });
  });

  app.get("/rules/versions", async (c) => {
    const { id } = await siteOf(api, c, "read");
    const query = checked(z.strictObject({ ...SITE, limit, cursor: z.string().optional() }), queryOf(c.req.raw));
    const before = decodeCursor(query.cursor, z.object({ version }))?.version ?? Number.MAX_SAFE_INTEGER;
    const inForce = await rulesInForce(deps, id);
    const rows = await listVersions(deps.db, id, before, query.limit);
    const last = rows.length === query.limit ? rows.at(-1) : undefined;
    const data = rows.map((row) => showVersion(row, inForce.version));
    return c.json({ data, nextCursor: last ? encodeCursor({ version: last.version }) : null });
  });

  app.get("/rules/versions/:version", async (c) => {
    const { id } = await siteOf(api, c, "read");
    checked(z.strictObject(SITE), queryOf(c.req.raw));
    const wanted = checked(z.object({ version: z.coerce.number().pipe(version) }), { version: c.req.param("version") });
    const found = await rulesVersion(deps, id, wanted.version);
    const inForce = await rulesInForce(deps, id);
    return c.json({ ...showVersion(found, inForce.version), rules: JSON.parse(found.document) });
  });

  app.post("/rules/check", async (c) => {
    const site = await siteOf(api, c, "read");
    const document = await readJson(c.req.raw);
    return c.json({ valid: true, findings: await checkRules(deps, site, document) });
  });

  app.post("/rules/preview", async (c) => {
    const site = await siteOf(api, c, "read");
    const document = await readJson(c.req.raw);
    return c.json(await previewRules(deps, site, document));
  });
  return app;
}

const version = z.int("must be a version's number").min(1, "must be a version's number");
const publishQuery = z.strictObject({ ...SITE, notify: flag.default(false) });

function answer(c: Context, version: number, rules: unknown): Response {
  return c.json({ version, rules }, 200, { ETag: `"${version}"` });
}

/** A version and how far the site's leads have come over to it. */
function showVersion(
  row: Pick<RulesVersion, "version" | "publishedAt" | "leads" | "refolded" | "finishedAt">,
  inForce: number,
) {
  return {
    version: row.version,
    publishedAt: new Date(row.publishedAt).toISOString(),
    inForce: row.version === inForce,
    progress: {
      leads: row.leads,
      refolded: row.refolded,
      finishedAt: row.finishedAt === null ? null : new Date(row.finishedAt).toISOString(),
    },
  };
}

/** The version that `If-Match` names, `null` without one (or with `*`). */
function ifMatch(c: Context): number | null {
  const header = c.req.header("If-Match")?.trim();
  if (header === undefined || header === "*") return null;
  const found = /^(?:W\/)?"?(\d{1,9})"?$/.exec(header)?.[1];
  if (found === undefined) throw new Failure("stale", 'If-Match takes the ETag of GET /v1/rules, such as "4".');
  return Number(found);
}
