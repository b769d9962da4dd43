/** Brings one lead up to the present and writes it: under the rules in force, all that time has changed told. */
import { LEAD_KEY } from "./core/identity";
import { findLeads, type LeadRow } from "./db/leads";
import { refusalOf } from "./db/refusal";
import { writeLeads } from "./db/write";
import type { Deps } from "./deps";
import { current, leadWrite, pendingCrossings, settle } from "./lead";

/** Most tries, where others write the lead at the same time. */
const TRIES_MAX = 5;

/** Returns how many crossings were recorded; throws what a later run may mend. */
export async function catchUp(deps: Deps, row: LeadRow): Promise<number> {
  const held = await deps.sites.find(row.site_id);
  let latest: LeadRow | undefined = row;
  for (let tries = 0; held && latest && tries < TRIES_MAX; tries++) {
    try {
      const now = deps.clock();
      const { site, lead, crossings } = await current(deps, held, latest, now);
      crossings.push(...pendingCrossings(site.rules, lead, now));
      settle(site, lead);
      // Whoever wrote it in between has told of what was due.
      if (tries > 0 && crossings.length === 0 && latest.rules_version === site.rulesVersion) return 0;
      await writeLeads(deps.db, site.id, [], [leadWrite(site, latest, lead, crossings)]);
      return crossings.length;
    } catch (error) {
      if (refusalOf(error) !== "conflict") throw error;
    } finally {
      deps.leads.drop(row.id);
    }
    const key = `${LEAD_KEY}${row.id}`;
    latest = (await findLeads(deps.db, row.site_id, [key])).get(key);
  }
  return 0;
}
