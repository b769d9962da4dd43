/**
 * Who is it: what an event says of identity, what that does to the leads concerned, and whose events a browser may see
 * the effect of. A claim joins leads for the marketer only; it neither reads nor moves anybody's page, and it moves
 * nobody's data but the claimant's own.
 */
import type { JsonObject, LoggedEvent } from "./event";
import { dig, put } from "./read";
import { type State, VISITORS_MAX, type Visitor } from "./state";
import { digest } from "./text";

/** Most keys (visitors, userIds, addresses) of one lead: past it nothing more joins, which stops merge bombs. */
export const KEYS_MAX = 100;

/** Key of a lead by its own id, and by those of leads that went up in it. */
export const LEAD_KEY = "lead:";
export const VISITOR_KEY = "visitor:";
export const visitorKey = (id: string) => VISITOR_KEY + id;
export const userKey = (id: string) => `user:${id}`;
export const EMAIL_KEY = "email:";
export const emailKey = (address: string) => EMAIL_KEY + address.toLowerCase();

/** Longest address there can be (RFC 5321). */
const EMAIL_MAX_CHARS = 254;

/** Whether a value can be an e-mail address: one @ with something on either side of it. */
export function isEmail(value: unknown): value is string {
  if (typeof value !== "string" || value.length > EMAIL_MAX_CHARS || !value.isWellFormed()) return false;
  return /^[^\s@]+@[^\s@]+$/.test(value);
}

/** An address as people type it, without blanks around it or a dot at its end; `null` where it is none. */
export function readEmail(value: unknown): string | null {
  const address = typeof value === "string" ? value.trim().replace(/\.+$/, "") : value;
  return isEmail(address) ? address : null;
}

