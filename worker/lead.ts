/** A lead as everybody sees it: under the rules in force, at an instant. Shared by the verbs that read and write leads. */
import { levelNames, levelsNow, nextChange } from "./core/levels";
import type { Crossing } from "./core/play";
import { replay, Teller } from "./core/play";
import { emptyState, type State } from "./core/state";
import { sum, View } from "./core/view";
import { type Lead, type LeadRow, readLead, readLog } from "./db/leads";
import type { SiteRules } from "./db/sites";

/** The lead of a row, its state under the site's rules; crossings that the change of rules caused. */
export async function current(
  db: D1Database,
  site: SiteRules,
  row: LeadRow,
  now: number,
): Promise<{ lead: Lead; crossings: Crossing[] }> {
  const lead = readLead(row);
  if (lead.rulesVersion === site.rulesVersion) return { lead, crossings: [] };
  lead.state = replay(site.rules, await readLog(db, lead));
  lead.rulesVersion = site.rulesVersion;
  const teller = new Teller(site.rules, lead.state, lead.told, site.rulesVersion);
  teller.tell(levelsNow(site.rules, lead.state, now), now, "rules");
  lead.told = teller.told;
  settle(site, lead);
  return { lead, crossings: teller.crossings };
}

/** Brings the columns that lists and the sweep go by in line with the state. */
export function settle(site: SiteRules, lead: Lead): void {
  const { rules } = site;
  const { state } = lead;
  if (state.clock === null) return;
  lead.dueAt = nextChange(rules, state, state.levels, state.clock);
  lead.score = sum(new View(rules, state, state.clock).scores().low);
}

/** What a page is told of its visitor. */
export interface Answer {
  temperature: string;
  score: number;
  validUntil: string | null;
}

/** The answer for a lead; `null`: for a visitor never seen. */
export function answer(site: SiteRules, state: State | null, now: number): Answer {
  const { rules } = site;
  const known = state ?? emptyState(rules);
  // Clocks of two isolates may differ: nobody is shown a time before the lead's own.
  const at = Math.max(now, known.clock ?? now);
  const levels = levelsNow(rules, known, at);
  const change = state ? nextChange(rules, known, levels, at, undefined, rules.temperature) : null;
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
