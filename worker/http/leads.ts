/** Leads: one, many, and why. */
import { type Context, Hono } from "hono";
import * as z from "zod";
import type { RuleSet } from "../core/rules";
import { SORTS, type Sort } from "../db/list";
import { readingAgain } from "../db/refusal";
import { eraseLead } from "../erase";
import { exportLead } from "../export";
import { Failure } from "../failure";
import { type Current, rounded } from "../lead";
import { leadEvents, leadHistory, openLead, pageOfLeads, showExplanation, showLead } from "../leads";
import { FEEDBACKS, patchLead, STATUSES } from "../patch";
import { splitLead } from "../split";
import { readJson } from "./body";
import { type Api, SITE, siteOf, supposedInstant } from "./context";
import { checked, decodeCursor, encodeCursor, flag, instant, limit, number, queryOf } from "./input";

export function leadRoutes(api: Api): Hono {
  const { deps } = api;
  const app = new Hono();
  const get = (path: string, work: (c: Context) => Promise<object>) =>
    app.get(path, async (c) => c.json(await readingAgain(() => work(c))));

  get("/leads", async (c) => {
    const site = await siteOf(api, c, "read");
    const query = checked(listQuery, queryOf(c.req.raw));
    const { temperature, stage, sort, limit, cursor, ...filter } = query;
    const levels = checkedLevels(site.rules.ladders, { temperature, stage });
    if (filter.dimension !== undefined) checkedDimension(site.rules, filter.dimension);
    const paging = { sort: checkedSort(site.rules, sort), limit, after: decodeCursor(cursor, position) };
    const { data, next } = await pageOfLeads(deps, site, { ...filter, levels }, paging);
    return { data, nextCursor: next && encodeCursor(next) };
  });

  get("/leads/:id", async (c) => {
    const { site, lead } = await openLead(deps, await siteOf(api, c, "read"), idOf(c));
    return showLead(site, lead, supposedInstant(c, deps, lead.state.clock));
  });

  app.patch("/leads/:id", async (c) => {
    const site = await siteOf(api, c, "write");
    const found = await readingAgain(() => openLead(deps, site, idOf(c)));
    await patchLead(deps, found, checked(patchBody, await readJson(c.req.raw)));
    const { lead } = await readingAgain(() => openLead(deps, found.site, found.lead.id));
    return c.json(showLead(found.site, lead, Math.max(deps.clock(), lead.state.clock ?? 0)));
  });

  app.post("/leads/:id/split", async (c) => {
    const site = await siteOf(api, c, "write");
    checked(z.strictObject(SITE), queryOf(c.req.raw));
    const { visitor } = checked(splitBody, await readJson(c.req.raw));
    const { rest, split } = await splitLead(deps, site, idOf(c), visitor);
    const shown = ({ site: under, lead }: Current) =>
      showLead(under, lead, Math.max(deps.clock(), lead.state.clock ?? 0));
    return c.json({ ...shown(rest), split: shown(split) });
  });

  app.delete("/leads/:id", async (c) => {
    const site = await siteOf(api, c, "write");
    const { suppress } = checked(eraseQuery, queryOf(c.req.raw));
    await eraseLead(deps, site, idOf(c), suppress);
    return c.body(null, 204);
  });

  get("/leads/:id/export", async (c) => {
    const site = await siteOf(api, c, "read");
    checked(z.strictObject(SITE), queryOf(c.req.raw));
    const found = await openLead(deps, site, idOf(c));
    const copy = await exportLead(deps, found);
    c.header("Content-Disposition", `attachment; filename="${found.lead.id}.json"`);
    c.header("Cache-Control", "no-store");
    return copy;
  });

  get("/leads/:id/explanation", async (c) => {
    const { site, lead } = await openLead(deps, await siteOf(api, c, "read"), idOf(c));
    return showExplanation(site, lead.state, supposedInstant(c, deps, lead.state.clock));
  });

  get("/leads/:id/events", async (c) => {
    const query = checked(pageQuery, queryOf(c.req.raw));
    const { site, lead } = await openLead(deps, await siteOf(api, c, "read"), idOf(c));
    const before = decodeCursor(query.cursor, z.object({ before: z.int().min(0) }));
    const { data, next } = await leadEvents(deps, site, lead, query.limit, before?.before ?? null);
    return { data, nextCursor: next === null ? null : encodeCursor({ before: next }) };
  });

  get("/leads/:id/history", async (c) => {
    const query = checked(pageQuery, queryOf(c.req.raw));
    const found = await openLead(deps, await siteOf(api, c, "read"), idOf(c));
    const before = decodeCursor(query.cursor, z.object({ at: z.int(), n: z.int() }));
    const { data, next, points } = await leadHistory(deps, found, query.limit, before);
    const shown = <T extends { score: number }>(one: T) => ({ ...one, score: rounded(one.score) });
    return { data: data.map(shown), nextCursor: next && encodeCursor(next), points: points.map(shown) };
  });
  return app;
}

