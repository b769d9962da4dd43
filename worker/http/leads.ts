/** Leads: one, many, and why. */
import type { Context } from "hono";
import * as z from "zod/mini";
import { readEmail } from "../core/identity";
import { FEEDBACKS, STATUSES } from "../core/person";
import type { RuleSet } from "../core/rules";
import { digest } from "../core/text";
import { leadLines } from "../csv";
import { type LeadFilter, SORTS, type Sort } from "../db/list";
import { readingAgain } from "../db/refusal";
import type { SiteRules } from "../db/sites";
import { eraseLead } from "../erase";
import { exportLead } from "../export";
import { Failure } from "../failure";
import { type Current, rounded } from "../lead";
import { leadEvents, leadHistory, openLead, pageOfLeads, showExplanation, showLead } from "../leads";
import { patchLead } from "../patch";
import { splitLead } from "../split";
import { type Api, atQuery, SITE, siteOf, siteQuery, supposedInstant } from "./context";
import { Hono } from "./hono";
import { cursor, decodeCursor, encodeCursor, flag, instant, limit, number } from "./input";
import { logError, routeOf } from "./log";
import { Calls } from "./route";
import { streamed } from "./stream";

export function leadRoutes(api: Api): Hono {
  const app = new Hono();
  const calls = new Calls(app, api, "Leads", (c, scope) => siteOf(api, c, scope));
  readingLeads(calls);
  readingMore(calls);
  changingLeads(calls, api);
  return app;
}

type LeadCalls = Calls<SiteRules>;

function readingLeads(calls: LeadCalls): void {
  calls.get(
    "/leads",
    { scope: "read", query: listQuery },
    async ({ deps, site, query: { sort, limit, cursor, site: _, ...wanted } }) => {
      const filter = checkedFilter(site, wanted);
      // Where a page of one list ended is nowhere in another: whoever mixes them up would miss leads.
      const of = digest(JSON.stringify([site.id, sort, wanted]));
      const after = decodeCursor(cursor, z.object({ value: z.number(), id: z.string(), of: z.literal(of) }));
      const paging = { sort: checkedSort(site.rules, sort), limit, after };
      const { data, next } = await pageOfLeads(deps, site, filter, paging);
      return { data, nextCursor: next && encodeCursor({ ...next, of }) };
    },
  );

  calls.get(
    "/leads.csv",
    { scope: "read", query: z.strictObject(filters) },
    async ({ deps, c, site, query: { sort, ...wanted } }) => {
      const lines = leadLines(deps, site, checkedFilter(site, wanted), checkedSort(site.rules, sort));
      return c.body(await streamed(lines, (error) => logError(routeOf(c), error)), 200, {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": 'attachment; filename="leads.csv"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
      });
    },
  );

  calls.get("/leads/{id}", { scope: "read", query: atQuery }, async ({ deps, c, site: wanted, query }) => {
    const { site, lead } = await openLead(deps, wanted, idOf(c));
    return showLead(site, lead, supposedInstant(deps, query.at, lead.state.clock));
  });

  calls.get("/leads/{id}/explanation", { scope: "read", query: atQuery }, async ({ deps, c, site: wanted, query }) => {
    const { site, lead } = await openLead(deps, wanted, idOf(c));
    return showExplanation(site, lead.state, supposedInstant(deps, query.at, lead.state.clock));
  });
}

function readingMore(calls: LeadCalls): void {
  calls.get("/leads/{id}/events", { scope: "read", query: pageQuery }, async ({ deps, c, site: wanted, query }) => {
    const { site, lead } = await openLead(deps, wanted, idOf(c));
    const before = decodeCursor(query.cursor, z.object({ before: z.int().check(z.gte(0)) }));
    const { data, next } = await leadEvents(deps, site, lead, query.limit, before?.before ?? null);
    return { data, nextCursor: next === null ? null : encodeCursor({ before: next }) };
  });

  calls.get("/leads/{id}/history", { scope: "read", query: pageQuery }, async ({ deps, c, site, query }) => {
    const found = await openLead(deps, site, idOf(c));
    const before = decodeCursor(query.cursor, z.object({ at: z.int(), n: z.int() }));
    const { data, next, points } = await leadHistory(deps, found, query.limit, before);
    const shown = <T extends { score: number }>(one: T) => ({ ...one, score: rounded(one.score) });
    return { data: data.map(shown), nextCursor: next && encodeCursor(next), points: points.map(shown) };
  });

  calls.get("/leads/{id}/export", { scope: "read", query: siteQuery }, async ({ deps, c, site }) => {
    const found = await openLead(deps, site, idOf(c));
    const copy = await exportLead(deps, found);
    c.header("Content-Disposition", `attachment; filename="${found.lead.id}.json"`);
    c.header("Cache-Control", "no-store");
    return copy;
  });
}

