/** What a page may know of its own visitor. */
import { findLeads } from "./db/leads";
import type { SiteRules } from "./db/sites";
import type { Deps } from "./deps";
import { type Answer, answer, current } from "./lead";

export type { Answer };

/** The answer for the visitor of a key, read afresh; nothing is written. */
export async function answerFor(deps: Deps, site: SiteRules, key: string): Promise<Answer> {
  const now = deps.clock();
  const row = (await findLeads(deps.db, site.id, [key])).get(key);
  if (!row) return answer(site, null, now);
  const found = await current(deps, site, row, now);
  return answer(found.site, found.lead.state, now);
}
