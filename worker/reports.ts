/**
 * Reports: whether the score means anything. What a sum in SQL cannot tell is told from a sample of leads read whole,
 * in the order of their ids, which are random: the same leads from one call to the next, and no kind of them more often
 * than another. Nothing is written.
 */
import { daysBetween, endOf, type Leaving, levelThen } from "./core/days";
import {
  calibration,
  conversion,
  discrimination,
  firedBy,
  levelEvidence,
  type Observation,
  observed,
  ruleEvidence,
} from "./core/evidence";
import { endingOf } from "./core/outcome";
import { Personalisation } from "./core/personalisation";
import { replay } from "./core/play";
import type { Ladder } from "./core/rules";
import type { State } from "./core/state";
import { View } from "./core/view";
import { type Lead, type LeadRow, leadsAfter, readLead, readLogs } from "./db/leads";
import { readingAgain } from "./db/refusal";
import { countLeads, endedLeadsAfter, movesAfter, openLeadsAfter, scoreBins, scoreRange } from "./db/reports";
import type { SiteRules } from "./db/sites";
import type { Deps } from "./deps";
import { pendingCrossings, rounded } from "./lead";

/** Most leads read whole for one report: a few seconds' work, and shares of them are good to one percent. */
export const LEADS_MAX = 10_000;
/** Leads read at once, up to 100 kB each and their logs: memory is for a few of those, and an invocation may ask so often. */
const CHUNK = 100;
/** How much of the sample is kept for leads without an outcome, where there are so many. */
const OPEN_SHARE = 0.25;
/** Most bins of the histogram: what a picture can show. */
const BINS_MAX = 40;
/** Widths that people read with ease, times powers of ten. */
const WIDTHS = [1, 2, 5];
/** Scores further out count in the outermost bins. */
const SCORE_MAX = 1e9;
/** Most lines about calls to action, most shown first: names are whatever pages say. */
export const SHOWN_LINES_MAX = 500;
/** Fewer conversions than so many tell little: the usual rule of thumb is ten for each thing asked. */
const CONVERSIONS_FEW = 10;

type ReadLeads = (db: D1Database, siteId: string, after: string, limit: number) => Promise<LeadRow[]>;

/** Works through the first leads of a kind, some at a time; again where they were written meanwhile. */
async function eachLead<T>(
  deps: Deps,
  site: SiteRules,
  read: ReadLeads,
  most: number,
  work: (leads: Lead[]) => Promise<T[]>,
): Promise<T[]> {
  const all: T[] = [];
  let after = "";
  for (let seen = 0; seen < most; ) {
    const limit = Math.min(CHUNK, most - seen);
    const { ids, done } = await readingAgain(async () => {
      const leads = (await read(deps.db, site.id, after, limit)).map(readLead);
      return { ids: leads.map(({ id }) => id), done: await work(leads) };
    });
    all.push(...done);
    seen += ids.length;
    const last = ids.at(-1);
    if (last === undefined || ids.length < limit) break;
    after = last;
  }
  return all;
}

/** Leads by score: all of the site, by the score that lists go by. */
export async function distributionReport(deps: Deps, site: SiteRules) {
  const found = await scoreRange(deps.db, site.id);
  const cut = (score: number) => rounded(Math.max(-SCORE_MAX, Math.min(SCORE_MAX, score)));
  const [lowest, highest] = [cut(found?.low ?? 0), cut(found?.high ?? 0)];
  const width = binWidth(lowest, highest);
  const low = Math.floor(lowest / width) * width;
  const bins = found ? Math.floor((highest - low) / width) + 1 : 0;
  const counted = found ? await scoreBins(deps.db, site.id, { low, width, bins }) : [];
  const data = Array.from({ length: bins }, (_, bin) => {
    const { leads, disqualified } = counted.find((one) => one.bin === bin) ?? { leads: 0, disqualified: 0 };
    return { from: low + bin * width, to: low + (bin + 1) * width, leads, disqualified };
  });
  return {
    refreshedWithin: "24h",
    leads: data.reduce((sum, { leads }) => sum + leads, 0),
    disqualified: data.reduce((sum, { disqualified }) => sum + disqualified, 0),
    width,
    data,
    note: found ? null : "There are no leads yet: put the tag on a page, or send events.",
  };
}