function changingLeads(calls: LeadCalls, { deps }: Api): void {
  const shown = ({ site, lead }: Current) => showLead(site, lead, Math.max(deps.clock(), lead.state.clock ?? 0));

  calls.patch("/leads/{id}", { scope: "write", query: siteQuery, body: patchBody }, async ({ deps, c, site, body }) => {
    const found = await readingAgain(() => openLead(deps, site, idOf(c)));
    await patchLead(deps, found, body);
    return shown(await readingAgain(() => openLead(deps, found.site, found.lead.id)));
  });

  calls.post(
    "/leads/{id}/split",
    { scope: "write", query: siteQuery, body: splitBody },
    async ({ deps, c, site, body }) => {
      const { rest, split } = await splitLead(deps, site, idOf(c), body.visitor);
      return { ...shown(rest), split: shown(split) };
    },
  );

  calls.delete(
    "/leads/{id}",
    { scope: "write", query: eraseQuery, status: 204 },
    async ({ deps, c, site, query }) => await eraseLead(deps, site, idOf(c), query.suppress),
  );
}

const idOf = (c: Context) => c.req.param("id") ?? "";

const patchBody = z
  .strictObject({
    traits: z.optional(
      z
        .record(z.string(), z.json(), "must be an object")
        .check(
          z.refine(({ email }) => email == null || readEmail(email) !== null, "email must be an address, or null"),
        ),
    ),
    status: z.optional(z.enum(STATUSES, `must be one of ${STATUSES.join(", ")}`)),
    feedback: z.optional(z.nullable(z.enum(FEEDBACKS, `must be one of ${FEEDBACKS.join(", ")}, or null`))),
    disqualified: z.optional(z.null("can only be lifted: null")),
  })
  .check(z.refine((body) => Object.keys(body).length > 0, "must name traits, status, feedback or disqualified"));
const splitBody = z.strictObject({
  visitor: z.string("must be the id of a visitor").check(z.minLength(1, "must not be empty")),
});
const eraseQuery = z.strictObject({ ...SITE, suppress: z._default(flag, false) });
const pageQuery = z.strictObject({ ...SITE, limit, cursor });
const filters = {
  ...SITE,
  temperature: z.optional(z.string()),
  stage: z.optional(z.string()),
  known: z.optional(flag),
  disqualified: z._default(flag, false),
  status: z.optional(z.enum(STATUSES, `must be one of ${STATUSES.join(", ")}`)),
  account: z.optional(z.string().check(z.minLength(1, "must not be empty"), z.toLowerCase())),
  q: z.optional(
    z.string().check(z.minLength(1, "must not be empty"), z.maxLength(200, "must be at most 200 characters")),
  ),
  activeSince: z.optional(instant),
  dimension: z.optional(z.string()),
  minScore: z.optional(number),
  maxScore: z.optional(number),
  sort: z._default(z.string(), "-score"),
};
const listQuery = z.strictObject({ ...filters, limit, cursor });

type Wanted = Omit<z.output<typeof listQuery>, "site" | "sort" | "limit" | "cursor">;

/** The filter, if the site's rules have the levels and the dimension that it names. */
function checkedFilter({ rules }: SiteRules, { temperature, stage, ...filter }: Wanted): LeadFilter {
  const levels = checkedLevels(rules.ladders, { temperature, stage });
  if (filter.dimension !== undefined) checkedDimension(rules, filter.dimension);
  return { ...filter, levels };
}

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
