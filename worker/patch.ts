/** What marketers and sales say of a lead: logged as events like any other, so that a replay knows it too. */
import type { EventType, Json, JsonObject } from "./core/event";
import { LEAD_KEY, withPlainEmail } from "./core/identity";
import type { FEEDBACKS, STATUSES } from "./core/person";
import type { Deps } from "./deps";
import { Failure } from "./failure";
import { ingest } from "./ingest";
import type { Current } from "./lead";
import { wouldBeTurnedAway } from "./suppression";

export interface Patch {
  traits?: JsonObject | undefined;
  status?: (typeof STATUSES)[number] | undefined;
  feedback?: (typeof FEEDBACKS)[number] | null | undefined;
  /** Lifts a disqualification that an event brought. */
  disqualified?: null | undefined;
}

function suppressed(): Failure {
  return new Failure(
    "conflict",
    "traits: they name an address that is suppressed: whose it is was erased and is not to be kept again. Leave it out.",
  );
}

/** Logs a patch on a lead. */
export async function patchLead(deps: Deps, { site, lead }: Current, patch: Patch): Promise<void> {
  const events: { type: EventType; event?: string; traits?: JsonObject; properties?: JsonObject }[] = [];
  const said = (event: string, properties: { [name: string]: Json }) =>
    events.push({ type: "track", event, properties });
  if (patch.traits) events.push({ type: "identify", traits: withPlainEmail(patch.traits) });
  if (patch.status) said("Lead Status Changed", { status: patch.status });
  if (patch.feedback !== undefined) said("Sales Feedback Given", { feedback: patch.feedback });
  if (patch.disqualified === null) said("Lead Requalified", {});
  const common = { timestamp: deps.clock(), visitor: "", verified: true as const, context: { active: false } };
  const key = `${LEAD_KEY}${lead.id}`;
  const received = events.map((event, index) => ({
    event: { messageId: deps.newId(), ...common, ...event },
    key,
    visitor: null,
    index,
  }));
  for (const { event } of received) {
    if (await wouldBeTurnedAway(deps.db, site, event, lead.keys)) throw suppressed();
  }
  // One that was suppressed just now is found again in there.
  if ((await ingest(deps, site, received, { isTold: true })).refused.size > 0) throw suppressed();
}
