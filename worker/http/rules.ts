/** Rules: read, publish, look back, check and try out. */
import type { Context } from "hono";
import * as z from "zod/mini";
import { withMeta } from "../core/described";
import { listVersions, type RulesVersion } from "../db/rules";
import type { SiteRules } from "../db/sites";
import type { Deps } from "../deps";
import { Failure } from "../failure";
import { presets } from "../presets";
import { refoldAndTell } from "../refold";
import { checkRules, previewRules, publishRules, rulesInForce, rulesVersion } from "../rules";
import { requireScope } from "./access";
import { type Api, SITE, siteOf, siteQuery } from "./context";
import { Hono } from "./hono";
import { checked, cursor, decodeCursor, encodeCursor, flag, limit } from "./input";
import { later } from "./later";
import { Calls, RULES } from "./route";

export function rulesRoutes(api: Api): Hono {
  const app = new Hono();
  const calls = new Calls(app, api, "Rules", (c, scope) => siteOf(api, c, scope));
  publishing(calls);
  versions(calls);
  trying(calls);

  // The same for all sites.
  new Calls(app, api, "Rules", (c, scope) => requireScope(api, c, scope)).get(
    "/rules/presets",
    { scope: "read", query: siteQuery },
    async ({ deps }) => {
      const all = await presets(deps.files);
      return { data: Object.entries(all).map(([name, rules]) => ({ name, rules })), nextCursor: null };
    },
  );
  return app;
}

type RulesCalls = Calls<SiteRules>;

function publishing(calls: RulesCalls): void {
  const publish = async (c: Context, deps: Deps, siteId: string, document: unknown, notify: boolean) => {
    const expected = await expectedVersion(deps, siteId, c.req.header("If-Match"));
    const version = await publishRules(deps, siteId, { document, expected, notify });
    // Most sites have few leads: they are under the new rules before the next look at them.
    later(c, refoldAndTell(deps));
    return answer(c, version, document);
  };

  calls.get("/rules", { scope: "read", query: siteQuery }, async ({ deps, c, site }) => {
    const { version, document } = await rulesInForce(deps, site.id);
    return answer(c, version, JSON.parse(document));
  });

  calls.put(
    "/rules",
    { scope: "write", query: publishQuery, body: rulesDocument },
    async ({ deps, c, site, query, body }) => await publish(c, deps, site.id, body, query.notify),
  );

  calls.post(
    "/rules/rollback",
    { scope: "write", query: publishQuery, body: z.strictObject({ version }) },
    async ({ deps, c, site, query, body }) => {
      const { document } = await rulesVersion(deps, site.id, body.version);
      return await publish(c, deps, site.id, JSON.parse(document), query.notify);
    },
  );
}

function versions(calls: RulesCalls): void {
  calls.get(
    "/rules/versions",
    { scope: "read", query: z.strictObject({ ...SITE, limit, cursor }) },
    async ({ deps, site: { id }, query }) => {
      const before = decodeCursor(query.cursor, z.object({ version }))?.version ?? Number.MAX_SAFE_INTEGER;
      const inForce = await rulesInForce(deps, id);
      const rows = await listVersions(deps.db, id, before, query.limit);
      const last = rows.length === query.limit ? rows.at(-1) : undefined;
      const data = rows.map((row) => showVersion(row, inForce.version));
      return { data, nextCursor: last ? encodeCursor({ version: last.version }) : null };
    },
  );

  calls.get("/rules/versions/{version}", { scope: "read", query: siteQuery }, async ({ deps, c, site: { id } }) => {
    const wanted = checked(z.object({ version: z.pipe(z.coerce.number(), version) }), {
      version: c.req.param("version"),
    });
    const found = await rulesVersion(deps, id, wanted.version);
    const inForce = await rulesInForce(deps, id);
    return { ...showVersion(found, inForce.version), rules: JSON.parse(found.document) };
  });
}

function trying(calls: RulesCalls): void {
  const draft = { scope: "read", query: siteQuery, body: rulesDocument } as const;

  calls.post("/rules/check", draft, async ({ deps, site, body }) => ({
    valid: true as const,
    findings: await checkRules(deps, site, body),
  }));

  calls.post("/rules/preview", draft, async ({ deps, site, body }) => {
    const { moved: _, ...preview } = await previewRules(deps, site, body);
    return preview;
  });
}

/** Any JSON: core/compile.ts says all that is wrong with it. Described by the schema at `/rules.schema.json`. */
const rulesDocument = withMeta(z.unknown(), { id: RULES });
const version = z.int("must be a version's number").check(z.gte(1, "must be a version's number"));
const publishQuery = z.strictObject({ ...SITE, notify: z._default(flag, false) });

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

/**
 * The version that `If-Match` names, `null` without one (or with `*`): of several the one in force, where it is among
 * them. Weak tags count as if they were none: Cloudflare makes them of ours where it compresses an answer, and a version
 * is the same whatever its bytes. The bare number is taken too.
 */
async function expectedVersion(deps: Deps, siteId: string, header: string | undefined): Promise<number | null> {
  if (header === undefined || header.trim() === "*") return null;
  const tags = header.split(",").map((tag) => /^(?:W\/)?("?)(\d{1,9})\1$/.exec(tag.trim())?.[2]);
  const versions = tags.flatMap((tag) => (tag === undefined ? [] : [Number(tag)]));
  const [first, ...more] = versions;
  if (first === undefined) throw new Failure("stale", 'If-Match takes the ETag of GET /v1/rules, such as "4".');
  if (more.length === 0) return first;
  const { version } = await rulesInForce(deps, siteId);
  return versions.includes(version) ? version : first;
}
