/** Outcomes: what became of a lead, logged as an event like any other, so that it goes where the lead's log goes. */
import { LEAD_KEY } from "./core/identity";
import { OUTCOME_RECORDED, type Outcome } from "./core/outcome";
import type { Deps } from "./deps";
import { ingest } from "./ingest";
import type { Current } from "./lead";

export interface Ended {
  outcome: Outcome;
  /** What it was worth, in the site's own currency. */
  value?: number | undefined;
  /** When it happened, ms; now where left out. */
  at?: number | undefined;
}

/** Logs an outcome of a lead. */
export async function recordOutcome(deps: Deps, { site, lead }: Current, { outcome, value, at }: Ended) {
  const now = deps.clock();
  const timestamp = Math.min(at ?? now, now);
  const event = {
    messageId: deps.newId(),
    type: "track" as const,
    event: OUTCOME_RECORDED,
    timestamp,
    visitor: "",
    verified: true as const,
    context: { active: false },
    properties: { outcome, ...(value === undefined ? {} : { value }) },
  };
  await ingest(deps, site, [{ event, key: `${LEAD_KEY}${lead.id}`, visitor: null, index: 0 }]);
  return { lead: lead.id, outcome, value: value ?? null, at: new Date(timestamp).toISOString() };
}
