/**
 * What the marketers' API answers. Handlers return values of these types, so the description and the answers cannot part;
 * `test/worker/openapi.test.ts` holds what is really sent against them.
 */
import * as z from "zod/mini";
import { described, withMeta } from "../../core/described";
import { FEEDBACKS, STATUSES } from "../../core/person";
import { SCOPES } from "../../db/keys";

export const time = described(z.iso.datetime(), "ISO 8601, UTC.");
const texts = z.record(z.string(), z.string());
const numbers = z.record(z.string(), z.number());
const json = z.record(z.string(), z.unknown());

/** A list with its cursor. */
export function list<T extends z.ZodMiniType>(item: T) {
  return z.strictObject({
    data: z.array(item),
    nextCursor: described(z.nullable(z.string()), "The cursor of the next page; null: there is none."),
  });
}

const leadFields = {
  id: z.string(),
  known: described(z.boolean(), "Whether it has a userId or an e-mail address."),
  verified: described(z.boolean(), "Whether one of them is proved."),
  email: z.nullable(z.string()),
  userIds: z.array(z.string()),
  visitors: z.array(z.strictObject({ id: z.string(), verified: z.boolean(), lastSeen: time })),
  traits: json,
  status: described(z.string(), `One of ${STATUSES.join(", ")}.`),
  feedback: described(z.nullable(z.string()), `The latest of sales: ${FEEDBACKS.join(", ")}.`),
  disqualified: described(z.nullable(z.string()), "The reason, where it is disqualified."),
  score: described(z.number(), "Rounded; exact has the unrounded ones."),
  scores: described(numbers, "By dimension."),
  exact: z.strictObject({ score: z.number(), scores: numbers }),
  temperature: z.string(),
  levels: described(texts, "The level on each ladder."),
  validUntil: described(z.nullable(time), "When the temperature will next change by itself; null: never."),
  firstSeen: z.nullable(time),
  lastSeen: z.nullable(time),
  visits: z.int(),
  pageviews: z.int(),
  source: described(
    z.nullable(
      z.strictObject({ channel: z.string(), referrer: z.nullable(z.string()), campaign: z.nullable(z.string()) }),
    ),
    "Where it first came from.",
  ),
  account: described(z.nullable(z.string()), "Domain of the address, where it is not a free mail provider's."),
  rulesVersion: z.int(),
};
export const lead = withMeta(z.strictObject(leadFields), {
  id: "Lead",
  description: "One person, known or anonymous.",
});
export const halves = withMeta(
  z.strictObject({ ...leadFields, split: described(lead, "The lead that the visitor has now.") }),
  { id: "SplitLead" },
);

const reason = z.strictObject({
  field: z.string(),
  test: z.unknown(),
  actual: described(z.unknown(), "The lead's or event's value; null: there is none."),
  holds: z.boolean(),
  pruned: z.optional(z.literal(true)),
});
const ruleLine = z.strictObject({
  id: z.string(),
  dimension: z.string(),
  points: described(z.number(), "Unrounded, before the dimension's clamp."),
  fired: z.int(),
  limited: described(z.int(), "Matches that its limit kept from firing."),
  cut: z.optional(described(z.number(), "Points that its group's cap has kept from it, before any decay.")),
  lastAt: z.nullable(time),
  state: z.enum(["counting", "capped", "decayed", "notMet"]),
  because: z.array(reason),
});
export const explanation = withMeta(
  z.strictObject({
    at: time,
    score: z.number(),
    exact: z.number(),
    data: z.array(ruleLine),
    clamps: z.array(z.strictObject({ dimension: z.string(), points: z.number() })),
  }),
  { id: "Explanation", description: "The points of data and clamps add up to exact." },
);

const eventFields = {
  messageId: z.string(),
  type: z.enum(["page", "screen", "track", "identify", "group", "alias"]),
  event: z.optional(z.string()),
  name: z.optional(z.string()),
  groupId: z.optional(z.string()),
  anonymousId: z.nullable(z.string()),
  userId: z.optional(z.string()),
  previousId: z.optional(z.string()),
  timestamp: time,
  receivedAt: time,
  properties: z.optional(json),
  traits: z.optional(json),
  context: z.optional(json),
  country: z.optional(z.string()),
  machine: z.optional(z.literal(true)),
  verified: z.optional(z.literal(true)),
  emailClaimed: z.optional(z.literal(true)),
  link: z.optional(z.string()),
  absorbed: z.optional(z.string()),
  unjoined: z.optional(z.literal("full")),
};
export const timelineEvent = withMeta(
  z.looseObject({
    ...eventFields,
    awards: z.array(
      z.strictObject({
        id: z.string(),
        dimension: z.string(),
        points: z.number(),
        cut: z.optional(described(z.number(), "Points that the group's cap kept from it.")),
      }),
    ),
  }),
  { id: "TimelineEvent" },
);

