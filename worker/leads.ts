/** Leads for marketers: one, many, why it scores what it does, and what it did. */
import { bandOf } from "./core/band";
import { judge } from "./core/condition";
import { explain } from "./core/explain";
import { foldEvent } from "./core/fold";
import { LEAD_KEY } from "./core/identity";
import { levelNames, levelsNow, nextChangeOf } from "./core/levels";
import { endingOf } from "./core/outcome";
import { lastSeenOf } from "./core/person";
import { play } from "./core/play";
import { emptyState, type State } from "./core/state";
import { accountOf, emailOf, isKnown, sum, View } from "./core/view";
import { findLeads, type Lead, type LeadRow, readCrossings, readLog } from "./db/leads";
import { type LeadFilter, listLeads, type Position, type Sort } from "./db/list";
import type { SiteRules } from "./db/sites";
import type { Deps } from "./deps";
import { Failure } from "./failure";
import { type Current, current, pendingCrossings, rounded } from "./lead";

const KEY_KINDS = ["email", "user", "visitor"];

/** The lead that an id names: its own, or `email:…`, `user:…`, `visitor:…`. */
export async function openLead(deps: Deps, site: SiteRules, id: string): Promise<Current> {
  const row = await rowOf(deps, site, id);
  if (row) return await current(deps, site, row, deps.clock());
  throw noSuchLead(id);
}

export function noSuchLead(id: string): Failure {
  return new Failure("not_found", `There is no lead "${id}"; an id is lead_…, email:…, user:… or visitor:….`);
}

/** The key that an id stands for. */
export function leadKeyOf(id: string): string {
  const kind = id.slice(0, id.indexOf(":"));
  return !KEY_KINDS.includes(kind) ? `${LEAD_KEY}${id}` : kind === "email" ? id.toLowerCase() : id;
}

/** The row of the lead that an id names. */
export async function rowOf(deps: Deps, site: SiteRules, id: string): Promise<LeadRow | null> {
  const key = leadKeyOf(id);
  return (await findLeads(deps.db, site.id, [key])).get(key) ?? null;
}

const iso = (ms: number) => new Date(ms).toISOString();
const isoOrNull = (ms: number | null) => (ms === null ? null : iso(ms));

/** A lead as the API shows it, at an instant not before its clock. */
export function showLead(site: SiteRules, lead: Lead, at: number) {
  const { rules } = site;
  const { state } = lead;
  const view = new View(rules, state, at);
  const levels = levelsNow(rules, state, at);
  const names = levelNames(rules, levels);
  const scores = byDimension(site, view.scores().low);
  const score = sum(view.scores().low);
  const change = nextChangeOf(rules.temperature, rules, state, levels, at);
  const email = emailOf(state) ?? null;
  return {
    id: lead.id,
    known: isKnown(state),
    verified: state.verified,
    email,
    userIds: state.userIds,
    visitors: state.visitors.map(({ id, trust, lastSeen }) => ({
      id,
      verified: trust === "verified",
      lastSeen: iso(lastSeen),
    })),
    traits: state.traits,
    status: state.status,
    feedback: state.feedback,
    disqualified: view.disqualified() ?? null,
    score: rounded(score),
    scores: Object.fromEntries(Object.entries(scores).map(([name, value]) => [name, rounded(value)])),
    exact: { score, scores },
    temperature: names.temperature ?? "",
    levels: names,
    validUntil: change === null ? null : iso(change),
    firstSeen: isoOrNull(state.firstSeen),
    lastSeen: isoOrNull(lastSeenOf(state)),
    visits: state.visits,
    pageviews: state.pageviews,
    source: state.source,
    account: accountOf(state),
    rulesVersion: lead.rulesVersion,
  };
}

export type ShownLead = ReturnType<typeof showLead>;

function byDimension(site: SiteRules, values: number[]): Record<string, number> {
  return Object.fromEntries(site.rules.dimensions.map(({ name }, i) => [name, values[i] ?? 0]));
}

/** What disqualifies a lead at an instant: what an event brought, to be lifted, and the ids of `while` rules that hold. */
export function showDisqualified({ rules }: SiteRules, state: State, at: number) {
  const view = new View(rules, state, at);
  const effect = rules.rules[state.disqualified ?? -1]?.effect;
  return {
    byEvent: effect?.kind === "disqualify" ? effect.reason : null,
    while: rules.while
      .filter((rule) => rule.effect.kind === "disqualify" && judge(rule.while, view.read) === true)
      .map(({ id }) => id),
  };
}

/** Every rule of the set and what it gives the lead, at an instant. */
export function showExplanation(site: SiteRules, state: State, at: number) {
  const { exact, lines, clamps } = explain(site.rules, state, at);
  return {
    at: iso(at),
    score: rounded(exact),
    exact,
    data: lines.map((line) => ({ ...line, lastAt: line.lastAt === null ? null : iso(line.lastAt) })),
    clamps,
  };
}

