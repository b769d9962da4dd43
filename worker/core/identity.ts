/**
 * Who is it: what an event says of identity, what that does to the leads concerned, and whose events a browser may see
 * the effect of. A claim joins leads for the marketer only; it neither reads nor moves anybody's page, and it moves
 * nobody's data but the claimant's own.
 */
import type { LoggedEvent } from "./event";
import { dig } from "./read";
import { type State, VISITORS_MAX } from "./state";

/** Most keys (visitors, userIds, addresses) of one lead: past it nothing more joins, which stops merge bombs. */
export const KEYS_MAX = 100;

export const visitorKey = (id: string) => `visitor:${id}`;
export const userKey = (id: string) => `user:${id}`;
export const emailKey = (address: string) => `email:${address.toLowerCase()}`;

/** Longest address there can be (RFC 5321). */
const EMAIL_MAX_CHARS = 254;

/** The e-mail address that an event states, `null` where it states none. */
export function statedEmail(event: LoggedEvent): string | null {
  const email = event.type === "identify" ? dig(event.traits, "email") : undefined;
  return typeof email === "string" && isAddress(email) ? email : null;
}

/** Whether a text is an e-mail address, as far as can be told without writing to it. */
export function isAddress(text: string): boolean {
  return text.length <= EMAIL_MAX_CHARS && text.isWellFormed() && /^[^\s@]+@[^\s@]+$/.test(text);
}

/** The keys by which an event says that its lead goes, besides the one it came under. */
export function statedKeys(event: LoggedEvent): string[] {
  const keys: string[] = [];
  if (event.userId !== undefined) keys.push(userKey(event.userId));
  const email = statedEmail(event);
  if (email !== null) keys.push(emailKey(email));
  if (event.type === "alias" && event.previousId !== undefined) {
    keys.push(visitorKey(event.previousId), userKey(event.previousId));
  }
  return keys;
}

/**
 * What a stated key does: `merge` the event's lead into the key's owner; `move` the visitor there from this event on,
 * what came before staying where it is; `take` the key as a name of the event's lead; `stay`: nothing.
 */
export type Join = "merge" | "move" | "take" | "stay";

/** Decides for an event of lead `mine` that states a key which `theirs` has; `null`: which nobody has. */
export function joinOf(event: LoggedEvent, key: string, mine: State, theirs: State | null): Join {
  const { userId } = event;
  if (userId !== undefined && key === userKey(userId)) {
    const others = event.verified ? mine.provenUserIds : mine.userIds;
    // Somebody else signs in at the same browser: another person, from here on.
    const isAnother = others.length > 0 && !others.includes(userId);
    if (isAnother && !event.verified && mine.provenUserIds.length > 0) return "stay";
    if (isAnother) return "move";
  }
  // An alias may name what never was; and whoever proved a name does not get another one by claiming it.
  if (!theirs) return event.type === "alias" || (mine.verified && !event.verified) ? "stay" : "take";
  // What others merely claim beside a name of their own is nobody's until it is proved.
  if (event.verified && theirs.verified && !isProven(key, theirs)) return "take";
  if (mine.visitors.length + theirs.visitors.length > VISITORS_MAX) return "stay";
  if (areTwoPeople(mine, theirs)) return "stay";
  if (event.verified) return "merge";
  return isAlone(mine) ? "merge" : "stay";
}

/** Whether a key was verified to be a lead's, and not only claimed. */
function isProven(key: string, state: State): boolean {
  if (state.provenUserIds.some((id) => key === userKey(id))) return true;
  const email = dig(state.traits, "email");
  return state.proven.includes("email") && typeof email === "string" && key === emailKey(email);
}

/** Two leads with different verified userIds are two people, whatever address they share. */
function areTwoPeople(a: State, b: State): boolean {
  const share = a.provenUserIds.some((id) => b.provenUserIds.includes(id));
  return a.provenUserIds.length > 0 && b.provenUserIds.length > 0 && !share;
}

/** Whether a lead is nothing but one visitor's own events, none of them verified: all that a claim may take along. */
function isAlone(state: State): boolean {
  if (state.verified || state.ownVerified) return false;
  return state.visitors.length + (state.ownClaims ? 1 : 0) <= 1;
}

/** Who is to be shown something: a browser by its visitor; without one, a server by whether its key is secret. */
export interface Asker {
  visitor: string | null;
  verified: boolean;
}

/**
 * Whose events count in what the asker is shown: a mere claimant is shown the fold of its own events, anybody else
 * that of all but the claimants'. `null`: all of the lead's, the usual case of one visitor and nothing else.
 */
export function shownTo({ visitor, verified }: Asker, state: State): ((event: LoggedEvent) => boolean) | null {
  const claimants = new Set(state.visitors.filter(({ trust }) => trust === "claimed").map(({ id }) => id));
  if (visitor === null && !verified) {
    const isAll = state.visitors.length === 0 && !state.ownVerified;
    return isAll ? null : (event) => event.visitor === "" && !event.verified;
  }
  if (visitor !== null && claimants.has(visitor)) {
    const isAll = state.visitors.length === 1 && !state.ownVerified && !state.ownClaims;
    return isAll ? null : (event) => event.visitor === visitor;
  }
  if (claimants.size === 0 && !state.ownClaims) return null;
  return (event) => (event.visitor === "" ? event.verified === true : !claimants.has(event.visitor));
}
