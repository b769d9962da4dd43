/** Brings one lead up to the present and writes it: under the rules in force, all that time has changed told. */
import type { LeadRow } from "./db/leads";
import { refusalOf } from "./db/refusal";
import { writeLeads } from "./db/write";
import type { Deps } from "./deps";
import { current, leadWrite, pendingCrossings, settle } from "./lead";

/** Returns how many crossings were recorded: none where somebody else wrote the lead meanwhile, for they told of them. */
export async function catchUp(deps: Deps, row: LeadRow): Promise<number> {
  const held = await deps.sites.find(row.site_id);
  if (!held) return 0;
  const now = deps.clock();
  const { site, lead, crossings } = await current(deps, held, row, now);
  crossings.push(...pendingCrossings(site.rules, lead, now));
  settle(site, lead);
  try {
    await writeLeads(deps.db, site.id, [], [leadWrite(site, row, lead, crossings)]);
    return crossings.length;
  } catch (error) {
    if (refusalOf(error) === null) throw error;
    return 0;
  } finally {
    deps.leads.drop(row.id);
  }
}