/** The least width of 1, 2, 5, 10, 20, … with which there are not too many bins. */
function binWidth(low: number, high: number): number {
  for (let power = 1; ; power *= 10) {
    for (const width of WIDTHS) {
      if (Math.floor(high / (width * power)) - Math.floor(low / (width * power)) < BINS_MAX) return width * power;
    }
  }
}

/** Levels by day: where leads stood at the end of each UTC day, and where they stand now. */
export async function temperaturesReport(
  deps: Deps,
  site: SiteRules,
  ladders: readonly Ladder[],
  { from, to }: { from: number; to: number },
  most = LEADS_MAX,
) {
  const now = deps.clock();
  const { leads: total } = await countLeads(deps.db, site.id);
  const days = daysBetween(from, to);
  const counts = ladders.map((ladder) => ({ ladder, now: tally(ladder), days: days.map(() => tally(ladder)) }));
  const read = await eachLead(deps, site, leadsAfter, most, async (leads) => {
    const standings = await standingsOf(deps, site, leads, days[0] ?? now);
    for (const { firstSeen, leavings, told } of standings) {
      for (const count of counts) {
        const { ladder } = count;
        const current = told[ladder.name] ?? ladder.levels[0]?.name ?? "";
        const mine = leavings.filter((one) => one.ladder === ladder.name);
        add(count.now, current);
        for (const [i, day] of days.entries()) {
          const end = endOf(day, now);
          const then = count.days[i];
          if (firstSeen <= end && then) add(then, levelThen(mine, current, end));
        }
      }
    }
    return leads.map(({ id }) => id);
  });
  return {
    from: dayText(days[0] ?? from),
    to: dayText(days.at(-1) ?? to),
    leads: total,
    read: read.length,
    sampled: read.length < total,
    data: counts.map((count) => ({
      ladder: count.ladder.name,
      levels: [...new Set([count.now, ...count.days].flatMap((one) => [...one.keys()]))],
      now: Object.fromEntries(count.now),
      days: count.days.map((one, i) => ({
        day: dayText(days[i] ?? 0),
        leads: [...one.values()].reduce((sum, leads) => sum + leads, 0),
        levels: Object.fromEntries(one),
      })),
    })),
    note: total > 0 ? null : "There are no leads yet: put the tag on a page, or send events.",
  };
}

const dayText = (ms: number) => new Date(ms).toISOString().slice(0, "2026-01-05".length);

function tally(ladder: Ladder): Map<string, number> {
  return new Map(ladder.levels.map(({ name }) => [name, 0]));
}

function add(tally: Map<string, number>, level: string): void {
  tally.set(level, (tally.get(level) ?? 0) + 1);
}

/** Since when each lead is there, the levels that it left after an instant, and those it is on. */
async function standingsOf(deps: Deps, site: SiteRules, leads: readonly Lead[], after: number) {
  const now = deps.clock();
  const ids = leads.map(({ id }) => id);
  const moves = await movesAfter(deps.db, ids, after);
  return leads.map((lead) => {
    const stored: (Leaving & { ladder: string })[] = moves.filter(({ leadId }) => leadId === lead.id);
    // What time has brought and no sweep has told yet; under older rules that waits for their refolding.
    const isDue = lead.dueAt !== null && lead.dueAt <= now && lead.rulesVersion === site.rulesVersion;
    const pending = isDue ? pendingCrossings(site.rules, lead, now) : [];
    return { firstSeen: lead.state.firstSeen ?? now, leavings: [...stored, ...pending], told: lead.told.levels };
  });
}

