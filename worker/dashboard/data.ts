/** What pages are given: plain data, as the verbs answer it. Types only. */
import type { AnnouncementType } from "../core/announce";

/** A ladder's level names, lowest first. */
export interface Ladder {
  name: string;
  levels: string[];
}

export interface SiteEntry {
  id: string;
  name: string;
}

/** What every page of somebody signed in has around it. */
export interface Frame {
  now: number;
  sites: SiteEntry[];
  /** The site looked at; `null`: there is none yet. */
  site: SiteEntry | null;
  formToken: string;
  /** What the session allows beside reading. */
  mayWrite: boolean;
  mayAdminister: boolean;
}

export interface Lead {
  id: string;
  known: boolean;
  verified: boolean;
  email: string | null;
  userIds: string[];
  visitors: { id: string; verified: boolean; lastSeen: string }[];
  traits: Record<string, unknown>;
  status: string;
  feedback: string | null;
  disqualified: string | null;
  score: number;
  scores: Record<string, number>;
  temperature: string;
  levels: Record<string, string>;
  validUntil: string | null;
  firstSeen: string | null;
  lastSeen: string | null;
  visits: number;
  pageviews: number;
  source: { channel: string; referrer: string | null; campaign: string | null } | null;
  account: string | null;
  rulesVersion: number;
}

/** What disqualifies a lead now. */
export interface Disqualified {
  /** The reason that an event brought, which stays until it is lifted; `null`: none. */
  byEvent: string | null;
  /** Ids of the `while` rules that do so as long as they hold. */
  while: string[];
}

/** The first outcome of a lead, by which reports go. */
export interface Ended {
  outcome: string;
  at: string;
}

export interface Reason {
  field: string;
  test: unknown;
  actual: unknown;
  holds: boolean;
  pruned?: true;
}

export interface RuleLine {
  id: string;
  dimension: string;
  points: number;
  fired: number;
  limited: number;
  cut?: number;
  lastAt: string | null;
  state: "counting" | "capped" | "decayed" | "notMet";
  because: Reason[];
}

export interface Explanation {
  exact: number;
  score: number;
  data: RuleLine[];
  clamps: { dimension: string; points: number }[];
}

export interface TimelineEvent {
  messageId: string;
  type: string;
  event?: string;
  /** Of a page or screen. */
  name?: string;
  groupId?: string;
  anonymousId: string | null;
  userId?: string;
  previousId?: string;
  timestamp: string;
  properties?: Record<string, unknown>;
  traits?: Record<string, unknown>;
  context?: Record<string, unknown>;
  machine?: boolean;
  verified?: boolean;
  awards: { id: string; dimension: string; points: number; cut?: number }[];
}

export interface Crossing {
  at: string;
  ladder: string;
  from: string;
  to: string;
  cause: string;
  score: number;
  rulesVersion: number;
}

/** The score at an instant, unrounded. */
export interface ScorePoint {
  at: string;
  score: number;
}

export interface Threshold {
  name: string;
  score: number;
}

export interface Version {
  version: number;
  /** ms */
  publishedAt: number;
  leads: number;
  refolded: number;
  finishedAt: number | null;
}

export interface Problem {
  pointer: string;
  detail: string;
}

export interface Finding {
  code: string;
  severity: "warning" | "info";
  detail: string;
  mend: string;
  rules: string[];
  /** Place in the document. */
  pointer?: string;
}

export type Counts = Record<string, Record<string, number>>;

export interface Mover {
  id: string;
  email: string | null;
  before: { score: number; levels: Record<string, string> };
  after: { score: number; levels: Record<string, string> };
  because: { id: string; before: number; after: number }[];
}

export interface Preview {
  before: Counts;
  after: Counts;
  movers: Mover[];
  sampled: number;
  moved: number;
}

/** Where somebody stands under one rule set, and why. */
export interface Standing {
  exact: number;
  levels: Record<string, string>;
  disqualified: string | null;
  lines: RuleLine[];
  clamps: { dimension: string; points: number }[];
}

/** Somebody under the rules in force and under a draft. */
export interface Trial {
  /** `null`: made up. */
  lead: { id: string; email: string | null; userIds: string[]; traits: Record<string, unknown> } | null;
  before: Standing;
  after: Standing;
}

export interface SiteSettings {
  id: string;
  name: string;
  writeKey: string;
  origins: string[];
}

export interface Webhook {
  id: string;
  url: string;
  events: AnnouncementType[];
  createdAt: string;
  failingSince: string | null;
  disabled: { at: string; reason: string | null } | null;
}

export interface Delivery {
  id: string;
  type: AnnouncementType;
  leadId: string;
  status: "pending" | "delivered" | "failed";
  attempts: number;
  createdAt: string;
  lastAttemptAt: string | null;
  nextAttemptAt: string | null;
  answer: { status: number; body: string | null } | null;
  error: string | null;
  /** The body of the call. */
  sent: { data: Record<string, unknown> };
}

/** What a webhook answered to a test. */
export interface Tested {
  delivered: boolean;
  answer: { status: number; body: string | null } | null;
  error: string | null;
  sent: Record<string, unknown>;
}

export interface Backlog {
  waiting: number;
  lagSeconds: number;
}

export interface Status {
  accepted: number;
  queued: number;
  drained: number;
  buried: number;
  conflicts: number;
  retries: number;
  rejected: Record<string, number>;
  refused: Record<string, number>;
  unknown: Record<string, number>;
  hours: { at: string; accepted: number; queued: number; rejected: number; refused: number }[];
  sweep: Backlog;
  webhooks: Backlog & { failing: number };
  refolding: number;
  deadLetters: number;
}

export interface DeadLetter {
  id: string;
  reason: string;
  diedAt: string;
  visitor: string | null;
  messages: { type: string; event?: string }[];
}
