/**
 * The event as the log keeps it and the fold reads it: a Segment message after validation, its timestamp corrected,
 * its visitor resolved. Plain JSON; immutable once logged.
 */

import type { Source } from "./state";

export type EventType = "page" | "screen" | "track" | "identify" | "group" | "alias";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** What the rules took from an event before its content was pruned (see prune.ts): all that is left of the latter. */
export interface Pruned {
  /** Keys of the conditions that held of it (`whereKey`). */
  met?: string[];
  /** Numbers that counters took from it, by field. */
  sums?: { [field: string]: number };
  /** What limits told it from others by, by field. */
  by?: { [field: string]: string };
  /** Where it came from, of a visitor's first page. */
  source?: Source;
}

export interface LoggedEvent {
  /** The message's id, unique within the site; empty once the event was pruned. */
  messageId: string;
  type: EventType;
  /** Track events only: the event's name as sent. */
  event?: string;
  /** Of `page` and `screen`: its name. */
  name?: string;
  /** Of `group`. */
  groupId?: string;
  /** Corrected time of the event, ms since the epoch; never later than its acceptance. */
  timestamp: number;
  /** The visitor (`anonymousId`, or the lead's own stream for events without one) that the event is of. */
  visitor: string;
  userId?: string;
  /** `alias` only: the id that joins this one. */
  previousId?: string;
  properties?: JsonObject;
  /** Of `identify` and `group`. */
  traits?: JsonObject;
  /** `page` {path,url,referrer,title}, `campaign` {source,medium,name,term,content}, `active: false`, … as sent, without `ip`. */
  context?: JsonObject;
  /** ISO 3166 code of where the event came from, upper case. */
  country?: string;
  /** Sent by a program (scanner, prefetcher, bot): recorded, earns nothing. */
  machine?: true;
  /** The identity in it was proved (signed token, secret key, click on a signed link); else it is a claim. */
  verified?: true;
  /** Of a verified `identify`: its token proved the userId but not the address in its traits, which stays a claim. */
  emailClaimed?: true;
  /** Proved by an identity token: whoever holds the browser now, and not a server that knows what it says. */
  byToken?: true;
  /** Key of the lead that a signed e-mail link was made for, and that this event joins. */
  link?: string;
  /** Id of the lead that went up in this one because of the event. */
  absorbed?: string;
  /** The version that it had then: where it comes back, it goes on from there. */
  absorbedVersion?: number;
  /** The event named somebody whose lead has all the names or visitors that one may have: nothing was joined. */
  unjoined?: "full";
  /** Digests of the identities that the event's visitor had claimed before it came over from another lead with it. */
  claimed?: string[];
  /** Its content was pruned, for it is older than the site keeps events whole. */
  pruned?: Pruned;
}
