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
import { findLeads, type Lead, readLead, readLog, UNSEEN } from "./db/leads";
import { refusalOf } from "./db/refusal";
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
    const rows = await findLeads(deps.db, siteId, keys);
    const forgotten: Forgotten[] = [];
    for (const row of rows.values()) {
      const one = await failures.outlive(async () => {
        const lead = readLead(row);
        if (row.known === 1 || !isGone(lead, since)) return null;
        const whole = (await readLog(deps.db, lead)).filter(({ pruned }) => !pruned);
        return {
          id: row.id,
          version: row.version,
          messages: await messageDigests(whole.map(({ messageId }) => messageId)),
        };
      });
      if (one) forgotten.push(one);
    }
    if (forgotten.length > 0) await deleteForgotten(deps.db, siteId, forgotten);
  } catch (error) {
    // Written while it was read: it was there again. Fenced: it is done where the site goes.
    if (!["conflict", "fenced"].includes(refusalOf(error) ?? "")) throw error;
  } finally {
    for (const { id } of found) deps.leads.drop(id);
  }
}

/** Whether a lead was not there since an instant, nothing came of it, and sales noted nothing. */
function isGone({ state, oldestAt, outcomeAt }: Lead, since: number): boolean {
  const { status, feedback } = state;
  if (outcomeAt !== null || status !== STATUS_DEFAULT || feedback !== null) return false;
  return Math.max(lastSeenOf(state) ?? UNSEEN, oldestAt ?? 0) < since;
}
