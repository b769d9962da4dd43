/** The part of the fold that is about who the lead is: its visitors and their trust, traits, userIds, standing in sales. */
import type { JsonObject, LoggedEvent } from "./event";
import { triggerKey } from "./fields";
import { claimDigest, claimsOf, statedEmail, userKey } from "./identity";
import { OUTCOME_KEY } from "./outcome";
import { dig, put } from "./read";
import { STATUS_DEFAULT, type State, VISITORS_MAX } from "./state";

/** Traits of a lead, as JSON; one that would go over is not taken up, so that the state stays small. */
export const TRAITS_MAX_CHARS = 10_240;
/** Most userIds a lead remembers; one person has few. */
const USER_IDS_MAX = 20;

/** Takes up which visitor an event is of, and what it says or proves of it. */
export function noteVisitor(state: State, event: LoggedEvent): void {
  // A claim may not change what the visitor it names is shown; proof may.
  if (event.type === "alias" && event.verified && event.previousId !== undefined) {
    noteTrust(state, event, event.previousId);
  }
  if (event.visitor === "") {
    if (event.verified) state.ownVerified = true;
    else state.ownClaims = true;
    return;
  }
  const known = state.visitors.find(({ id }) => id === event.visitor);
  if (known) known.lastSeen = Math.max(known.lastSeen, event.timestamp);
  else state.visitors.push({ id: event.visitor, lastSeen: event.timestamp, trust: "anonymous" });
  if (state.visitors.length > VISITORS_MAX) {
    const oldest = Math.min(...state.visitors.map(({ lastSeen }) => lastSeen));
    state.visitors.splice(
      state.visitors.findIndex(({ lastSeen }) => lastSeen === oldest),
      1,
    );
  }
  noteClaims(state, event);
  const says = event.type === "alias" || statedEmail(event) !== null || event.userId !== undefined;
  if (says || event.link !== undefined) noteTrust(state, event, event.visitor);
}

/** How many identities a visitor claims is bounded, wherever it goes: see `claimsTooMuch`. */
function noteClaims(state: State, event: LoggedEvent): void {
  const fresh = [...(event.claimed ?? []), ...claimsOf(event)];
  const known = state.visitors.find(({ id }) => id === event.visitor);
  if (known && fresh.length > 0) known.claims = [...new Set([...(known.claims ?? []), ...fresh])];
  if (known && event.userId !== undefined) known.user = claimDigest(userKey(event.userId));
}

/** A visitor of whom somebody said who it is; what was proved is not undone by a claim. */
function noteTrust(state: State, event: LoggedEvent, visitor: string): void {
  const known = state.visitors.find(({ id }) => id === visitor);
  if (known && known.trust !== "verified") known.trust = event.verified ? "verified" : "claimed";
}

/** The events that a marketer's `PATCH` is logged as, by the key of their name. */
const STATUS_CHANGED = triggerKey("Lead Status Changed");
const FEEDBACK_GIVEN = triggerKey("Sales Feedback Given");
const REQUALIFIED = triggerKey("Lead Requalified");

/** What a lead can be to the company; the first: until somebody says. */
export const STATUSES = [STATUS_DEFAULT, "opportunity", "customer", "partner", "employee"] as const;
/** What sales can say of a lead. */
export const FEEDBACKS = ["qualified", "notReady", "unqualified"] as const;

/** What sales say of a lead is theirs to say: from a browser it is a word without effect. */
export const SALES_EVENTS = [STATUS_CHANGED, FEEDBACK_GIVEN, REQUALIFIED, OUTCOME_KEY];

/** Takes up what an event says of the person: traits, userId, country, and what sales say. */
export function notePerson(state: State, event: LoggedEvent, key: string): void {
  if (event.traits && (event.type === "identify" || event.type === "group")) mergeTraits(state, event, event.traits);
  if (event.userId !== undefined) noteUser(state, event.userId, event.verified === true);
  if (event.verified && (event.userId !== undefined || statedEmail(event) !== null)) state.verified = true;
  if (event.country) state.country = event.country;
  if (!event.verified) return;
  if (key === STATUS_CHANGED) state.status = said(event, "status", STATUSES, state.status) ?? STATUS_DEFAULT;
  if (key === FEEDBACK_GIVEN) state.feedback = said(event, "feedback", FEEDBACKS, state.feedback);
  if (key === REQUALIFIED) state.disqualified = null;
}

function noteUser(state: State, userId: string, verified: boolean): void {
  const { userIds, provenUserIds } = state;
  if (!userIds.includes(userId) && userIds.length < USER_IDS_MAX) userIds.push(userId);
  if (verified && !provenUserIds.includes(userId) && provenUserIds.length < USER_IDS_MAX) provenUserIds.push(userId);
}

/** A property that is one of some texts, `null` where it was emptied; what was said before where it is neither. */
function said(event: LoggedEvent, name: string, texts: readonly string[], before: string | null): string | null {
  const value = dig(event.properties, name);
  return value === null || texts.some((text) => text === value) ? (value as string | null) : before;
}

/** Merges traits into the lead's: `null` removes one, and a claim leaves alone what was proved. */
function mergeTraits(state: State, event: LoggedEvent, traits: JsonObject): void {
  const merged = { ...state.traits };
  const proven = new Set(state.proven);
  for (const [name, value] of Object.entries(traits)) {
    // The address of a group is not the lead's own.
    const isProof = event.verified && !(event.emailClaimed && name === "email");
    if ((!isProof && proven.has(name)) || (event.type === "group" && name === "email")) continue;
    if (value === null) delete merged[name];
    else put(merged, name, value);
    if (isProof && value !== null) proven.add(name);
    else proven.delete(name);
  }
  if (JSON.stringify(merged).length > TRAITS_MAX_CHARS) return;
  state.traits = merged;
  state.proven = [...proven];
}

/**
 * When a lead was last seen, ms; `null` where only machines were there. Notes of sales and outcomes are no sight of it,
 * unless there is nothing else.
 */
export function lastSeenOf({ visitors, active, clock }: State): number | null {
  const sights = [...visitors.map(({ lastSeen }) => lastSeen), ...(active === null ? [] : [active])];
  return sights.length > 0 ? Math.max(...sights) : clock;
}
