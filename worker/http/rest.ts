/** The marketers' API: leads, rules and sites, with a secret key. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { SORTS } from "../db/list";
import { listSites, readRules, type Site } from "../db/sites";
import type { Deps } from "../deps";
import { Failure } from "../failure";
import { leadEvents, openLead, pageOfLeads, showExplanation, showLead } from "../leads";
import { changeSite, createSite, publishRules } from "../sites";
import { requireScope, requireSite, type Scope } from "./access";
import { readJson } from "./body";
import { checked, decodeCursor, encodeCursor, flag, instant, limit } from "./input";

export function restRoutes(deps: Deps, adminKey: string): Hono {
  const app = new Hono();
  const siteOf = async (c: Context, scope: Scope) => {
    await requireScope(c.req.raw, adminKey, scope);
    return await requireSite(deps, c.req.raw, () => listSites(deps.db));
  };

  const siteNamed = async (c: Context, id: string) => {
    await requireScope(c.req.raw, adminKey, "admin");
    const site = await deps.sites.find(id);
    if (site) return site;
    throw new Failure("not_found", `There is no site "${id}".`);
  };

  app.get("/leads", async (c) => {
    const site = await siteOf(c, "read");
    const query = checked(listQuery, c.req.query());
    const levels = checkedLevels(site.rules.ladders, { temperature: query.temperature, stage: query.stage });
    const filter = { ...query, levels };
    const { data, next } = await pageOfLeads(deps, site, filter, query.limit, decodeCursor(query.cursor, position));
    return c.json({ data, nextCursor: next && encodeCursor(next) });
  });

  app.get("/leads/:id", async (c) => {
    const site = await siteOf(c, "read");
    const lead = await openLead(deps, site, c.req.param("id"));
    return c.json(showLead(site, lead, instantOf(c, deps, lead.state.clock)));
  });

  app.get("/leads/:id/explanation", async (c) => {
    const site = await siteOf(c, "read");
    const lead = await openLead(deps, site, c.req.param("id"));
    return c.json(showExplanation(site, lead.state, instantOf(c, deps, lead.state.clock)));
  });

  app.get("/leads/:id/events", async (c) => {
    const site = await siteOf(c, "read");
    const query = checked(pageQuery, c.req.query());
    const lead = await openLead(deps, site, c.req.param("id"));
    const before = decodeCursor(query.cursor, z.object({ before: z.int().min(0) }));
    const { data, nextCursor } = await leadEvents(deps, site, lead, query.limit, before?.before ?? null);
    return c.json({ data, nextCursor: nextCursor && encodeCursor({ before: Number(nextCursor) }) });
  });

  app.get("/rules", async (c) => {
    const { id } = await siteOf(c, "read");
    checked(z.strictObject(SITE), c.req.query());
    const found = await rulesInForce(deps, id);
    return rulesAnswer(c, found.version, JSON.parse(found.document));
  });

  app.put("/rules", async (c) => {
    const { id } = await siteOf(c, "write");
    checked(z.strictObject(SITE), c.req.query());
    const document = await readJson(c.req.raw);
    const { version } = await rulesInForce(deps, id);
    return rulesAnswer(c, await publishRules(deps, id, version, document, ifMatch(c)), document);
  });

  app.get("/sites", async (c) => {
    await requireScope(c.req.raw, adminKey, "admin");
    return c.json({ data: (await listSites(deps.db)).map(showSite), nextCursor: null });
  });

  app.post("/sites", async (c) => {
    await requireScope(c.req.raw, adminKey, "admin");
    const site = await createSite(deps, checked(newSite, await readJson(c.req.raw)));
    return c.json({ ...showSite(site), identitySecret: site.identitySecret }, 201);
  });

  app.on("PATCH", ["/sites", "/sites/:id"], async (c) => {
    const id = c.req.param("id");
    const site = id === undefined ? await siteOf(c, "admin") : await siteNamed(c, id);
    return c.json(showSite(await changeSite(deps, site, defined(checked(siteChanges, await readJson(c.req.raw))))));
  });
  return app;
}

const SITE = { site: z.string().optional() };
const pageQuery = z.strictObject({ ...SITE, limit, cursor: z.string().optional() });
const listQuery = z.strictObject({
  ...SITE,
  limit,
  cursor: z.string().optional(),
  sort: z.enum(SORTS, `must be one of ${SORTS.join(", ")}`).default("-score"),
  temperature: z.string().optional(),
  stage: z.string().optional(),
  known: flag.optional(),
  disqualified: flag.default(false),
  minScore: z.coerce.number("must be a number").optional(),
  maxScore: z.coerce.number("must be a number").optional(),
});
const position = z.object({ value: z.number(), id: z.string() });

const origin = z.string().refine((text) => URL.canParse(text) && new URL(text).origin === text, {
  error: 'must be an origin as browsers send it, such as "https://www.example.com" (no path, no slash at the end)',
});
const siteFields = {
  name: z.string("must be a text").min(1, "must not be empty").max(200, "must be at most 200 characters"),
  origins: z.array(origin, "must be an array of origins").max(100, "must be at most 100 origins"),
  respectGpc: z.boolean("must be true or false").optional(),
};
const newSite = z.strictObject({
  ...siteFields,
  writeKey: z
    .string()
    .regex(/^[A-Za-z0-9_-]{3,64}$/, "must be 3 to 64 letters, digits, - or _")
    .optional(),
});
const siteChanges = z.strictObject(siteFields).partial();

/** Only the fields that were given. */
function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as ReturnType<
    typeof defined<T>
  >;
}

