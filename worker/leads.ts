/** Leads for marketers: one, many, why it scores what it does, and what it did. */
import { explain } from "./core/explain";
import { levelNames, levelsNow, nextChange } from "./core/levels";
import { isFreeMail } from "./core/mail";
import { play } from "./core/play";
import { emptyState, type State } from "./core/state";
import { emailOf, isKnown, sum, View } from "./core/view";
import { findLead, findLeads, type Lead, type LeadRow, readLog } from "./db/leads";
import { type LeadQuery, listLeads, type Position, positionOf, type Sort } from "./db/list";
import type { SiteRules } from "./db/sites";
import type { Deps } from "./deps";
import { Failure } from "./failure";
import { current, rounded } from "./lead";

const KEY_KINDS = ["email", "user", "visitor"];

/** The lead that an id names: its own, or `email:…`, `user:…`, `visitor:…`. */
export async function openLead(deps: Deps, site: SiteRules, id: string): Promise<Lead> {
  const row = await rowOf(deps, site, id);
  if (row) return (await current(deps.db, site, row, deps.clock())).lead;
  throw new Failure("not_found", `There is no lead "${id}"; an id is lead_…, email:…, user:… or visitor:….`);
}

async function rowOf(deps: Deps, site: SiteRules, id: string): Promise<LeadRow | null> {
  const kind = id.slice(0, id.indexOf(":"));
  if (!KEY_KINDS.includes(kind)) return await findLead(deps.db, site.id, id);
  const key = kind === "email" ? id.toLowerCase() : id;
  return (await findLeads(deps.db, site.id, [key])).get(key) ?? null;
}

const iso = (ms: number) => new Date(ms).toISOString();

/** A lead as the API shows it, at an instant not before its clock. */
export function showLead(site: SiteRules, lead: Lead, at: number) {
  const { rules } = site;
  const { state } = lead;
  const view = new View(rules, state, at);
  const levels = levelsNow(rules, state, at);
  const names = levelNames(rules, levels);
  const scores = byDimension(site, view.scores().low);
  const score = sum(view.scores().low);
  const change = nextChange(rules, state, levels, at, undefined, rules.temperature);
  const email = emailOf(state) ?? null;
  const domain = email?.split("@")[1]?.toLowerCase();
  return {
    id: lead.id,
    known: isKnown(state),
    verified: state.verified,
    email,
    userIds: state.userIds,
    visitors: state.visitors.map(({ id, lastSeen }) => ({ id, verified: false, lastSeen: iso(lastSeen) })),
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
    firstSeen: state.firstSeen === null ? null : iso(state.firstSeen),
    lastSeen: state.clock === null ? null : iso(state.clock),
    visits: state.visits,
    pageviews: state.pageviews,
    source: state.source,
    account: domain && !isFreeMail(domain) ? domain : null,
    rulesVersion: lead.rulesVersion,
  };
}

export type ShownLead = ReturnType<typeof showLead>;

function byDimension(site: SiteRules, values: number[]): Record<string, number> {
  return Object.fromEntries(site.rules.dimensions.map(({ name }, i) => [name, values[i] ?? 0]));
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

export interface Page<T> {
  data: T[];
  nextCursor: string | null;
}

/**
 * What a lead did, latest first, with the awards that each event gets under the rules in force: told by playing the
 * log, so it cannot disagree with the score.
 */
export async function leadEvents(deps: Deps, site: SiteRules, lead: Lead, limit: number, before: number | null) {
  const events = await readLog(deps.db, lead);
  const { awards } = play(site.rules, emptyState(site.rules), events);
  const end = Math.min(before ?? events.length, events.length);
  const start = Math.max(0, end - limit);
  const data = events.slice(start, end).map(({ receivedAt, timestamp, visitor, ...event }, i) => ({
    ...event,
    anonymousId: visitor === "" ? null : visitor,
    timestamp: iso(timestamp),
    receivedAt: iso(receivedAt),
    awards: (awards[start + i] ?? []).map(({ rule, points }) => ({
      id: rule.id,
      dimension: site.rules.dimensions[rule.dimension]?.name ?? "",
      points,
    })),
  }));
  return { data: data.reverse(), nextCursor: start > 0 ? String(start) : null };
}

export type LeadFilter = Omit<LeadQuery, "siteId" | "rulesVersion" | "now" | "after" | "limit">;

/** Most rounds of reading for one page, where leads with changes due turn out not to belong on it. */
const ROUNDS_MAX = 5;

/** A page of leads. A page may be short of `limit` and still have a next one. */
export async function pageOfLeads(
  deps: Deps,
  site: SiteRules,
  filter: LeadFilter,
  limit: number,
  after: Position | null,
): Promise<{ data: ShownLead[]; next: Position | null }> {
  const now = deps.clock();
  const data: ShownLead[] = [];
  let position = after;
  for (let round = 0; round < ROUNDS_MAX && data.length < limit; round++) {
    const query = { ...filter, siteId: site.id, rulesVersion: site.rulesVersion, now, after: position };
    const wanted = limit - data.length;
    const rows = await listLeads(deps.db, { ...query, limit: wanted });
    for (const row of rows) {
      const { lead } = await current(deps.db, site, row, now);
      const shown = showLead(site, lead, Math.max(now, lead.state.clock ?? now));
      if (Object.entries(filter.levels).every(([ladder, level]) => shown.levels[ladder] === level)) data.push(shown);
    }
    const last = rows.at(-1);
    if (!last || rows.length < wanted) return { data, next: null };
    position = positionOf(last, filter.sort);
  }
  return { data, next: position };
}

export type { Position, Sort };
