/** Pages about leads: the list, and one. */
import type { Context } from "hono";
import * as z from "zod/mini";
import { OUTCOMES } from "../../core/outcome";
import { FEEDBACKS, STATUSES } from "../../core/person";
import type { ScorePoint, Threshold } from "../../dashboard/data";
import { LeadPage } from "../../dashboard/lead";
import { LeadsPage } from "../../dashboard/leads";
import { readingAgain } from "../../db/refusal";
import type { SiteRules } from "../../db/sites";
import type { Deps } from "../../deps";
import { eraseLead } from "../../erase";
import { Failure } from "../../failure";
import type { Current } from "../../lead";
import {
  leadEvents,
  leadHistory,
  openLead,
  pageOfLeads,
  type ShownLead,
  showDisqualified,
  showExplanation,
  showLead,
} from "../../leads";
import { recordOutcome } from "../../outcomes";
import { patchLead } from "../../patch";
import { splitLead } from "../../split";
import type { Api } from "../context";
import type { Hono } from "../hono";
import { checked, decodeCursor, encodeCursor, flag, number } from "../input";
import { enter, filled, laddersOf, page, signedForm, siteIn } from "./visit";

/** Leads on a page of the list; events and crossings on the page of a lead. */
const LEADS_LIMIT = 50;
const EVENTS_LIMIT = 50;
const CROSSINGS_LIMIT = 30;

export function leadPages(app: Hono, api: Api): void {
  app.get("/", async (c) => {
    const { frame, site, deps } = await enter(api, c);
    const { done = "", ...query } = filled(c);
    const { cursor, temperature, stage, sort, ...filter } = checked(listQuery, query);
    const levels = levelsOf(site, { temperature, stage });
    const after = decodeCursor(cursor, z.object({ value: z.number(), id: z.string() }));
    const paging = { sort, limit: LEADS_LIMIT, after };
    const { data, next } = await readingAgain(() => pageOfLeads(deps, site, { ...filter, levels }, paging));
    return await page(
      c,
      <LeadsPage
        frame={frame}
        query={{ ...query, sort }}
        ladders={laddersOf(site)}
        leads={arranged(data, sort)}
        nextCursor={next && encodeCursor(next)}
        done={DONE[done] ?? null}
        tag={{ origin: new URL(c.req.url).origin, writeKey: site.writeKey }}
      />,
    );
  });

  app.get("/leads/:id", (c) => readingAgain(() => leadPage(c, api)));

  app.post("/leads/:id/notes", async (c) => {
    const fields = await signedForm(api, c, "write");
    const { site, deps } = await enter(api, c);
    const { status, feedback, requalify } = checked(notesForm, fields);
    const found = await openLead(deps, site, idOf(c));
    const { state, id } = found.lead;
    // What stands there already is not said again: each saying is an event.
    await patchLead(deps, found, {
      ...(status !== state.status && { status }),
      ...(feedback !== state.feedback && { feedback }),
      ...(requalify === "true" && { disqualified: null }),
    });
    return back(c, id, "notes");
  });

  app.post("/leads/:id/outcome", async (c) => {
    const { outcome, value = "" } = await signedForm(api, c, "write");
    const { site, deps } = await enter(api, c);
    const ended = checked(outcomeForm, { outcome, ...(value !== "" && { value }) });
    const found = await openLead(deps, site, idOf(c));
    await recordOutcome(deps, found, ended);
    return back(c, found.lead.id, "outcome");
  });

  app.post("/leads/:id/split", async (c) => {
    const { visitor = "" } = await signedForm(api, c, "write");
    const { site, deps } = await enter(api, c);
    const { rest } = await splitLead(deps, site, idOf(c), visitor);
    return back(c, rest.lead.id, "split");
  });

  app.post("/leads/:id/erase", async (c) => {
    const { suppress } = await signedForm(api, c, "write");
    const { site, deps } = await enter(api, c);
    await eraseLead(deps, site, idOf(c), suppress === "true");
    return c.redirect(`/dashboard?${new URLSearchParams({ ...siteIn(c), done: "erased" })}`, 303);
  });
}

const idOf = (c: Context) => c.req.param("id") ?? "";
const notesForm = z.object({
  status: z.enum(STATUSES, `must be one of ${STATUSES.join(", ")}`),
  feedback: z.pipe(
    z.enum(["", ...FEEDBACKS], `must be one of ${FEEDBACKS.join(", ")}, or empty`),
    z.transform((text) => text || null),
  ),
  requalify: z.optional(z.string()),
});

const outcomeForm = z.object({
  outcome: z.enum(OUTCOMES, `must be one of ${OUTCOMES.join(", ")}`),
  value: z.optional(z.pipe(number, z.number().check(z.gte(0, "must be at least 0")))),
});

/** What a page tells of what was done before it. */
const DONE: Record<string, string> = {
  notes: "Noted; the rules have acted on it",
  outcome: "Outcome recorded; the rules have acted on it",
  split: "Split off: that browser has a lead of its own again",
  erased: "Erased: nothing of them is kept",
};

