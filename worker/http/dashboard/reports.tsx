/** Pages of reports. A site of many leads gets its page at once, and the report when it has been worked out. */
import type { Context } from "hono";
import * as z from "zod/mini";
import { DAY_MS } from "../../core/duration";
import type { Tab } from "../../dashboard/reports/frame";
import { PERIODS } from "../../dashboard/reports/levels";
import { LevelsPage, LiftPage, NoReport, OverviewPage, PersonalisationPage } from "../../dashboard/reports/pages";
import { countLeads } from "../../db/reports";
import type { SiteRules } from "../../db/sites";
import { distributionReport, personalisationReport, rulesReport, temperaturesReport } from "../../reports";
import type { Api } from "../context";
import type { Hono } from "../hono";
import { checked, flag } from "../input";
import { thresholds } from "./leads";
import { enter, filled, laddersOf, page } from "./visit";

/** Of more leads than so many a report takes longer than one likes to look at an empty screen: about half a second. */
export const AT_ONCE_MAX_LEADS = 1_000;

const DAYS_DEFAULT = PERIODS[0].days;
const reportQuery = z.object({
  whole: z._default(flag, false),
  days: z._default(
    z.coerce.number().check(
      z.refine((days) => PERIODS.some((one) => one.days === days), {
        error: `must be one of ${PERIODS.map(({ days }) => days).join(", ")}`,
      }),
    ),
    DAYS_DEFAULT,
  ),
});

export function reportPages(app: Hono, api: Api): void {
  app.get("/reports", async (c) => {
    const visit = await enterReports(api, c);
    if (visit.leads === 0) return await noReport(c, visit, "Overview");
    const { site, deps } = visit;
    return await page(
      c,
      <OverviewPage
        {...visit}
        distribution={await distributionReport(deps, site)}
        thresholds={thresholds(site)}
        report={visit.isDue ? await rulesReport(deps, site) : null}
      />,
    );
  });

  app.get("/reports/rules", async (c) => {
    const visit = await enterReports(api, c);
    if (visit.leads === 0) return await noReport(c, visit, "Rules");
    const { site, deps, isDue } = visit;
    return await page(c, <LiftPage {...visit} report={isDue ? await rulesReport(deps, site) : null} />);
  });

  app.get("/reports/levels", async (c) => {
    const visit = await enterReports(api, c);
    if (visit.leads === 0) return await noReport(c, visit, "Levels over time");
    const { site, deps, days } = visit;
    const to = deps.clock();
    const span = { from: to - (days - 1) * DAY_MS, to };
    const report = visit.isDue ? await temperaturesReport(deps, site, site.rules.ladders, span) : null;
    return await page(c, <LevelsPage {...visit} report={report} />);
  });

  app.get("/reports/personalisation", async (c) => {
    const visit = await enterReports(api, c);
    if (visit.leads === 0) return await noReport(c, visit, "Personalisation");
    const report = visit.isDue ? await personalisationReport(visit.deps, visit.site) : null;
    return await page(c, <PersonalisationPage {...visit} report={report} />);
  });
}

interface ReportVisit extends Awaited<ReturnType<typeof enter>> {
  site: SiteRules;
  ladders: ReturnType<typeof laddersOf>;
  origin: string;
  leads: number;
  days: number;
  /** Whether the report is to be worked out before anything is shown. */
  isDue: boolean;
}

async function enterReports(api: Api, c: Context): Promise<ReportVisit> {
  const visit = await enter(api, c);
  const { whole, days } = checked(reportQuery, filled(c));
  const { leads } = await countLeads(visit.deps.db, visit.site.id);
  return {
    ...visit,
    ladders: laddersOf(visit.site),
    origin: new URL(c.req.url).origin,
    leads,
    days,
    isDue: whole || leads <= AT_ONCE_MAX_LEADS,
  };
}

function noReport(c: Context, { frame }: ReportVisit, tab: Tab) {
  return page(c, <NoReport frame={frame} tab={tab} />);
}
