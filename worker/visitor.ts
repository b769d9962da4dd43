/** What a page may know of its own visitor. */
import { visitorKey } from "./core/identity";
import { findLeads } from "./db/leads";
import { readingAgain } from "./db/refusal";
import type { SiteRules } from "./db/sites";
import type { Deps } from "./deps";
import { type Answer, answer, current, shownState } from "./lead";

export type { Answer };

/** The answer for a visitor, read afresh; nothing is written. */
export async function answerFor(deps: Deps, site: SiteRules, visitor: string): Promise<Answer> {
  return await readingAgain(() => readAnswer(deps, site, visitor));
}

async function readAnswer(deps: Deps, site: SiteRules, visitor: string): Promise<Answer> {
  const now = deps.clock();
  const key = visitorKey(visitor);
  const row = (await findLeads(deps.db, site.id, [key])).get(key);
  if (!row) return answer(site, null, now);
  const found = await current(deps, site, row, now);
  return answer(found.site, await shownState(deps, found, { visitor }), now);
}