/** To the lead's page, so that reloading it does nothing again. */
function back(c: Context, id: string, done: string): Response {
  return c.redirect(`/dashboard/leads/${encodeURIComponent(id)}?${new URLSearchParams({ ...siteIn(c), done })}`, 303);
}

async function leadPage(c: Context, api: Api) {
  const { frame, site, deps } = await enter(api, c);
  const found = await openLead(deps, site, idOf(c));
  const at = Math.max(deps.clock(), found.lead.state.clock ?? 0);
  const shown = showLead(found.site, found.lead, at);
  const { events, older, before, ending } = await someEvents(c, deps, found);
  const history = await leadHistory(deps, found, CROSSINGS_LIMIT, null);
  return await page(
    c,
    <LeadPage
      frame={{ ...frame, now: at }}
      ladders={laddersOf(found.site)}
      lead={shown}
      explanation={showExplanation(found.site, found.lead.state, at)}
      next={shown.validUntil === null ? null : showLead(found.site, found.lead, Date.parse(shown.validUntil))}
      curve={{
        points: history.points,
        cooling: cooling(found, at, shown.validUntil),
        thresholds: thresholds(found.site),
      }}
      crossings={history.data}
      events={events}
      older={older}
      before={before}
      statuses={STATUSES}
      feedbacks={FEEDBACKS}
      outcomes={OUTCOMES}
      ended={ending && { outcome: ending.outcome, at: new Date(ending.at).toISOString() }}
      disqualified={showDisqualified(found.site, found.lead.state, at)}
      done={DONE[c.req.query("done") ?? ""] ?? null}
    />,
  );
}

const SORTS = ["-score", "score", "-lastSeen"] as const;
const listQuery = z.object({
  cursor: z.optional(z.string()),
  sort: z._default(z.enum(SORTS, `must be one of ${SORTS.join(", ")}`), "-score"),
  temperature: z.optional(z.string()),
  stage: z.optional(z.string()),
  known: z.optional(flag),
  disqualified: z._default(flag, false),
  q: z.optional(z.string().check(z.trim(), z.maxLength(200, "must be at most 200 characters"))),
  minScore: z.optional(number),
});

/** The API orders by scores as they were last written and shows them live; on a page they shall go one after another. */
function arranged(leads: ShownLead[], sort: (typeof SORTS)[number]): ShownLead[] {
  if (sort === "-lastSeen") return leads;
  const down = sort === "-score" ? 1 : -1;
  return leads.toSorted((a, b) => down * (b.exact.score - a.exact.score));
}

function levelsOf({ rules }: SiteRules, wanted: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(wanted).filter((entry): entry is [string, string] => {
      const [ladder, level] = entry;
      if (level === undefined) return false;
      const known = rules.ladders.find(({ name }) => name === ladder)?.levels.some(({ name }) => name === level);
      if (known) return true;
      throw new Failure("invalid_request", `The rules in force have no ${ladder} "${level}".`);
    }),
  );
}

async function someEvents(c: Context, deps: Deps, { site, lead }: Current) {
  const from = decodeCursor(c.req.query("cursor"), z.object({ before: z.int().check(z.gte(0)) }));
  const { data, next, ending } = await leadEvents(deps, site, lead, EVENTS_LIMIT, from?.before ?? null);
  return { events: data, older: next === null ? null : encodeCursor({ before: next }), before: from !== null, ending };
}

const DAY_MS = 86_400_000;
/** How far the score is foretold, at least and at most. */
const AHEAD_MS = { min: 3 * DAY_MS, max: 90 * DAY_MS };
/** Instants looked at on either side of now. */
const SAMPLES = 24;

/** The score from the lead's latest event on, if nothing more happens: what time has done, and what it will do. */
function cooling({ site, lead }: Current, now: number, validUntil: string | null): ScorePoint[] {
  const { clock, firstSeen } = lead.state;
  if (clock === null) return [];
  const past = now - (firstSeen ?? clock);
  const change = validUntil === null ? 0 : 1.2 * (Date.parse(validUntil) - now);
  const ahead = Math.min(AHEAD_MS.max, Math.max(AHEAD_MS.min, change, past / 5));
  const steps = Array.from({ length: SAMPLES }, (_, i) => (i + 1) / SAMPLES);
  const since = now > clock ? [clock, ...steps.map((part) => clock + part * (now - clock))] : [now];
  return [...since, ...steps.map((part) => now + part * ahead)].map((at) => ({
    at: new Date(at).toISOString(),
    score: showLead(site, lead, at).exact.score,
  }));
}

/** Scores at which the temperature changes, where the rules say it that plainly. */
export function thresholds({ rules }: SiteRules): Threshold[] {
  return (rules.document.levels.temperature ?? []).flatMap(({ name, when }) => {
    const test = when?.score;
    const score = typeof test === "object" && test !== null && "gte" in test ? test.gte : null;
    return typeof score === "number" ? [{ name, score }] : [];
  });
}
