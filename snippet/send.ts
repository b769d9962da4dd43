/**
 * The queue: messages are stored before they are sent and removed when the service has acknowledged them, so that a
 * dead network, a slow service or a closing tab loses nothing. Ids are minted once; a message sent twice counts once.
 *
 * Every message has its own storage key, so that tabs which share the queue never overwrite each other's part. A page
 * sends each of its messages once; all that is stored is sent when a page starts, and after a failure.
 *
 * A beacon has no answer. What it carried stays stored and so travels once more when the next page starts, with a fetch
 * whose answer removes it. An answer other than "try later" removes messages too, and the store holds only the newest,
 * so nothing is sent for ever.
 */
import { page } from "./context";
import { heldOut, paint, show } from "./personalise";
import { safe } from "./safe";
import { endpoint, settings } from "./settings";
import { activate, allowed, drop, keys, randomId, recognise, renew, store, write } from "./visitor";
import type { EVENT, WireMessage, WireReply } from "./wire";

type EventName = (typeof EVENT)[keyof typeof EVENT];

enum Limit {
  /**
   * A request stays small, so that one of several fails alone and beacons find room. In UTF-16 units of messages, each
   * of more than 250: far fewer than the 100 of `BATCH_MAX_MESSAGES`.
   */
  BatchLength = 16_000,
  /**
   * Browsers allow 64 KiB for all keepalive requests in flight together, and fail the one that goes over. This is in
   * UTF-16 units of bodies, none of which takes more than three bytes.
   */
  KeepaliveLength = 20_000,
  /** A longer message would be rejected: not worth storing. With `Stored` it bounds the store at 3.2 million units. */
  MessageLength = 32_000,
  /** Stored messages, the newest. */
  Stored = 100,
  /** First pause after a failure, and the longest; it doubles in between, with jitter on top. */
  RetryMs = 1_000,
  RetryMaxMs = 64_000,
}

/** Message ids begin with the time, so that stored keys sort by it. */
const keyOf = (message: Pick<WireMessage, "messageId">) => "kelvin_m" + message.messageId;

/** The time of the latest message, or more: what was made within a millisecond stays in order. */
let minted = 0;

/** Keys of what this page has yet to send. */
let waiting: string[] = [];
let retryTimer: ReturnType<typeof setTimeout> | undefined;
let retryMs: number = Limit.RetryMs;
let lengthInFlight = 0;
/** Requests are numbered, so that a late answer to an early one does not overwrite what a later one said. */
let requests = 0;
let answered = 0;

/** Queues a message about the present page, to be sent at the end of the task. */
export const record = (
  type: WireMessage["type"],
  fields: Partial<WireMessage>,
  more?: Partial<WireMessage["context"]>,
): void => {
  if (!allowed()) return;
  if (!store.kelvin_id) renew("new");
  minted = Math.max(Date.now(), minted + 1);
  const message = {
    ...fields,
    type,
    anonymousId: store.kelvin_id,
    messageId: minted + randomId(),
    // JSON makes a date an ISO 8601 string.
    timestamp: new Date(),
    context: { page, heldOut: heldOut(), automated: navigator.webdriver || undefined, ...more },
  };
  const text = JSON.stringify(message);
  if (text.length > Limit.MessageLength) return;
  write(keyOf(message), text);
  waiting.push(keyOf(message));
  // While the service is failing, the timer decides when to try again.
  if (!retryTimer) queueMicrotask(flush);
};

/** Queues a track event; those of the tag itself are named as wire.ts has it. */
export const track = <Name extends string = EventName>(
  event: Name,
  properties: object,
  more?: Partial<WireMessage["context"]>,
): void => record("track", { event, properties: properties as Record<string, unknown> }, more);

/** Sends what is waiting; as beacons when the page is `leaving`. */
export const flush = (leaving?: boolean): void => {
  if (!allowed()) return;
  let batch: WireMessage[] = [];
  let length = 0;
  // Nothing to parse where another tab has had it acknowledged or cleared, or the store was full.
  const take = safe((key: string) => {
    const text = store[key] as string;
    const message: WireMessage = JSON.parse(text);
    length += text.length;
    // One visitor a batch: only then does the answer have a score, and the cookie is told of the right one.
    if (batch[0] && (length > Limit.BatchLength || batch[0].anonymousId !== message.anonymousId)) {
      post(batch, leaving);
      batch = [];
      length = text.length;
    }
    batch.push(message);
  });
  waiting.splice(0).forEach(take);
  if (batch[0]) post(batch, leaving);
  // After sending: even those cut here have been tried once.
  keys("kelvin_m").slice(0, -Limit.Stored).map(drop);
};

/**
 * Sends all that is stored: what failed, what went as a beacon, what earlier pages and other tabs left. Some of it may be
 * in flight and just goes twice.
 */
export const resume = (): void => {
  waiting = keys("kelvin_m");
  retryTimer = clearTimeout(retryTimer) as undefined;
  flush();
};

/** Sends one request and does what the answer says. */
export const post = async (batch: WireMessage[], leaving?: boolean): Promise<void> => {
  const number = ++requests;
  const sender = batch[0]?.anonymousId ?? store.kelvin_id;
  const body = JSON.stringify({
    writeKey: settings.site,
    sentAt: new Date(),
    batch,
    visitor: store.kelvin_id === sender ? store.kelvin_is : undefined,
  });
  // A beacon outlives the page in every browser. It is refused (false) when there is no room for it.
  if (leaving && navigator.sendBeacon?.(endpoint, body)) return;
  lengthInFlight += body.length;
  try {
    // A string body is text/plain: no preflight.
    const response = await fetch(endpoint, {
      credentials: "include",
      method: "POST",
      body,
      keepalive: lengthInFlight < Limit.KeepaliveLength,
    });
    if (/^(408|429|5)/.test(response.status as never)) throw 0;
    retryMs = Limit.RetryMs;
    batch.map(keyOf).map(drop);
    // What is not one of our answers changes nothing.
    const reply: WireReply = await response.json().catch(() => 0);
    if (allowed()) {
      if (reply.optedOut) {
        activate(false);
        paint(reply.temperature);
      } else if (recognise(sender, reply.visitor) && reply.temperature && number > answered) {
        answered = number;
        show(reply);
      }
    }
  } catch {
    retryTimer ??= setTimeout(resume, retryMs * (1 + Math.random()));
    retryMs = Math.min(2 * retryMs, Limit.RetryMaxMs);
  }
  lengthInFlight -= body.length;
};
