/**
 * From a message as a client sent it (Segment spec) to an event of the log, or to a rejection that says what would be
 * right. Forgiving where the official clients are loose, exact in everything that is kept.
 */
import * as z from "zod/mini";
import type { Rejection } from "../../snippet/wire";
import { withBareAddresses } from "./address";
import { withMeta } from "./described";
import { DAY_MS } from "./duration";
import type { EventType, JsonObject, LoggedEvent } from "./event";
import { withPlainEmail } from "./identity";
import { dig, isObject, parseUrl, put, tooDeep } from "./read";
import { keptShown } from "./shown";
import { utf8 } from "./utf8";

/** Segment's own limit of a message, counted as JSON in UTF-8. */
const MESSAGE_MAX_BYTES = 32_768;
/** Oldest event a public write key may send: offline queues are drained within it, histories are imported with a secret key. */
export const EVENT_MAX_AGE_MS = 30 * DAY_MS;
/** Earliest event at all, ms: nothing worth scoring was measured before. */
const EVENT_MIN = 0;
/** Longest id; Segment's ids are 36 characters, e-mail addresses used as ids at most 254. */
export const ID_MAX_CHARS = 256;
const NAME_MAX_CHARS = 256;
/** Deepest nesting kept: plenty for properties, and safe for every recursion that follows. */
const NESTING_MAX = 32;

const TYPES: readonly EventType[] = ["page", "screen", "track", "identify", "group", "alias"];

/** What of a message's `context` is kept as it was sent: what rules and the time line read. Never an address. */
const CONTEXT_KEPT = ["page", "campaign", "active", "locale", "timezone", "library"];

/** What of `context.page`: other names hold addresses too, with all that is in them. */
const PAGE_KEPT = ["path", "url", "host", "referrer", "title", "search", "name"];

function picked(object: JsonObject, names: readonly string[]): JsonObject {
  const kept: JsonObject = {};
  for (const name of names) if (Object.hasOwn(object, name)) put(kept, name, object[name] ?? null);
  return kept;
}

export interface Reception {
  /** The Worker's clock, ms. */
  now: number;
  /** The client's clock when it sent the body, ms; `null`: unknown, timestamps are taken as they are. */
  sentAt: number | null;
  /** Sent with a secret key: any past timestamp, and what it says of identity is proved. */
  trusted: boolean;
  /** Country of the client, where it is a browser. */
  country?: string;
  /** Whether a message of such a context was sent by a machine. */
  isMachine: (context: JsonObject) => boolean;
  /** For messages without an id. */
  newId: () => string;
}

/** An event and the lead key it belongs to. */
export interface Received {
  event: LoggedEvent;
  /** `visitor:<anonymousId>`, or `user:<userId>` where there is no visitor. */
  key: string;
  /** The visitor, `null` for messages of a user without one. */
  visitor: string | null;
  /** Place of its message in the batch, from 0. */
  index: number;
  /** Identity token of an `identify`, not looked at yet. */
  token?: string;
  /** What a click on an e-mail link left in the address of the page that it led to, not looked at yet. */
  ticket?: string;
}

/** Query parameter of a landing page that carries the ticket of a click. */
export const TICKET_PARAMETER = "kelvin";

/** Text that survives every store unchanged: no control characters, no lone surrogates. */
function isClean(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) < 32) return false;
  return text.isWellFormed();
}

/** Whether a text may be an id. */
export function isId(text: string | undefined): text is string {
  return text !== undefined && text.length >= 1 && text.length <= ID_MAX_CHARS && isClean(text);
}

const id = z.union([z.string(), z.pipe(z.number(), z.transform(String))], "must be a text").check(
  z.refine((text) => text.length >= 1 && text.length <= ID_MAX_CHARS, `must have 1 to ${ID_MAX_CHARS} characters`),
  z.refine(isClean, "must not hold control characters or broken Unicode"),
);
const object = withMeta(z.custom<JsonObject>(isObject, "must be an object"), {
  type: "object",
  additionalProperties: {},
});
/** Below it a number of milliseconds is before 1973: somebody sent seconds. */
const EPOCH_MS_MIN = 100_000_000_000;
const TIME_HINT = 'must be an ISO 8601 time such as "2026-01-05T10:00:00Z", or milliseconds since 1970';
const isoTime = z.union([z.iso.datetime({ offset: true, local: true }), z.iso.date()]);

