/** Every lead of a site as the API shows it, against the naive model over its log. */
import { expect } from "vitest";
import { type Entry, type LeadRow, readLead, readLog } from "../../worker/db/leads";
import type { Site } from "../support/api";
import { naive, type RulesDocument } from "../support/naive";
import { DB } from "./app";

/** The log of each lead, by the lead's id. */
export async function logsOf(site: Site): Promise<Map<string, Entry[]>> {
  const { results } = await DB.prepare("SELECT * FROM leads WHERE site_id = ?").bind(site.id).all<LeadRow>();
  return new Map(
    await Promise.all(results.map(async (row) => [row.id, await readLog(DB, readLead(row))] as [string, Entry[]])),
  );
}

/** Compares every lead at an instant; returns their logs. */
export async function expectEverybodyNaive(
  site: Site,
  rules: RulesDocument,
  at: number,
): Promise<Map<string, Entry[]>> {
  const logs = await logsOf(site);
  const one = async ([id, log]: [string, Entry[]]) => {
    const lead = await site.lead(id, `?at=${new Date(at).toISOString()}`);
    const { score, scores, levels, disqualified, visits, pageviews } = naive(rules, log, at);
    expect(lead.exact.score, `score of ${id}`).toBeCloseTo(score, 6);
    for (const [name, points] of Object.entries(scores)) expect(lead.exact.scores[name]).toBeCloseTo(points, 6);
    expect(lead, id).toMatchObject({ levels, disqualified, visits, pageviews });
  };
  await Promise.all([...logs].map(one));
  return logs;
}