export const crossing = withMeta(
  z.strictObject({
    at: time,
    ladder: z.string(),
    from: z.string(),
    to: z.string(),
    cause: z.enum(["event", "time", "rules", "merge", "split"]),
    score: z.number(),
    rulesVersion: z.int(),
    messageId: z.optional(z.string()),
  }),
  { id: "Crossing" },
);
export const history = z.extend(list(crossing), {
  points: described(
    z.array(z.strictObject({ at: time, score: z.number() })),
    "The score over time, on the first page.",
  ),
});
export const exported = withMeta(
  z.strictObject({
    exportedAt: time,
    site: z.strictObject({ id: z.string(), name: z.string() }),
    lead,
    keys: z.array(z.string()),
    explanation,
    events: z.array(z.looseObject(eventFields)),
    crossings: z.array(crossing),
    deliveries: z.array(json),
    deadLetters: described(z.array(json), "What they sent and could not be folded."),
    kept: described(json, "What is kept between events, to know the score from."),
  }),
  { id: "Export" },
);

export const published = z.strictObject({ version: z.int(), rules: json });
const versionFields = {
  version: z.int(),
  publishedAt: time,
  inForce: z.boolean(),
  progress: described(
    z.strictObject({ leads: z.nullable(z.int()), refolded: z.int(), finishedAt: z.nullable(time) }),
    "How far the leads have come over to it.",
  ),
};
export const rulesVersion = withMeta(z.strictObject(versionFields), { id: "RulesVersion" });
export const wholeVersion = z.strictObject({ ...versionFields, rules: json });
const finding = withMeta(
  z.strictObject({
    code: z.string(),
    severity: z.enum(["warning", "info"]),
    detail: z.string(),
    mend: z.string(),
    rules: z.array(z.string()),
    pointer: z.optional(z.string()),
  }),
  { id: "Finding" },
);
export const checkedRules = z.strictObject({ valid: z.literal(true), findings: z.array(finding) });

const counts = described(z.record(z.string(), numbers), "Leads by ladder and level.");
const standing = z.strictObject({ score: z.number(), levels: texts });
const change = z.strictObject({
  id: z.string(),
  clamp: z.optional(z.literal(true)),
  before: z.number(),
  after: z.number(),
});
export const preview = withMeta(
  z.strictObject({
    before: counts,
    after: counts,
    movers: z.array(
      z.strictObject({
        id: z.string(),
        email: z.nullable(z.string()),
        before: standing,
        after: standing,
        because: z.array(change),
      }),
    ),
    sampled: z.int(),
  }),
  { id: "Preview" },
);

const siteFields = {
  id: z.string(),
  database: described(z.string(), "The binding of the database that it lives in."),
  name: z.string(),
  writeKey: z.string(),
  origins: z.array(z.string()),
  respectGpc: z.boolean(),
  jwksUrl: z.nullable(z.string()),
  jwksAudience: z.nullable(z.string()),
  dailyEvents: z.nullable(z.int()),
  retentionDays: z.nullable(z.int()),
  anonymousRetentionDays: z.nullable(z.int()),
  rulesVersion: z.int(),
  createdAt: time,
};
export const site = withMeta(z.strictObject(siteFields), { id: "Site" });
export const newSite = z.strictObject({ ...siteFields, identitySecret: described(z.string(), "Shown only now.") });
export const move = withMeta(
  z.strictObject({
    state: described(
      z.enum(["none", "copying", "clearing", "stopping", "done", "stopped"]),
      "copying: nothing can be written. clearing, stopping: what lies in the other database is deleted.",
    ),
    database: described(z.string(), "Where the site lives."),
    from: z.nullable(z.string()),
    to: z.nullable(z.string()),
    copied: described(z.int(), "Rows, while it is copied."),
    note: described(z.nullable(z.string()), "Why it was given up."),
  }),
  { id: "Move" },
);
export const identitySecret = z.strictObject({ identitySecret: z.string(), previousUntil: time });

const keyFields = {
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  createdAt: time,
  lastUsedAt: z.nullable(time),
};
export const key = withMeta(z.strictObject(keyFields), { id: "Key" });
export const newKey = z.strictObject({ ...keyFields, key: described(z.string(), "Shown only now.") });

const madeLink = z.strictObject({ click: z.url(), open: z.url() });
export const madeLinks = z.union([madeLink, z.strictObject({ links: z.array(madeLink) })]);

