/** Outcomes and reports: what became of leads, and whether the score foretold it. */
import { Hono } from "hono";
import * as z from "zod";
import { DAY_MS } from "../core/duration";
import { OUTCOMES } from "../core/outcome";
import type { Ladder } from "../core/rules";
import { readingAgain } from "../db/refusal";
import { Failure } from "../failure";
import { openLead } from "../leads";
import { recordOutcome } from "../outcomes";
import { distributionReport, personalisationReport, rulesReport, temperaturesReport } from "../reports";
import { readJson } from "./body";
import { type Api, SITE, siteOf } from "./context";
import { checked, instant, queryOf } from "./input";

/** Most days of one report: a year, and the same day of the year before. */
const DAYS_MAX = 366;
const DAYS_DEFAULT = 30;
/** How far in the future the time of an outcome may be: it was now when the caller wrote it. */
const AT_TOLERANCE_MS = 60_000;

export function reportRoutes(api: Api): Hono {
  const { deps } = api;
  const app = new Hono();

  app.post("/outcomes", async (c) => {
    const site = await siteOf(api, c, "write");
    checked(siteQuery, queryOf(c.req.raw));
    const { lead, ...ended } = checked(outcomeBody, await readJson(c.req.raw));
    if (ended.at !== undefined && ended.at > deps.clock() + AT_TOLERANCE_MS) {
      throw new Failure("invalid_request", "at must not be in the future: an outcome is what has happened.");
    }
    const found = await readingAgain(() => openLead(deps, site, lead));
    return c.json(await recordOutcome(deps, found, ended), 201);
  });

  app.get("/reports/distribution", async (c) => {
    const site = await siteOf(api, c, "read");
    checked(siteQuery, queryOf(c.req.raw));
    return c.json(await distributionReport(deps, site));
  });

  app.get("/reports/temperatures", async (c) => {
    const site = await siteOf(api, c, "read");
    const { ladder, from, to } = checked(temperaturesQuery, queryOf(c.req.raw));
    const ladders = laddersOf(site.rules.ladders, ladder);
    return c.json(await temperaturesReport(deps, site, ladders, checkedSpan(deps.clock(), from, to)));
  });

  app.get("/reports/rules", async (c) => {
    const site = await siteOf(api, c, "read");
    checked(siteQuery, queryOf(c.req.raw));
    return c.json(await rulesReport(deps, site));
  });

  app.get("/reports/personalisation", async (c) => {
    const site = await siteOf(api, c, "read");
    checked(siteQuery, queryOf(c.req.raw));
    return c.json(await personalisationReport(deps, site));
  });
  return app;
}

const siteQuery = z.strictObject(SITE);
const temperaturesQuery = z.strictObject({
  ...SITE,
  ladder: z.string().optional(),
  from: instant.optional(),
  to: instant.optional(),
});
const outcomeBody = z.strictObject({
  lead: z.string("must be the id of a lead").min(1, "must not be empty"),
  outcome: z.enum(OUTCOMES, `must be one of ${OUTCOMES.join(", ")}`),
  value: z.number("must be a number").min(0, "must be at least 0").optional(),
  at: instant.optional(),
});

function laddersOf(ladders: readonly Ladder[], wanted: string | undefined): readonly Ladder[] {
  const found = ladders.filter(({ name }) => wanted === undefined || name === wanted);
  if (found.length > 0) return found;
  throw new Failure("invalid_request", `ladder must be one of ${ladders.map(({ name }) => name).join(", ")}.`);
}

/** The days asked for: up to today, as many as one report may have. */
function checkedSpan(now: number, from?: number, to = now): { from: number; to: number } {
  const day = (ms: number) => Math.floor(ms / DAY_MS);
  const first = from ?? to - (DAYS_DEFAULT - 1) * DAY_MS;
  if (day(to) > day(now)) throw new Failure("invalid_request", "to must not be after today (UTC).");
  if (day(first) > day(to)) throw new Failure("invalid_request", "from must not be after to.");
  if (day(to) - day(first) < DAYS_MAX) return { from: first, to };
  throw new Failure("invalid_request", `from and to must be at most ${DAYS_MAX} days apart.`);
}
