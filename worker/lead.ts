/** A lead as everybody sees it: under the rules in force, at an instant. Shared by the verbs that read and write leads. */

import { announcementsOf } from "./core/announce";
import { isParted } from "./core/band";
import { DAY_MS } from "./core/duration";
import { type Asker, shownTo } from "./core/identity";
import { levelNames, levelsNow, nextChange, nextChangeOf } from "./core/levels";
import { outcomeWith } from "./core/outcome";
import { type Crossing, NOTHING_TOLD, replay, Teller } from "./core/play";
import { oldestWith } from "./core/prune";
import type { RuleSet } from "./core/rules";
import { emptyState, type State } from "./core/state";
import { isKnown, sum, View } from "./core/view";
import { type Entry, type Lead, type LeadRow, readLead, readLog } from "./db/leads";
import { type LeadWrite, NO_KEYS } from "./db/plan";
import type { SiteRules } from "./db/sites";
import { Tail } from "./db/tail";
import type { Deps } from "./deps";

/** A lead under the rules in force, and crossings on the way there that are not written yet. */
export interface Current {
  site: SiteRules;
  lead: Lead;
  crossings: Crossing[];
  /** Whether it counts as disqualified already: what new rules brought is announced only where the publisher asked. */
  wasDisqualified: boolean;
}

/** What stands of a lead without a clock: time does nothing to it. */
const UNSCORED = { dueAt: null, refreshAt: null, score: 0, scores: {} };

/** A lead of whom nothing is known yet; `id`: the one it once had, where it had one. */
export function emptyCurrent(deps: Deps, site: SiteRules, id: string | null = null): Current {
  const lead: Lead = {
    id: id ?? `lead_${deps.newId()}`,
    siteId: site.id,
    version: 0,
    rulesVersion: site.rulesVersion,
    state: emptyState(site.rules),
    told: NOTHING_TOLD,
    tail: new Tail(),
    logged: 0,
    ...UNSCORED,
    keys: [],
    oldestAt: null,
    outcomeAt: null,
  };
  return { site, lead, crossings: [], wasDisqualified: false };
}

/** The lead of a row, folded anew where the rules have changed since it was written. */
export async function current(deps: Deps, site: SiteRules, row: LeadRow, now: number): Promise<Current> {
  const lead = readLead(row);
  const wasDisqualified = row.disqualified === 1;
  if (lead.rulesVersion === site.rulesVersion) return { site, lead, crossings: [], wasDisqualified };
  if (lead.rulesVersion > site.rulesVersion) {
    // Somebody else published and we still hold the rules before: never fold a lead back.
    deps.sites.forget();
    const fresh = await deps.sites.find(site.id);
    if (fresh && fresh.rulesVersion > site.rulesVersion) return await current(deps, fresh, row, now);
  }
  return await refolded(deps, site, lead, wasDisqualified, now);
}

async function refolded(
  deps: Deps,
  site: SiteRules,
  lead: Lead,
  wasDisqualified: boolean,
  now: number,
): Promise<Current> {
  const since = Math.min(now, site.rulesSince);
  const before = await deps.sites.rulesOf(site, lead.rulesVersion);
  const pending = before ? pendingCrossings(before, lead, since) : [];
  lead.state = replay(site.rules, await readLog(deps.db, lead));
  lead.rulesVersion = site.rulesVersion;
  // Machines were there and nobody else: there is no history that could go on.
  if (lead.state.clock === null) return { site, lead, crossings: [], wasDisqualified };
  const teller = new Teller(site.rules, lead.state, lead.told, site.rulesVersion);
  const at = Math.max(since, lead.state.clock, lead.told.at ?? since);
  teller.tell(levelsNow(site.rules, lead.state, at), at, "rules");
  lead.told = { ...teller.told, at: Math.max(at, teller.told.at ?? at) };
  settle(site, lead, now);
  return {
    site,
    lead,
    crossings: [...pending, ...teller.crossings],
    wasDisqualified: site.announcesRules
      ? wasDisqualified
      : new View(site.rules, lead.state, at).disqualified() !== null,
  };
}

/** Gives a lead another log: the state that follows from it, and the levels crossed because of that. */
export function retell({ site, lead, crossings }: Current, log: Entry[], now: number, cause: "merge" | "split"): void {
  // What time has brought until now is history of its own, not the merge's or split's doing.
  crossings.push(...pendingCrossings(site.rules, lead, now));
  lead.state = replay(site.rules, log);
  lead.oldestAt = log.reduce<number | null>(oldestWith, null);
  lead.outcomeAt = log.reduce<number | null>(outcomeWith, null);
  const teller = new Teller(site.rules, lead.state, lead.told, site.rulesVersion);
  const at = Math.max(now, lead.state.clock ?? now, lead.told.at ?? now);
  teller.tell(levelsNow(site.rules, lead.state, at), at, cause);
  lead.told = teller.told;
  crossings.push(...teller.crossings);
}

/** Crossings that time has brought since the last one told, up to an instant; they are told by that. */
export function pendingCrossings(rules: RuleSet, lead: Lead, until: number): Crossing[] {
  const teller = new Teller(rules, lead.state, lead.told, lead.rulesVersion);
  teller.tellTime(until);
  lead.told = teller.told;
  return teller.crossings;
}

/** Brings the columns that lists and the sweep go by in line with the state; what has faded since its clock has by `now`. */
export function settle(site: SiteRules, lead: Lead, now: number): void {
  const { rules } = site;
  const { state } = lead;
  if (state.clock === null) {
    // Of what it stood for before a split nothing is its own.
    Object.assign(lead, UNSCORED);
    return;
  }
  const from = Math.max(state.clock, lead.told.at ?? state.clock);
  lead.dueAt = nextChange(rules, state, levelsNow(rules, state, from), from, undefined, { guess: lead.dueAt });
  // History has nothing to tell of a ladder nobody moved on; lists want to know the level all the same.
  const lowest = rules.ladders.map(() => 0);
  lead.told = { ...lead.told, levels: { ...levelNames(rules, lowest), ...lead.told.levels } };
  score(site, lead, Math.max(from, now));
}