/** ISO 8601 with or without zone (then UTC) and colon in it, or epoch milliseconds; becomes whole milliseconds. */
const time = z.pipe(
  z.union([z.string(), z.number()], TIME_HINT),
  z.transform((value, context) => {
    const ms = typeof value === "number" ? epochMs(value) : isoMs(value);
    if (Number.isFinite(new Date(ms).getTime())) return Math.floor(ms);
    context.issues.push({ code: "custom", message: TIME_HINT, input: value });
    return z.NEVER;
  }),
);

function epochMs(value: number): number {
  return Math.abs(value) < EPOCH_MS_MIN ? Number.NaN : value;
}

/** Of a time as `toISOString` writes it. */
const ISO_CHARS = 24;

function isoMs(text: string): number {
  // As every client in JavaScript writes it, which is quickly told.
  const written = text.length === ISO_CHARS ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(written) && new Date(written).toISOString() === text) return written;
  const withColon = text.replace(/([+-]\d{2})(\d{2})$/, "$1:$2");
  const isZoned = /(Z|[+-]\d{2}:\d{2})$/.test(withColon) || !withColon.includes("T");
  return isoTime.safeParse(withColon).success ? Date.parse(isZoned ? withColon : `${withColon}Z`) : Number.NaN;
}

const named = (hint: string) =>
  z
    .string(hint)
    .check(
      z.minLength(1, "must not be empty"),
      z.maxLength(NAME_MAX_CHARS, `must have at most ${NAME_MAX_CHARS} characters`),
    );

/** A message, as far as its parts can be judged one by one. */
export const messageSchema = z.object({
  type: z.enum(TYPES, `must be one of ${TYPES.join(", ")}`),
  messageId: z.nullish(id),
  anonymousId: z.nullish(id),
  userId: z.nullish(id),
  previousId: z.nullish(id),
  event: z.nullish(named("must be the event's name")),
  name: z.nullish(named("must be a text")),
  groupId: z.nullish(id),
  timestamp: z.nullish(time),
  originalTimestamp: z.nullish(time),
  sentAt: z.nullish(time),
  properties: z.nullish(object),
  traits: z.nullish(object),
  context: z.nullish(object),
});
type Message = z.infer<typeof messageSchema>;

/** A time of the client's clock, ms, from the `sentAt` of a body; `undefined` when it is none. */
export function clientTime(value: unknown): number | undefined {
  const parsed = time.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

/** Reads one message; `index` is its place in the batch. */
export function receive(raw: unknown, index: number, reception: Reception): Received | Rejection {
  const messageId = readId(raw);
  const reject = (code: string, detail: string): Rejection => ({ messageId, index, code, detail });
  if (!isObject(raw)) return reject("invalid_message", "A message must be an object.");
  if (tooDeep(raw, NESTING_MAX)) return reject("too_deep", `A message nests at most ${NESTING_MAX} deep.`);
  const bytes = bytesOf(JSON.stringify(raw));
  if (bytes > MESSAGE_MAX_BYTES) {
    return reject("too_large", `A message has at most ${MESSAGE_MAX_BYTES} bytes of JSON; this one has ${bytes}.`);
  }
  const parsed = messageSchema.safeParse(withoutEmpty(raw));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return reject("invalid_message", `${issue?.path.join(".") || "The message"} ${issue?.message ?? "is not valid"}.`);
  }
  const message = parsed.data;
  if (message.type === "track" && !message.event) {
    return reject("missing_event", 'A track message needs "event", the name of what happened.');
  }
  if (message.anonymousId == null && message.userId == null) {
    return reject("missing_identity", 'A message needs "anonymousId" (the visitor) or "userId".');
  }
  const timestamp = correctedTime(message, reception);
  if (timestamp < EVENT_MIN) return reject("too_old", "The timestamp is before 1970.");
  if (!reception.trusted && timestamp < reception.now - EVENT_MAX_AGE_MS) {
    return reject("too_old", "The timestamp is more than 30 days ago; import history with a secret key.");
  }
  return received(message, timestamp, index, reception);
}

