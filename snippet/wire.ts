/**
 * What the tag and the Worker say to each other: one module both sides compile against. Imports nothing.
 * Messages follow the Segment spec; the reply is Kelvin's own.
 */

/** One event as the tag sends it. Times are ISO 8601 UTC. */
export interface WireMessage {
  type: "page" | "track" | "identify";
  /** Minted once in the browser; the Worker counts an id once per site, so a resend is harmless. */
  messageId: string;
  anonymousId: string;
  timestamp: string;
  /** Track events only: the event's name. */
  event?: string;
  userId?: string;
  properties?: Record<string, unknown>;
  traits?: Record<string, unknown>;
  context: {
    page: { path: string; url: string; referrer: string; title: string };
    /** Identify only: the identity token (a JWT) that makes the claim verified. */
    token?: string;
    /** True when a driver steers the browser (`navigator.webdriver`). */
    automated?: true;
    /** Whether the page keeps its default for the visitor; only where the site holds some out (`data-holdout`). */
    heldOut?: boolean;
    /** `Page Engaged` only: the calls to action that were in view. */
    shown?: WireShown[];
  };
}

/** A call to action as a visitor saw it: its names, and their temperature, shown or not. */
export interface WireShown {
  cta: string | undefined;
  variant: string | undefined;
  temperature: string;
}

/** Body of `POST /v1/batch`. */
export interface WireBatch {
  writeKey: string;
  /** The browser's clock at sending; the Worker corrects every timestamp by its difference to its own. */
  sentAt: string;
  batch: WireMessage[];
  /**
   * How the batch's `anonymousId` stands to the HttpOnly cookie, where there is one (same-site hosts only):
   * `new`: just minted because the storage was empty; a cookie's id wins over it, and the reply names it.
   * `reset`: minted by `kelvin('reset')`; it replaces the cookie's id.
   * `forget`: consent was withdrawn; the cookie is deleted (the batch is empty).
   */
  visitor?: "new" | "reset" | "forget";
}

/** A message that did not count, and why; the rest of its batch did. */
export interface Rejection {
  messageId: string | null;
  /** Position in the batch, from 0. */
  index: number;
  code: string;
  detail: string;
}

/** Answer to every public call. The score fields are there when all messages were of one visitor. */
export interface WireReply {
  success: true;
  /** The `anonymousId` the events were counted for. */
  visitor?: string;
  temperature?: string;
  /** Rounded to an integer. */
  score?: number;
  /** When, with no further activity, the temperature will next change; `null`: never. */
  validUntil?: string | null;
  rejected?: Rejection[];
  /** Messages that counted, but not as their sender meant them: an identity token that does not hold. */
  notes?: Rejection[];
  /** The browser asked not to be tracked (`Sec-GPC: 1`): nothing was stored. */
  optedOut?: true;
}

/** Track event names the tag uses by itself. */
export const EVENT = {
  engaged: "Page Engaged",
  link: "Link Clicked",
  download: "File Downloaded",
  form: "Form Submitted",
  cta: "CTA Clicked",
} as const;

/** Most messages in one body under a public write key. */
export const BATCH_MAX_MESSAGES = 100;
