/** What is to become of leads: worked out by the verbs, written by write.ts. */
import type { Announcement } from "../core/announce";
import type { Crossing } from "../core/play";
import type { Entry, Lead, LeadRow } from "./leads";

/** Keys that become a lead's, or nobody's. */
export interface KeyChanges {
  /** Ones that nobody may have. */
  free: string[];
  /** Ones that come from another lead. */
  moved: string[];
  /** Ones that are no name of anybody any more. */
  dropped: string[];
  /** The one that a new lead's id follows from, and which needs no row for that. */
  implied: string | null;
}

export const NO_KEYS: KeyChanges = { free: [], moved: [], dropped: [], implied: null };

/** What is to become of one lead. */
export interface LeadWrite {
  before: LeadRow | null;
  after: Lead;
  known: boolean;
  disqualified: boolean;
  crossings: Crossing[];
  /** What the site's webhooks are to be told of it. */
  announcements: Announcement[];
  keys: KeyChanges;
  /** Stored leads that go up in this one. */
  absorbed: Lead[];
  /** The whole log, where it is to be written anew. */
  log: Entry[] | null;
}