const idOf = (c: Context) => c.req.param("id") ?? "";

const patchBody = z
  .strictObject({
    traits: z.record(z.string(), z.json(), "must be an object").optional(),
    status: z.enum(STATUSES, `must be one of ${STATUSES.join(", ")}`).optional(),
    feedback: z
      .enum(FEEDBACKS, `must be one of ${FEEDBACKS.join(", ")}, or null`)
      .nullable()
      .optional(),
    disqualified: z.null("can only be lifted: null").optional(),
  })
  .refine((body) => Object.keys(body).length > 0, "must name traits, status, feedback or disqualified");
const splitBody = z.strictObject({ visitor: z.string("must be the id of a visitor").min(1, "must not be empty") });
const eraseQuery = z.strictObject({ ...SITE, suppress: flag.default(false) });
const pageQuery = z.strictObject({ ...SITE, limit, cursor: z.string().optional() });
const listQuery = z.strictObject({
  ...SITE,
  limit,
  cursor: z.string().optional(),
  sort: z.string().default("-score"),
  temperature: z.string().optional(),
  stage: z.string().optional(),
  known: flag.optional(),
  disqualified: flag.default(false),
  status: z.enum(STATUSES, `must be one of ${STATUSES.join(", ")}`).optional(),
  account: z.string().min(1, "must not be empty").toLowerCase().optional(),
  q: z.string().min(1, "must not be empty").max(200, "must be at most 200 characters").optional(),
  activeSince: instant.optional(),
  dimension: z.string().optional(),
  minScore: number.optional(),
  maxScore: number.optional(),
});
const position = z.object({ value: z.number(), id: z.string() });

function checkedDimension(rules: RuleSet, name: string): string {
  const names = rules.dimensions.map((dimension) => dimension.name);
  if (names.includes(name)) return name;
  throw new Failure("invalid_request", `dimension must be one of ${names.join(", ")}.`);
}

function checkedSort(rules: RuleSet, wanted: string): Sort {
  const simple = SORTS.find((sort) => sort === wanted);
  if (simple) return simple;
  if (wanted.startsWith("-scores.")) return { dimension: checkedDimension(rules, wanted.slice("-scores.".length)) };
  throw new Failure("invalid_request", `sort must be one of ${SORTS.join(", ")} and -scores.<dimension>.`);
}

function checkedLevels(
  ladders: readonly { name: string; levels: readonly { name: string }[] }[],
  wanted: Record<string, string | undefined>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(wanted).flatMap(([ladder, level]) => {
      if (level === undefined) return [];
      const names = ladders.find(({ name }) => name === ladder)?.levels.map(({ name }) => name);
      if (names?.includes(level)) return [[ladder, level]];
      const right = names ? `must be one of ${names.join(", ")}` : "cannot be asked for: the rules have no such ladder";
      throw new Failure("invalid_request", `${ladder} ${right}.`);
    }),
  );
}
