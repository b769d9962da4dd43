/**
 * Forgetting: leads of whom nobody knows who they are and who were not there for as long as the site keeps such, deleted
 * with all that there is of them. Who comes back is new. worker/prune.ts finds them.
 */
import type { Failures } from "./catchup";
import { LEAD_KEY } from "./core/identity";
import { lastSeenOf } from "./core/person";
import { STATUS_DEFAULT } from "./core/state";
import { messageDigests } from "./db/digest";
import { deleteForgotten, type Forgotten } from "./db/erase";
import { findLeads, type Lead, type LeadRow, readLead, readLog } from "./db/leads";
import { refusalOf, StaleRead } from "./db/refusal";
import type { Deps } from "./deps";

/** Deletes those of some leads of a site that are still found to be gone, and that nobody writes in between. `since`: ms. */
export async function forget(
  deps: Deps,
  siteId: string,
  found: readonly { id: string }[],
  since: number,
  failures: Failures,
): Promise<void> {
  const keys = found.map(({ id }) => `${LEAD_KEY}${id}`);
  try {
    const gone: Forgotten[] = [];
    for (const row of (await findLeads(deps.db, siteId, keys)).values()) {
      const one = await failures.outlive(() => goneOrNull(deps, row, since));
      if (one) gone.push(one);
    }
    if (gone.length > 0) await deleteForgotten(deps.db, siteId, gone);
  } catch (error) {
    // It is done where the site goes.
    if (refusalOf(error) !== "fenced") throw error;
  } finally {
    for (const { id } of found) deps.leads.drop(id);
  }
}

/** What is to be deleted of a lead; `null` where it stays. */
async function goneOrNull(deps: Deps, row: LeadRow, since: number): Promise<Forgotten | null> {
  const lead = readLead(row);
  if (row.known === 1 || !isGone(lead, since)) return null;
  try {
    const whole = (await readLog(deps.db, lead)).filter(({ pruned }) => !pruned);
    const messages = await messageDigests(whole.map(({ messageId }) => messageId));
    return { id: row.id, version: row.version, messages };
  } catch (error) {
    // Written while it was read: it was there again.
    if (error instanceof StaleRead) return null;
    throw error;
  }
}

/** Whether a lead was not there since an instant, nothing came of it, and neither servers nor sales said anything of it. */
function isGone({ state, tail, outcomeAt }: Lead, since: number): boolean {
  const { status, feedback, ownVerified } = state;
  if (outcomeAt !== null || ownVerified || status !== STATUS_DEFAULT || feedback !== null) return false;
  // Of what machines did there is no last sight.
  return (lastSeenOf(state) ?? tail.last?.timestamp ?? 0) < since;
}