/** A person's traits with their address read so; what is none is left out, and says nothing of an earlier one. */
export function withPlainEmail(traits: JsonObject): JsonObject {
  const { email, ...others } = traits;
  const address = readEmail(email);
  if (email == null || email === address) return traits;
  return address === null ? others : { ...others, email: address };
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
  const proved: LoggedEvent = { ...event, verified: true, byToken: true };
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

export const claimDigest = (key: string) => digest(key).slice(-CLAIM_CHARS);

/** Digests of the keys that an event claims for its visitor. */
export function claimsOf(event: LoggedEvent): string[] {
  return event.verified || event.visitor === "" ? [] : statedKeys(event).map(claimDigest);
}

const visitorOf = (event: LoggedEvent, state: State) => state.visitors.find(({ id }) => id === event.visitor);

/**
 * Whether an event's visitor claims more identities than one may. Goes by what the visitor itself has stated and by
 * nothing else, so that it tells a claimant nothing of the people claimed.
 */
export function claimsTooMuch(event: LoggedEvent, mine: State): boolean {
  const known = visitorOf(event, mine)?.claims ?? [];
  return new Set([...known, ...claimsOf(event)]).size > CLAIMS_MAX;
}

/**
 * The key under which it is remembered where a visitor is when it claims a key and is not with its owner: it was split
 * from it, or there was no room. Whoever makes the same claim again does not join, and comes back to where it was.
 */
const APART_KEY = "apart:";
export const apartKey = (visitor: string, key: string) => `${APART_KEY}${visitor} ${key}`;

/** Whether a key names somebody, and does not only remember where a lead or a visitor went. */
export const isName = (key: string) => !key.startsWith(LEAD_KEY) && !key.startsWith(APART_KEY);

/** The keys that go with a visitor when it leaves a lead: its own, those that only it stated, and what it may not rejoin. */
export function keysOfOne(
  keys: readonly string[],
  visitor: string,
  mine: readonly LoggedEvent[],
  theirs: readonly LoggedEvent[],
): string[] {
  const [own, others] = [mine, theirs].map((events) => new Set(events.flatMap((event) => statedKeys(event))));
  const isOwn = (key: string) => !key.startsWith(VISITOR_KEY) && own?.has(key) && !others?.has(key);
  return keys.filter((key) => key === visitorKey(visitor) || key.startsWith(apartKey(visitor, "")) || isOwn(key));
}

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

/**
 * Whether an event's visitor goes out of its lead before the event is acted on, with all it did: it had only claimed to
 * be that person, and now proves to be somebody. Else proof of oneself would open whatever one has claimed. It stays
 * where what it proves is what the lead is known by; in one where nobody has proved anything, what it is called.
 */
export function leavesBefore(event: LoggedEvent, { id, keys, state }: { id: string; keys: string[]; state: State }) {
  if (!event.verified || !onlyClaims(visitorOf(event, state), state)) return false;
  const proved = statedKeys(event).filter((key) => proves(event, key));
  const isTheirs = (key: string) => keys.includes(key) && (isProven(key, state) || !state.verified);
  return proved.length > 0 && !proved.some((key) => key === LEAD_KEY + id || isTheirs(key));
}

/** Whether a visitor is not proved to be whose the lead is, with whom it is in there. */
function onlyClaims(visitor: Visitor | undefined, state: State): boolean {
  // The lead is its own, with what marketers noted of it: nobody else was proved to be it.
  const isItsOwn = state.visitors.length === 1 && !state.ownClaims && !state.verified;
  return visitor !== undefined && visitor.trust !== "verified" && !isItsOwn;
}

/** The visitor that a proved alias takes out of a lead it only claims to be, with all it did there; `null`: none. */
export function claimantOf(event: LoggedEvent, key: string, state: State): string | null {
  const visitor = state.visitors.find(({ id }) => visitorKey(id) === key);
  return event.verified && visitor && onlyClaims(visitor, state) ? visitor.id : null;
}

/**
 * Decides for an event of lead `mine` that states a key which `theirs` has; `null`: which nobody has. What becomes of a
 * mere claimant goes by what it said itself, not by what is known of the lead that it joined: it could tell.
 */
export function joinOf(event: LoggedEvent, key: string, mine: State, theirs: State | null): Join {
  const isProof = proves(event, key);
  // What proof of one name leaves unproved joins nothing: it would take the proof along to whoever is claimed.
  if (event.verified && !isProof) return "stay";
  const isVerified = visitorOf(event, mine)?.trust === "verified";
  if (isAnother(event, key, mine)) {
    if (isVerified && !isProof) return "stay";
    return theirs && theirs.visitors.length >= VISITORS_MAX ? "full" : "move";
  }
  const isAlias = event.type === "alias";
  // What was before an alias may never have been; and whoever proved a name does not get another one by claiming it.
  const isPrevious = isAlias && !(event.userId !== undefined && key === userKey(event.userId));
  if (!theirs) return isPrevious || (mine.verified && !isProof) ? "stay" : "take";
  // What others merely claim beside a name of their own is nobody's until it is proved.
  if (isProof && theirs.verified && !isProven(key, theirs)) return "take";
  const ids = event.verified && event.userId !== undefined ? [event.userId] : mine.provenUserIds;
  // Who has the secret key may say that two userIds are one person's.
  const areTwo = areTwoPeople(ids, theirs.provenUserIds) && !(isAlias && isProof);
  if (areTwo || !(isProof || isAlone(mine))) return "stay";
  return mine.visitors.length + theirs.visitors.length > VISITORS_MAX ? "full" : "merge";
}

/** Whether somebody else uses the visitor's browser from this event on, by what it says or proves. */
export function isAnother(event: LoggedEvent, key: string, mine: State): boolean {
  const { userId } = event;
  const isProof = proves(event, key);
  const visitor = visitorOf(event, mine);
  if (userId !== undefined && key === userKey(userId)) {
    if (isProof) return mine.provenUserIds.length > 0 && !mine.provenUserIds.includes(userId);
    return visitor?.user !== undefined && visitor.user !== claimDigest(key);
  }
  // Two tokens for two addresses in turn, with nothing that says they are one person's.
  const isOther = event.byToken && isProof && userId === undefined && key.startsWith("email:");
  return (
    isOther === true &&
    visitor?.trust === "verified" &&
    mine.provenUserIds.length === 0 &&
    mine.proven.includes("email")
  );
}

/**
 * Whether a click on an e-mail link is left alone: whoever clicked is proved to be somebody, and nothing says that the
 * address is theirs too. Mails are passed on.
 */
export function isPassedOn(event: LoggedEvent, mine: State): boolean {
  if (event.link === undefined || !mine.verified) return false;
  const [own, sent] = [dig(mine.traits, "email"), statedEmail(event)];
  return typeof own !== "string" || own.toLowerCase() !== sent?.toLowerCase();
}

/** Whether a key was verified to be a lead's, and not only claimed. */
function isProven(key: string, state: State): boolean {
  // A lead's own id is Kelvin's to give.
  if (key.startsWith(LEAD_KEY)) return true;
  if (state.provenUserIds.some((id) => key === userKey(id))) return true;
  const email = dig(state.traits, "email");
  return state.proven.includes("email") && typeof email === "string" && key === emailKey(email);
}

/** Different verified userIds are two people, whatever address they share. */
function areTwoPeople(ids: readonly string[], others: readonly string[]): boolean {
  return ids.length > 0 && others.length > 0 && !ids.some((id) => others.includes(id));
}

/** Whether a lead is nothing but one visitor's own events, none of them verified: all that a claim may take along. */
function isAlone(state: State): boolean {
  if (state.verified || state.ownVerified) return false;
  return state.visitors.length + (state.ownClaims ? 1 : 0) <= 1;
}

/** Who is to be shown something: a browser by its visitor; without one, a server with a secret key. */
export interface Asker {
  visitor: string | null;
}

/** Those of a lead's events whose effect somebody is shown. */
export type Selection = <Event extends LoggedEvent>(log: readonly Event[]) => Event[];

/**
 * What of a lead's log the asker is shown the fold of: whoever was verified, and servers, all that was verified with
 * it; anybody else, its own events. `null`: all of it, the usual case of one visitor and nothing else.
 */
export function shownTo({ visitor }: Asker, { visitors, ownVerified, ownClaims }: State): Selection | null {
  const known = visitors.find(({ id }) => id === visitor);
  if (visitor === null || known?.trust === "verified") {
    const verified = new Set(visitors.filter(({ trust }) => trust === "verified").map(({ id }) => id));
    if (verified.size === visitors.length && !ownClaims) return null;
    return (log) =>
      log.filter((event) => (event.visitor === "" ? event.verified === true : verified.has(event.visitor)));
  }
  // What marketers note of somebody whom nobody named is about that browser.
  if (visitors.length === 1 && !ownClaims && (known?.trust === "anonymous" || !ownVerified)) return null;
  return (log) => ownEvents(log, visitor);
}

/**
 * What a visitor did as whom it says it is now. Where it says to be one user and then another, the first one's events
 * are not the second one's; those before it said anything are the first one's.
 */
function ownEvents<Event extends LoggedEvent>(log: readonly Event[], visitor: string): Event[] {
  const own = log.filter((event) => event.visitor === visitor);
  let user = own.find(({ userId }) => userId !== undefined)?.userId;
  const users = own.map(({ userId }) => {
    user = userId ?? user;
    return user;
  });
  return own.filter((_, i) => users[i] === user);
}
