/** The calls under a write key. They read query and body themselves, so the schemas of those are told of here too. */
import * as z from "zod/mini";
import { BATCH_MAX_MESSAGES } from "../../../../snippet/wire";
import { described } from "../../../core/described";
import type { EventType } from "../../../core/event";
import { ID_MAX_CHARS, messageSchema } from "../../../core/message";
import { PATHS, TRUSTED_MAX_MESSAGES } from "../../public";
import * as answers from "../answers";
import type { AllTold } from "./told";

const writeKey = described(z.string(), "The site's write key, where it is not the Basic user name.");
const anonymousId = described(
  z.string().check(z.minLength(1), z.maxLength(ID_MAX_CHARS)),
  "The visitor; that of its cookie where left out.",
);
const pixelQuery = z.looseObject({
  writeKey,
  event: z.string(),
  anonymousId: z.optional(anonymousId),
  path: z.optional(z.string()),
  messageId: z.optional(z.string()),
});

/** The body of a batch. Its messages are checked one by one, so that none sinks the others. */
const batchSchema = z.object({
  writeKey: z.optional(writeKey),
  sentAt: described(
    z.optional(z.union([z.string(), z.number()])),
    "The client's clock at sending, by which timestamps are corrected.",
  ),
  batch: described(z.array(messageSchema), `At most ${BATCH_MAX_MESSAGES}; with a secret key ${TRUSTED_MAX_MESSAGES}.`),
  context: described(z.optional(z.looseObject({})), "Holds for each of the messages."),
});

const SITE_HINT = "With a secret key: the site, by id or write key.";
const common = {
  query: z.object({ writeKey: z.optional(writeKey), site: described(z.optional(z.string()), SITE_HINT) }),
  answer: answers.reply,
  whenQueued: "Taken, and counted a little later: the database is busy. The temperature is the last one known.",
  errors: ["rate_limited", "over_budget"],
} as const;

const EXAMPLES: Record<EventType, object> = {
  page: { properties: { path: "/pricing" } },
  screen: { name: "Start" },
  track: { event: "File Downloaded", properties: { file: "guide.pdf" } },
  identify: { userId: "42", traits: { email: "ann@acme.example" } },
  group: { groupId: "acme", traits: { name: "Acme" } },
  alias: { userId: "42", previousId: "ann" },
};
const titled = (name: string) => name.slice(0, 1).toUpperCase() + name.slice(1);

const message = (path: string, type: EventType) => {
  const isShort = path !== type;
  return {
    ...common,
    name: isShort ? `send${titled(type)}Short` : `send${titled(type)}`,
    summary: isShort ? `Short for /v1/${type}, as Segment's script for browsers calls it` : `One ${type} message`,
    body: z.extend(z.omit(messageSchema, { type: true }), { writeKey: z.optional(writeKey) }),
    example: { writeKey: "demo", anonymousId: "ann", ...EXAMPLES[type] },
  };
};

export const EVENTS: AllTold = {
  "POST /batch": {
    ...common,
    name: "sendBatch",
    summary: "Events, as messages of the Segment spec; answered when they are stored",
    details:
      "One bad message never sinks its batch: it is listed in rejected. A messageId counts once per site. The content " +
      "type does not matter; the body may be gzip.",
    body: batchSchema,
    example: { writeKey: "demo", batch: [{ type: "page", anonymousId: "ann", properties: { path: "/pricing" } }] },
  },
  ...Object.fromEntries(PATHS.map(([path, type]) => [`POST /${path}`, message(path, type)])),
  "GET /pixel.gif": {
    name: "pixel",
    summary: "An event of a page without script; always a transparent picture, whatever is wrong",
    details: "event=page is a page view, any other text a track event; other parameters become properties.",
    query: pixelQuery,
    answer: z.string(),
    contentType: "image/gif",
  },
  "GET /me": {
    name: "getMe",
    summary: "The temperature of a visitor, for servers and edge code; nothing is written",
    query: z.object({ writeKey: z.optional(writeKey), anonymousId: z.optional(anonymousId) }),
    answer: answers.standingReply,
  },
};