/** Per rule what it was worth, and whether the score foretells who converts. */
export async function rulesReport(deps: Deps, site: SiteRules, most = LEADS_MAX) {
  const { rules } = site;
  const { leads: total, withOutcome } = await countLeads(deps.db, site.id);
  const active = new Set<number>();
  const observe = async (leads: Lead[]) => await observations(deps, site, leads, active);
  const kept = Math.min(total - withOutcome, Math.ceil(most * OPEN_SHARE));
  const ended = await eachLead(deps, site, endedLeadsAfter, most - kept, observe);
  const open = await eachLead(deps, site, openLeadsAfter, most - ended.length, observe);
  const all = [
    ...weighted(ended, withOutcome),
    // Those that were not read are taken to be as those that were.
    ...weighted(open, total - withOutcome),
  ];
  const outcomes = { won: 0, lost: 0, converted: 0, none: 0 };
  for (const { outcome, weight, fired } of all) {
    outcomes[outcome ?? "none"] += weight;
    for (const index of fired) active.add(index);
  }
  const { won, lost, converted, none } = outcomes;
  const auc = discrimination(all);
  return {
    rulesVersion: site.rulesVersion,
    leads: total,
    read: all.length,
    sampled: all.length < total,
    outcomes: {
      won: Math.round(won),
      lost: Math.round(lost),
      converted: Math.round(converted),
      none: Math.round(none),
    },
    conversion: conversion({ hits: won + converted, of: won + lost + converted + none }),
    auc,
    calibration: calibration(all),
    levels: levelEvidence(rules, all),
    neverFired: rules.rules.filter(({ index }) => !active.has(index)).map(({ id }) => id),
    data: ruleEvidence(rules, all),
    note: rulesNote(auc),
  };
}

function weighted(read: readonly Observation[], of: number): Observation[] {
  // Between the count and the reading a lead may have come: none stands for less than itself.
  const weight = Math.max(1, of / Math.max(1, read.length));
  return read.map((one) => ({ ...one, weight }));
}

function rulesNote({ converted, others }: { converted: number; others: number }): string | null {
  if (converted === 0) {
    return "Nobody has converted yet, so nothing can be said of the rules: record outcomes with POST /v1/outcomes.";
  }
  if (others === 0) return "Everybody has converted, so there is nothing to compare with: record who was lost, too.";
  if (converted >= CONVERSIONS_FEW && others >= CONVERSIONS_FEW) return null;
  return `Fewer than ${CONVERSIONS_FEW} leads have converted, or have not: take the intervals seriously and the suggested points not.`;
}

/**
 * Leads at their own clocks: those with an outcome at the latest event before it, the others at their latest. Were the
 * others looked at now, they alone would have cooled, and the score would seem to foretell what it cannot. `active` is
 * told which rules have ever fired for them, or hold now.
 */
async function observations(deps: Deps, site: SiteRules, leads: Lead[], active: Set<number>): Promise<Observation[]> {
  const { rules } = site;
  const now = deps.clock();
  const isRead = (lead: Lead) => lead.outcomeAt !== null || lead.rulesVersion !== site.rulesVersion;
  const toRead = leads.filter(isRead);
  const logs = await readLogs(deps.db, toRead);
  return leads.map((lead) => {
    const log = logs[toRead.indexOf(lead)];
    const whole: State = lead.rulesVersion === site.rulesVersion ? lead.state : replay(rules, log ?? []);
    for (const index of firedBy(new View(rules, whole, Math.max(now, whole.clock ?? now)))) active.add(index);
    const ending = log ? endingOf(log) : null;
    const then = ending ? replay(rules, ending.before) : whole;
    const at = then.clock ?? ending?.at ?? now;
    return { outcome: ending?.outcome ?? null, weight: 1, ...observed(rules, then, at) };
  });
}

/** Who was shown which call to action, clicked it and converted, and what that was worth beside those held out. */
export async function personalisationReport(deps: Deps, site: SiteRules, most = LEADS_MAX) {
  const { leads: total } = await countLeads(deps.db, site.id);
  const seen = new Personalisation();
  const read = await eachLead(deps, site, leadsAfter, most, async (leads) => {
    const logs = await readLogs(deps.db, leads);
    for (const log of logs) seen.add(log);
    return leads.map(({ id }) => id);
  });
  const lines = seen.lines();
  return {
    leads: total,
    read: read.length,
    sampled: read.length < total,
    uplift: seen.uplift(),
    uplifts: seen.uplifts().slice(0, SHOWN_LINES_MAX),
    data: lines.slice(0, SHOWN_LINES_MAX),
    note:
      lines.length > 0
        ? null
        : 'Nobody has seen a call to action yet: mark them with data-kelvin-cta="name", and put the tag on the page.',
  };
}