const rejection = withMeta(
  z.strictObject({ messageId: z.nullable(z.string()), index: z.int(), code: z.string(), detail: z.string() }),
  { id: "Rejection" },
);
const replyFields = {
  success: z.literal(true),
  visitor: z.optional(z.string()),
  temperature: z.optional(z.string()),
  score: z.optional(z.int()),
  validUntil: z.optional(z.nullable(time)),
  optedOut: z.optional(z.literal(true)),
};
export const standingReply = z.strictObject(replyFields);
export const reply = withMeta(
  z.strictObject({
    ...replyFields,
    rejected: z.optional(z.array(rejection)),
    notes: z.optional(z.array(rejection)),
  }),
  { id: "Reply" },
);

export const problem = withMeta(
  z.strictObject({
    type: described(z.string(), "Leads to what the code means."),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    errors: z.optional(z.array(z.strictObject({ pointer: z.string(), detail: z.string() }))),
  }),
  { id: "Problem", description: "RFC 9457." },
);

const webhookFields = {
  id: z.string(),
  url: z.string(),
  events: z.array(z.string()),
  createdAt: time,
  failingSince: described(z.nullable(time), "Since when nothing gets through; null: all is well."),
  disabled: described(
    z.nullable(z.strictObject({ at: time, reason: z.nullable(z.string()) })),
    "Why it is called no more.",
  ),
};
export const webhook = withMeta(z.strictObject(webhookFields), { id: "Webhook" });
export const newWebhook = z.strictObject({ ...webhookFields, secret: described(z.string(), "Shown only now.") });
export const redelivered = z.strictObject({ redelivered: z.int() });

const receiverAnswer = z.nullable(z.strictObject({ status: z.int(), body: z.nullable(z.string()) }));
export const tested = z.strictObject({
  id: described(z.string(), "The webhook-id of the call."),
  delivered: described(z.boolean(), "Whether the answer was a 2xx."),
  answer: receiverAnswer,
  error: described(z.nullable(z.string()), "Why there was no answer."),
  sent: json,
});

export const delivery = withMeta(
  z.strictObject({
    id: described(z.string(), "The webhook-id of every attempt."),
    type: z.string(),
    leadId: z.string(),
    status: z.string(),
    attempts: z.int(),
    createdAt: time,
    lastAttemptAt: z.nullable(time),
    nextAttemptAt: z.nullable(time),
    answer: receiverAnswer,
    error: z.nullable(z.string()),
    sent: json,
  }),
  { id: "Delivery" },
);

export const deadLetter = withMeta(
  z.strictObject({
    id: z.string(),
    reason: described(z.string(), "Why its events could not be folded."),
    diedAt: time,
    visitor: z.nullable(z.string()),
    messages: z.array(
      z.strictObject({
        messageId: z.string(),
        type: z.string(),
        event: z.optional(z.string()),
        timestamp: z.nullable(time),
      }),
    ),
  }),
  { id: "DeadLetter" },
);
export const replayed = z.strictObject({
  replayed: z.int(),
  failed: z.array(z.strictObject({ id: z.string(), detail: z.string() })),
});

const tallied = z.record(z.string(), z.int());
const waitingFor = z.strictObject({ waiting: z.int(), lagSeconds: z.int() });
export const status = withMeta(
  z.strictObject({
    at: time,
    since: time,
    accepted: described(z.int(), "Messages that counted, or had counted before."),
    queued: described(z.int(), "Messages that had to wait in the queue …"),
    drained: described(z.int(), "… those of them that were counted since …"),
    buried: described(z.int(), "… and those that became dead letters."),
    conflicts: described(z.int(), "Writes done again because somebody else wrote the lead in between."),
    retries: described(z.int(), "Writes done again because the database failed."),
    rejected: described(tallied, "Messages, by code."),
    refused: described(tallied, "Requests, by the code of the error."),
    unknown: described(
      tallied,
      "The same of requests that name no site there is, or were refused before that was known.",
    ),
    hours: z.array(
      z.strictObject({ at: time, accepted: z.int(), queued: z.int(), rejected: z.int(), refused: z.int() }),
    ),
    sweep: described(waitingFor, "Crossings due by time and not recorded yet, in the site's database."),
    webhooks: described(
      z.strictObject({
        ...waitingFor.shape,
        failing: described(z.int(), "The site's webhooks whose last call failed, or that were given up."),
      }),
      "Deliveries due and not made yet, in the site's database.",
    ),
    refolding: described(z.int(), "Leads not brought under the rules in force yet."),
    deadLetters: z.int(),
  }),
  { id: "Status" },
);

export const outcome = withMeta(
  z.strictObject({ lead: z.string(), outcome: z.string(), value: z.nullable(z.number()), at: time }),
  { id: "Outcome" },
);