/** Ids and names that say nothing where they are empty texts: `userId: user?.id ?? ""` is everyday code. */
const MAY_BE_EMPTY = ["messageId", "anonymousId", "userId", "previousId", "groupId", "event", "name"];

function withoutEmpty(message: JsonObject): JsonObject {
  if (!MAY_BE_EMPTY.some((name) => message[name] === "")) return message;
  return Object.fromEntries(
    Object.entries(message).filter(([name, value]) => value !== "" || !MAY_BE_EMPTY.includes(name)),
  );
}

/** Bytes of a text in UTF-8; of one that is short enough however it is written, at least its characters. */
const bytesOf = (text: string) => (text.length * 3 <= MESSAGE_MAX_BYTES ? text.length : utf8.encode(text).byteLength);

function readId(raw: unknown): string | null {
  const value = isObject(raw) ? raw.messageId : null;
  return typeof value === "string" ? value.slice(0, ID_MAX_CHARS) : null;
}

/** The event's time by the Worker's clock: the client's skew (as its `sentAt` shows) taken out, never in the future. */
function correctedTime(message: Message, { now, sentAt }: Reception): number {
  // RudderStack's clients put the caller's time into timestamp and that of the call into originalTimestamp.
  const stated = message.timestamp ?? message.originalTimestamp;
  if (stated == null) return now;
  const sent = message.sentAt ?? sentAt;
  return Math.min(now, sent === null ? stated : stated + now - sent);
}

function received(message: Message, timestamp: number, index: number, reception: Reception): Received {
  const { type } = message;
  const visitor = message.anonymousId ?? null;
  const event: LoggedEvent = {
    messageId: message.messageId ?? reception.newId(),
    type,
    timestamp,
    visitor: visitor ?? "",
  };
  if (type === "track" && message.event) event.event = message.event;
  if (message.userId != null) event.userId = message.userId;
  if (message.previousId != null) event.previousId = message.previousId;
  if (message.name != null) event.name = message.name;
  if (message.groupId != null) event.groupId = message.groupId;
  if (message.properties) event.properties = withBareAddresses(message.properties);
  // The RudderStack clients put the traits of an identify into its context.
  const traits = message.traits ?? (type === "identify" ? dig(message.context ?? {}, "traits") : undefined);
  if (isObject(traits) && type === "identify") event.traits = withPlainEmail(traits);
  if (isObject(traits) && type === "group") event.traits = traits;
  const context = keptContext(message.context ?? {});
  if (context) event.context = context;
  const country = countryOf(message, reception);
  if (country) event.country = country;
  if (reception.trusted) event.verified = true;
  if (reception.isMachine(message.context ?? {})) event.machine = true;
  const key = visitor === null ? `user:${message.userId}` : `visitor:${visitor}`;
  // What the fold sees now must be what a replay will read: JSON turns 1e400 into null, -0 into 0.
  const logged = JSON.parse(JSON.stringify(event)) as LoggedEvent;
  return { event: logged, key, visitor, index, ...brought(message, reception) };
}

/** What a message from a browser brings along for the Worker's eyes only. */
function brought({ type, properties, context }: Message, { trusted }: Reception): Pick<Received, "token" | "ticket"> {
  if (trusted) return {};
  const token = dig(context ?? {}, "token");
  if (type === "identify") return typeof token === "string" ? { token } : {};
  const url = type === "page" ? (dig(properties ?? {}, "url") ?? dig(context ?? {}, "page.url")) : undefined;
  // Most pages' have no query at all.
  if (typeof url !== "string" || !url.includes("?")) return {};
  const ticket = parseUrl(url)?.searchParams.get(TICKET_PARAMETER);
  return ticket ? { ticket } : {};
}

function keptContext(context: JsonObject): JsonObject | null {
  const kept = { ...picked(context, CONTEXT_KEPT), ...keptShown(context) };
  const { page } = kept;
  if (isObject(page)) kept.page = withBareAddresses(picked(page, PAGE_KEPT));
  return Object.keys(kept).length > 0 ? kept : null;
}

function countryOf(message: Message, reception: Reception): string | undefined {
  const stated = dig(message.context ?? {}, "location.country");
  const country = typeof stated === "string" && stated.length <= 64 ? stated : reception.country;
  return country?.length === 2 ? country.toUpperCase() : country;
}
