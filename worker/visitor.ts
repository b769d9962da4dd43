/** What a page may know of its own visitor. */
import { visitorKey } from "./core/identity";
import { beforeDeadline } from "./db/deadline";
import { findLeads } from "./db/leads";
import { readingAgain } from "./db/refusal";
import type { SiteRules } from "./db/sites";
import type { Deps } from "./deps";
import { type Answer, answer, current, shownAnswer } from "./lead";

/** The answer for a visitor, read afresh; nothing is written. A page waits for it no longer than for a beacon's. */
export async function answerFor(deps: Deps, site: SiteRules, visitor: string): Promise<Answer> {
  return await beforeDeadline(deps.backlog.deadlineMs, () => readingAgain(() => readAnswer(deps, site, visitor)));
}

async function readAnswer(deps: Deps, site: SiteRules, visitor: string): Promise<Answer> {
  const key = visitorKey(visitor);
  const row = (await findLeads(deps.db, site.id, [key])).get(key);
  if (!row) return answer(site, null, deps.clock());
  return await shownAnswer(deps, await current(deps, site, row, deps.clock()), { visitor });
}