/**
 * What a lead did, latest first, with the awards that each event gets under the rules in force: told by playing the
 * log, so it cannot disagree with the score. And how it ended, as the whole log has it.
 */
export async function leadEvents(deps: Deps, site: SiteRules, lead: Lead, limit: number, before: number | null) {
  const events = await readLog(deps.db, lead);
  const { awards } = play(site.rules, emptyState(site.rules), events);
  // Of pruned ones there is nothing to tell; they keep their places, so that a page goes on where the one before ended.
  const told = events
    .map((event, index) => ({ event, index, earned: awards[index] ?? [] }))
    .filter(({ event, index }) => !event.pruned && index < (before ?? events.length));
  const page = told.slice(-limit);
  const data = page.map(
    ({ event: { receivedAt, timestamp, visitor, place: _, absorbedVersion: __, ...event }, earned }) => ({
      ...event,
      anonymousId: visitor === "" ? null : visitor,
      timestamp: iso(timestamp),
      receivedAt: iso(receivedAt),
      awards: earned.map(({ rule, points, cut }) => ({
        id: rule.id,
        dimension: site.rules.dimensions[rule.dimension]?.name ?? "",
        points,
        ...(cut === 0 ? {} : { cut }),
      })),
    }),
  );
  const next = page.length < told.length ? (page[0]?.index ?? null) : null;
  return { data: data.reverse(), next, ending: endingOf(events) };
}

/** Most events whose effect is shown in the score over time. */
const CURVE_MAX = 200;

/** Every crossing, latest first, those included that time has just brought; and the score before and after its events. */
export async function leadHistory(
  deps: Deps,
  { site, lead, crossings }: Current,
  limit: number,
  before: { at: number; n: number } | null,
) {
  const now = deps.clock();
  const fresh = before ? [] : [...crossings, ...pendingCrossings(site.rules, lead, now)].reverse();
  const stored = await readCrossings(deps.db, lead.id, limit, before);
  const last = stored.length === limit ? stored.at(-1) : undefined;
  return {
    data: [...fresh, ...stored.map(({ crossing }) => crossing)].map((item) => ({ ...item, at: iso(item.at) })),
    next: last ? { at: last.at, n: last.n } : null,
    points: before ? [] : await scoreCurve(deps, site, lead, now),
  };
}

async function scoreCurve(deps: Deps, site: SiteRules, lead: Lead, now: number) {
  const events = await readLog(deps.db, lead);
  const every = Math.ceil(events.length / CURVE_MAX);
  const state = emptyState(site.rules);
  const curve: { at: string; score: number }[] = [];
  const note = (at: number) => curve.push({ at: iso(at), score: sum(new View(site.rules, state, at).scores().low) });
  for (const [i, event] of events.entries()) {
    const isShown = i % every === 0 || i === events.length - 1;
    // Just before an event, too: what it had cooled to.
    if (isShown && state.clock !== null && event.timestamp > state.clock) note(event.timestamp);
    foldEvent(site.rules, state, event);
    if (isShown && state.clock !== null) note(state.clock);
  }
  if (state.clock !== null && state.clock < now) note(now);
  return curve;
}

/** Most rounds of reading for one page, where leads with changes due turn out not to belong on it. */
const ROUNDS_MAX = 5;

/** A page of leads. A page may be short of `limit` and still have a next one. */
export async function pageOfLeads(
  deps: Deps,
  site: SiteRules,
  filter: LeadFilter,
  { sort, limit, after }: { sort: Sort; limit: number; after: Position | null },
): Promise<{ data: ShownLead[]; next: Position | null }> {
  const now = deps.clock();
  const band = bandOf(site.rules, filter.levels, filter.disqualified);
  const data: ShownLead[] = [];
  let position = after;
  for (let round = 0; round < ROUNDS_MAX && data.length < limit; round++) {
    const query = { ...filter, sort, siteId: site.id, rulesVersion: site.rulesVersion, now, after: position, band };
    const wanted = limit - data.length;
    const rows = await listLeads(deps.db, { ...query, limit: wanted });
    for (const row of rows) {
      const found = await current(deps, site, row, now);
      const { lead } = found;
      const shown = showLead(found.site, lead, Math.max(now, lead.state.clock ?? now));
      if (belongs(shown, filter)) data.push(shown);
    }
    const last = rows.at(-1);
    if (!last || rows.length < wanted) return { data, next: null };
    position = last.position;
  }
  return { data, next: position };
}

/** Whether a lead is what was asked for, by its levels as they are and not as they were written. */
function belongs(shown: ShownLead, { levels, disqualified, account }: LeadFilter): boolean {
  // Whose row is old may be told to be of a free mail provider's (migrations/0013_account.sql, 0014_search.sql).
  if (account !== undefined && shown.account !== account) return false;
  if (shown.disqualified !== null && !disqualified) return false;
  return Object.entries(levels).every(([ladder, level]) => shown.levels[ladder] === level);
}
