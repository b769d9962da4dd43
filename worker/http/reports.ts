/** Outcomes and reports: what became of leads, and whether the score foretold it. */

import * as z from "zod/mini";
import { DAY_MS } from "../core/duration";
import { OUTCOMES } from "../core/outcome";
import type { Ladder } from "../core/rules";
import { readingAgain } from "../db/refusal";
import { Failure } from "../failure";
import { openLead } from "../leads";
import { recordOutcome } from "../outcomes";
import { distributionReport, personalisationReport, rulesReport, temperaturesReport } from "../reports";
import { type Api, SITE, siteOf, siteQuery } from "./context";
import { Hono } from "./hono";
import { instant } from "./input";
import { Calls } from "./route";

/** Most days of one report: a year, and the same day of the year before. */
const DAYS_MAX = 366;
const DAYS_DEFAULT = 30;
/** How far in the future the time of an outcome may be: it was now when the caller wrote it. */
const AT_TOLERANCE_MS = 60_000;

export function reportRoutes(api: Api): Hono {
  const app = new Hono();
  const calls = new Calls(app, api, "Outcomes and reports", (c, scope) => siteOf(api, c, scope));
  const report = { scope: "read", query: siteQuery } as const;

  calls.post(
    "/outcomes",
    { scope: "write", query: siteQuery, body: outcomeBody, status: 201 },
    async ({ deps, site, body: { lead, ...ended } }) => {
      if (ended.at !== undefined && ended.at > deps.clock() + AT_TOLERANCE_MS) {
        throw new Failure("invalid_request", "at must not be in the future: an outcome is what has happened.");
      }
      const found = await readingAgain(() => openLead(deps, site, lead));
      return await recordOutcome(deps, found, ended);
    },
  );

  calls.get("/reports/distribution", report, async ({ deps, site }) => await distributionReport(deps, site));

  calls.get(
    "/reports/temperatures",
    {
      ...report,
      query: temperaturesQuery,
    },
    async ({ deps, site, query: { ladder, from, to } }) => {
      const ladders = laddersOf(site.rules.ladders, ladder);
      return await temperaturesReport(deps, site, ladders, checkedSpan(deps.clock(), from, to));
    },
  );

  calls.get(
    "/reports/rules",
    {
      ...report,
    },
    async ({ deps, site }) => await rulesReport(deps, site),
  );

  calls.get(
    "/reports/personalisation",
    {
      ...report,
    },
    async ({ deps, site }) => await personalisationReport(deps, site),
  );
  return app;
}

const temperaturesQuery = z.strictObject({
  ...SITE,
  ladder: z.optional(z.string()),
  from: z.optional(instant),
  to: z.optional(instant),
});
const outcomeBody = z.strictObject({
  lead: z.string("must be the id of a lead").check(z.minLength(1, "must not be empty")),
  outcome: z.enum(OUTCOMES, `must be one of ${OUTCOMES.join(", ")}`),
  value: z.optional(z.number("must be a number").check(z.gte(0, "must be at least 0"))),
  at: z.optional(instant),
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