/** How long a score that lists go by may go without a look, ms, where it fades. */
const SCORE_MAX_AGE_MS = DAY_MS;
/**
 * Days that the next look, a day from now, is put off by: as many as nobody would see a change in, nearly 32 in all. By the
 * last of them a look that is made as early as it may be (refresh.ts) still comes after the change.
 */
const STEPS_DAYS = [16, 8, 4, 2, 1, 1 / 2, 1 / 4] as const;

/** Sets the score that lists go by, as of an instant, and when it is to be looked at again. */
export function score({ rules }: Pick<SiteRules, "rules">, lead: Lead, at: number): void {
  const view = new View(rules, lead.state, at);
  const scores = view.scores().low;
  // What is already set stays: naming an indexed column anew with every beacon would cost a row each time.
  const { refreshAt } = lead;
  const isAhead = refreshAt !== null && refreshAt > at;
  const isSet = isAhead && (refreshAt <= at + SCORE_MAX_AGE_MS || view.looksSameUntil(refreshAt - SCORE_MAX_AGE_MS));
  const exact = sum(scores);
  // So does a score that has faded since by less than anybody would see, and past no threshold: lists go by that.
  if (!isSet || rounded(exact) !== rounded(lead.score) || isParted(rules, exact, lead.score)) lead.score = exact;
  lead.scores = Object.fromEntries(rules.dimensions.map(({ name }, i) => [name, scores[i] ?? 0]));
  if (!view.fades()) lead.refreshAt = null;
  else if (!isSet) lead.refreshAt = at + SCORE_MAX_AGE_MS;
}

/**
 * Puts the next look at a score that was just looked at off for as long as nobody would see a change. Not done by beacons: a
 * visitor who is there earns points, and the instant would have to be moved again.
 */
export function putOffLook({ rules }: Pick<SiteRules, "rules">, lead: Lead, at: number): void {
  if (lead.refreshAt === null) return;
  const view = new View(rules, lead.state, at);
  let same = at;
  for (const days of STEPS_DAYS) if (view.looksSameUntil(same + days * DAY_MS)) same += days * DAY_MS;
  lead.refreshAt = same + SCORE_MAX_AGE_MS;
}

/** What is to be written of a lead, in which others go up; of its keys and its log nothing new. */
export function leadWrite(
  { site, lead, crossings, wasDisqualified }: Current,
  before: LeadRow | null,
  absorbed: Lead[] = [],
): LeadWrite {
  const { state } = lead;
  const at = Math.max(state.clock ?? 0, lead.told.at ?? 0);
  const known = isKnown(state);
  const reason = new View(site.rules, state, at).disqualified() ?? null;
  const announcements = announcementsOf({
    // Where only machines were, the lead has no clock.
    at: at || Math.floor(lead.tail.last?.receivedAt ?? 0),
    crossings,
    tellsRules: site.announcesRules,
    isNewlyKnown: known && before?.known !== 1,
    absorbed: absorbed.map(({ id }) => id),
    newlyDisqualified: wasDisqualified ? null : reason,
  });
  return {
    before,
    after: lead,
    known,
    disqualified: reason !== null,
    crossings,
    announcements,
    keys: NO_KEYS,
    absorbed,
    log: null,
  };
}

/** What a page is told of its visitor. */
export interface Answer {
  temperature: string;
  score: number;
  validUntil: string | null;
}

/**
 * The answer for a lead whose columns are settled, as somebody is to see it (see core/identity.ts): by its own state in
 * the usual case, else by a fold of the events that are theirs to see. `log`: where the caller has it.
 */
export async function shownAnswer(
  deps: Deps,
  { site, lead }: Pick<Current, "site" | "lead">,
  asker: Asker,
  log: Entry[] | null = null,
): Promise<Answer> {
  const selected = shownTo(asker, lead.state);
  if (!selected) return answer(site, lead.state, deps.clock(), quietUntil(lead));
  const state = replay(site.rules, selected(log ?? (await readLog(deps.db, lead))));
  return answer(site, state, deps.clock());
}

/** Until when the levels that a settled lead had at its clock stay as they are, ms; `undefined`: not known. */
export function quietUntil({ state, told, dueAt }: Lead): number | undefined {
  // Without a clock it has none. Where more was told than has happened, they are those of that later instant.
  if (state.clock === null || (told.at ?? 0) > state.clock) return undefined;
  return dueAt ?? Number.POSITIVE_INFINITY;
}

/** The answer for a state; `null`: for a visitor never seen. `quiet`: until when its levels stay as they are, where that is known. */
export function answer(site: SiteRules, state: State | null, now: number, quiet = Number.NEGATIVE_INFINITY): Answer {
  const { rules } = site;
  const known = state ?? emptyState(rules);
  // Clocks of two isolates may differ: nobody is shown a time before the lead's own.
  const at = Math.max(now, known.clock ?? now);
  const levels = at < quiet ? known.levels : levelsNow(rules, known, at);
  const change = state ? nextChangeOf(rules.temperature, rules, known, levels, at, quiet) : null;
  return {
    temperature: levelNames(rules, levels).temperature ?? "",
    score: rounded(sum(new View(rules, known, at).scores().low)),
    validUntil: change === null ? null : new Date(change).toISOString(),
  };
}

/** Nearest integer; never -0. */
export function rounded(score: number): number {
  return Math.round(score) + 0;
}