function showSite({ id, name, writeKey, origins, respectGpc, rulesVersion, createdAt }: Site) {
  return { id, name, writeKey, origins, respectGpc, rulesVersion, createdAt: new Date(createdAt).toISOString() };
}

function checkedLevels(
  ladders: readonly { name: string; levels: readonly { name: string }[] }[],
  wanted: Record<string, string | undefined>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(wanted).flatMap(([ladder, level]) => {
      if (level === undefined) return [];
      const names = ladders.find(({ name }) => name === ladder)?.levels.map(({ name }) => name) ?? [];
      if (names.includes(level)) return [[ladder, level]];
      throw new Failure(
        "invalid_request",
        `${ladder} must be one of ${names.join(", ") || "none: the rules have no such ladder"}.`,
      );
    }),
  );
}

/** The instant that `?at=` supposes; now, where it is left out. */
function instantOf(c: Context, deps: Deps, clock: number | null): number {
  const { at } = checked(z.strictObject({ ...SITE, at: instant.optional() }), c.req.query());
  const now = deps.clock();
  // "Now" as the caller knew it may be a moment ago by the time it arrives.
  if (at !== undefined && at < now - AT_TOLERANCE_MS) {
    throw new Failure("invalid_request", "at must not be before now: it supposes that nothing more happens.");
  }
  return Math.max(at ?? now, clock ?? now, Math.min(at ?? now, now));
}

const AT_TOLERANCE_MS = 60_000;

async function rulesInForce(deps: Deps, siteId: string): Promise<{ version: number; document: string }> {
  const found = await readRules(deps.db, siteId);
  if (found) return found;
  throw new Failure("not_found", "The site is gone.");
}

function rulesAnswer(c: Context, version: number, rules: unknown): Response {
  return c.json({ version, rules }, 200, { ETag: `"${version}"` });
}

/** The version that `If-Match` names, `null` without one (or with `*`). */
function ifMatch(c: Context): number | null {
  const header = c.req.header("If-Match");
  if (header === undefined || header.trim() === "*") return null;
  const version = /^\s*(?:W\/)?"?(\d{1,9})"?\s*$/.exec(header)?.[1];
  if (version === undefined) throw new Failure("stale", 'If-Match takes the ETag of GET /v1/rules, such as "4".');
  return Number(version);
}
