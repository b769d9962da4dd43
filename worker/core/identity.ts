/**
 * Who is it: what an event says of identity, what that does to the leads concerned, and whose events a browser may see
 * the effect of. A claim joins leads for the marketer only; it neither reads nor moves anybody's page, and it moves
 * nobody's data but the claimant's own.
 */
import type { LoggedEvent } from "./event";
import { dig, put } from "./read";
import { type State, VISITORS_MAX } from "./state";
import { digest } from "./text";

/** Most keys (visitors, userIds, addresses) of one lead: past it nothing more joins, which stops merge bombs. */
export const KEYS_MAX = 100;

/** Key of a lead by its own id, and by those of leads that went up in it. */
export const LEAD_KEY = "lead:";
export const visitorKey = (id: string) => `visitor:${id}`;
export const userKey = (id: string) => `user:${id}`;
export const emailKey = (address: string) => `email:${address.toLowerCase()}`;

/** Longest address there can be (RFC 5321). */
const EMAIL_MAX_CHARS = 254;

/** Whether a value can be an e-mail address: one @ with something on either side of it. */
export function isEmail(value: unknown): value is string {
  if (typeof value !== "string" || value.length > EMAIL_MAX_CHARS || !value.isWellFormed()) return false;
  return /^[^\s@]+@[^\s@]+$/.test(value);
}

/** The e-mail address that an event states, `null` where it states none. */
export function statedEmail(event: LoggedEvent): string | null {
  const email = event.type === "identify" ? dig(event.traits, "email") : undefined;
  return isEmail(email) ? email : null;
}

/** The keys by which an event says that its lead goes, besides the one it came under; a machine has none to say. */
export function statedKeys(event: LoggedEvent): string[] {
  if (event.machine) return [];
  const keys: string[] = [];
  if (event.link !== undefined) keys.push(event.link);
  if (event.userId !== undefined) keys.push(userKey(event.userId));
  const email = statedEmail(event);
  if (email !== null) keys.push(emailKey(email));
  if (event.type === "alias" && event.previousId !== undefined) {
    keys.push(visitorKey(event.previousId), userKey(event.previousId));
  }
  return keys;
}

/** What an identity token says of its bearer. */
export interface Proof {
  userId?: string;
  email?: string;
}

/**
 * An `identify` as its token proves it; `null` where the two speak of different people, or the message names a userId
 * that the token says nothing of. An address that the token does not name stays a claim: whoever has a token for their
 * own userId must not prove somebody else's address with it.
 */
export function proven(event: LoggedEvent, { userId, email }: Proof): LoggedEvent | null {
  if (event.userId !== undefined && event.userId !== userId) return null;
  const stated = dig(event.traits, "email");
  const isSame = typeof stated === "string" && stated.toLowerCase() === email?.toLowerCase();
  if (email !== undefined && stated != null && !isSame) return null;
  const proved: LoggedEvent = { ...event, verified: true };
  if (userId !== undefined) proved.userId = userId;
  if (email === undefined && stated != null) proved.emailClaimed = true;
  if (email !== undefined && stated == null) {
    proved.traits = { ...event.traits };
    put(proved.traits, "email", email);
  }
  return proved;
}

/** Whether an event proves that its sender owns the key, and does not merely claim it. */
function proves(event: LoggedEvent, key: string): boolean {
  return event.verified === true && !(event.emailClaimed && key.startsWith("email:"));
}

/** Most different identities that one visitor may claim; shared computers have a few, a merge bomb has thousands. */
export const CLAIMS_MAX = 20;

/** What is remembered of a claimed key: enough to know it again. 35 bits, for at most twenty a visitor. */
const CLAIM_CHARS = 7;

/** Digests of the keys that an event claims for its visitor. */
export function claimsOf(event: LoggedEvent): string[] {
  if (event.verified || event.visitor === "") return [];
  return statedKeys(event).map((key) => digest(key).slice(-CLAIM_CHARS));
}

/**
 * Whether an event's visitor claims more identities than one may. Goes by what the visitor itself has stated and by
 * nothing else, so that it tells a claimant nothing of the people claimed.
 */
export function claimsTooMuch(event: LoggedEvent, mine: State): boolean {
  const known = mine.visitors.find(({ id }) => id === event.visitor)?.claims ?? [];
  return new Set([...known, ...claimsOf(event)]).size > CLAIMS_MAX;
}

/**
 * The key under which it is remembered that a visitor was split from the owner of a key it had claimed; whoever makes
 * the same claim again does not join again.
 */
export const apartKey = (visitor: string, key: string) => `apart:${visitor} ${key}`;

/** All keys that matter for what an event's stated keys do. */
export function keysToLookUp(event: LoggedEvent, stated = statedKeys(event)): string[] {
  if (event.verified || event.visitor === "") return stated;
  return [...stated, ...stated.map((key) => apartKey(event.visitor, key))];
}

/**
 * What a stated key does: `merge` the event's lead into the key's owner; `move` the visitor there from this event on,
 * what came before staying where it is; `take` the key as a name of the event's lead; `stay`: nothing; `full`: nothing,
 * because the lead it would go to has all the visitors that one may have.
 */
export type Join = "merge" | "move" | "take" | "stay" | "full";

/** Decides for an event of lead `mine` that states a key which `theirs` has; `null`: which nobody has. */
export function joinOf(event: LoggedEvent, key: string, mine: State, theirs: State | null): Join {
  const { userId } = event;
  const isProof = proves(event, key);
  // What proof of one name leaves unproved joins nothing: it would take the proof along to whoever is claimed.
  if (event.verified && !isProof) return "stay";
  if (userId !== undefined && key === userKey(userId)) {
    const others = isProof ? mine.provenUserIds : mine.userIds;
    // Somebody else signs in at the same browser: another person, from here on.
    const isAnother = others.length > 0 && !others.includes(userId);
    if (isAnother && !isProof && mine.provenUserIds.length > 0) return "stay";
    if (isAnother) return theirs && theirs.visitors.length >= VISITORS_MAX ? "full" : "move";
  }
  // An alias may name what never was; and whoever proved a name does not get another one by claiming it.
  if (!theirs) return event.type === "alias" || (mine.verified && !isProof) ? "stay" : "take";
  // What others merely claim beside a name of their own is nobody's until it is proved.
  if (isProof && theirs.verified && !isProven(key, theirs)) return "take";
  if (areTwoPeople(mine, theirs) || !(isProof || isAlone(mine))) return "stay";
  return mine.visitors.length + theirs.visitors.length > VISITORS_MAX ? "full" : "merge";
}

/** Whether a key was verified to be a lead's, and not only claimed. */
function isProven(key: string, state: State): boolean {
  // A lead's own id is Kelvin's to give.
  if (key.startsWith(LEAD_KEY)) return true;
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
