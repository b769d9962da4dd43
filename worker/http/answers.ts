/**
 * What the marketers' API answers. Handlers return values of these types, so the description and the answers cannot part;
 * `test/worker/openapi.test.ts` holds what is really sent against them.
 */
import * as z from "zod";
import { SCOPES } from "../db/keys";
import { FEEDBACKS, STATUSES } from "../patch";

export const time = z.iso.datetime().describe("ISO 8601, UTC.");
const texts = z.record(z.string(), z.string());
const numbers = z.record(z.string(), z.number());
const json = z.record(z.string(), z.unknown());

/** A list with its cursor. */
export function list<T extends z.ZodType>(item: T) {
  return z.strictObject({
    data: z.array(item),
    nextCursor: z.string().nullable().describe("The cursor of the next page; null: there is none."),
  });
}

const leadFields = {
  id: z.string(),
  known: z.boolean().describe("Whether it has a userId or an e-mail address."),
  verified: z.boolean().describe("Whether one of them is proved."),
  email: z.string().nullable(),
  userIds: z.array(z.string()),
  visitors: z.array(z.strictObject({ id: z.string(), verified: z.boolean(), lastSeen: time })),
  traits: json,
  status: z.string().describe(`One of ${STATUSES.join(", ")}.`),
  feedback: z
    .string()
    .nullable()
    .describe(`The latest of sales: ${FEEDBACKS.join(", ")}.`),
  disqualified: z.string().nullable().describe("The reason, where it is disqualified."),
  score: z.number().describe("Rounded; exact has the unrounded ones."),
  scores: numbers.describe("By dimension."),
  exact: z.strictObject({ score: z.number(), scores: numbers }),
  temperature: z.string(),
  levels: texts.describe("The level on each ladder."),
  validUntil: time.nullable().describe("When the temperature will next change by itself; null: never."),
  firstSeen: time.nullable(),
  lastSeen: time.nullable(),
  visits: z.int(),
  pageviews: z.int(),
  source: z
    .strictObject({ channel: z.string(), referrer: z.string().nullable(), campaign: z.string().nullable() })
    .nullable()
    .describe("Where it first came from."),
  account: z.string().nullable().describe("Domain of the address, where it is not a free mail provider's."),
  rulesVersion: z.int(),
};
export const lead = z.strictObject(leadFields).meta({ id: "Lead", description: "One person, known or anonymous." });
export const halves = z
  .strictObject({ ...leadFields, split: lead.describe("The lead that the visitor has now.") })
  .meta({ id: "SplitLead" });

const reason = z.strictObject({
  field: z.string(),
  test: z.unknown(),
  actual: z.unknown().describe("The lead's or event's value; null: there is none."),
  holds: z.boolean(),
  pruned: z.literal(true).optional(),
});
const ruleLine = z.strictObject({
  id: z.string(),
  dimension: z.string(),
  points: z.number().describe("Unrounded, before the dimension's clamp."),
  fired: z.int(),
  limited: z.int().describe("Matches that its limit kept from firing."),
  lastAt: time.nullable(),
  state: z.enum(["counting", "capped", "decayed", "notMet"]),
  because: z.array(reason),
});
export const explanation = z
  .strictObject({
    at: time,
    score: z.number(),
    exact: z.number(),
    data: z.array(ruleLine),
    clamps: z.array(z.strictObject({ dimension: z.string(), points: z.number() })),
  })
  .meta({ id: "Explanation", description: "The points of data and clamps add up to exact." });

const eventFields = {
  messageId: z.string(),
  type: z.enum(["page", "screen", "track", "identify", "group", "alias"]),
  event: z.string().optional(),
  name: z.string().optional(),
  groupId: z.string().optional(),
  anonymousId: z.string().nullable(),
  userId: z.string().optional(),
  previousId: z.string().optional(),
  timestamp: time,
  receivedAt: time,
  properties: json.optional(),
  traits: json.optional(),
  context: json.optional(),
  country: z.string().optional(),
  machine: z.literal(true).optional(),
  verified: z.literal(true).optional(),
  emailClaimed: z.literal(true).optional(),
  link: z.string().optional(),
  absorbed: z.string().optional(),
  unjoined: z.literal("full").optional(),
};
export const timelineEvent = z
  .looseObject({
    ...eventFields,
    awards: z.array(z.strictObject({ id: z.string(), dimension: z.string(), points: z.number() })),
  })
  .meta({ id: "TimelineEvent" });

export const crossing = z
  .strictObject({
    at: time,
    ladder: z.string(),
    from: z.string(),
    to: z.string(),
    cause: z.enum(["event", "time", "rules", "merge", "split"]),
    score: z.number(),
    rulesVersion: z.int(),
    messageId: z.string().optional(),
  })
  .meta({ id: "Crossing" });
export const history = list(crossing).extend({
  points: z.array(z.strictObject({ at: time, score: z.number() })).describe("The score over time, on the first page."),
});
export const exported = z
  .strictObject({
    exportedAt: time,
    site: z.strictObject({ id: z.string(), name: z.string() }),
    lead,
    keys: z.array(z.string()),
    explanation,
    events: z.array(z.looseObject(eventFields)),
    crossings: z.array(crossing),
    deliveries: z.array(json),
    deadLetters: z.array(json).describe("What they sent and could not be folded."),
    kept: json.describe("What is kept between events, to know the score from."),
  })
  .meta({ id: "Export" });

export const published = z.strictObject({ version: z.int(), rules: json });
const versionFields = {
  version: z.int(),
  publishedAt: time,
  inForce: z.boolean(),
  progress: z
    .strictObject({ leads: z.int().nullable(), refolded: z.int(), finishedAt: time.nullable() })
    .describe("How far the leads have come over to it."),
};
export const rulesVersion = z.strictObject(versionFields).meta({ id: "RulesVersion" });
export const wholeVersion = z.strictObject({ ...versionFields, rules: json });
const finding = z
  .strictObject({
    code: z.string(),
    severity: z.enum(["warning", "info"]),
    detail: z.string(),
    mend: z.string(),
    rules: z.array(z.string()),
    pointer: z.string().optional(),
  })
  .meta({ id: "Finding" });
export const checkedRules = z.strictObject({ valid: z.literal(true), findings: z.array(finding) });

const counts = z.record(z.string(), numbers).describe("Leads by ladder and level.");
const standing = z.strictObject({ score: z.number(), levels: texts });
const change = z.strictObject({
  id: z.string(),
  clamp: z.literal(true).optional(),
  before: z.number(),
  after: z.number(),
});
export const preview = z
  .strictObject({
    before: counts,
    after: counts,
    movers: z.array(
      z.strictObject({
        id: z.string(),
        email: z.string().nullable(),
        before: standing,
        after: standing,
        because: z.array(change),
      }),
    ),
    sampled: z.int(),
  })
  .meta({ id: "Preview" });

const siteFields = {
  id: z.string(),
  database: z.string().describe("The binding of the database that it lives in."),
  name: z.string(),
  writeKey: z.string(),
  origins: z.array(z.string()),
  respectGpc: z.boolean(),
  jwksUrl: z.string().nullable(),
  jwksAudience: z.string().nullable(),
  dailyEvents: z.int().nullable(),
  retentionDays: z.int().nullable(),
  rulesVersion: z.int(),
  createdAt: time,
};
export const site = z.strictObject(siteFields).meta({ id: "Site" });
export const newSite = z.strictObject({ ...siteFields, identitySecret: z.string().describe("Shown only now.") });
export const move = z
  .strictObject({
    state: z
      .enum(["none", "copying", "clearing", "stopping", "done", "stopped"])
      .describe("copying: nothing can be written. clearing, stopping: what lies in the other database is deleted."),
    database: z.string().describe("Where the site lives."),
    from: z.string().nullable(),
    to: z.string().nullable(),
    copied: z.int().describe("Rows, while it is copied."),
    note: z.string().nullable().describe("Why it was given up."),
  })
  .meta({ id: "Move" });
export const identitySecret = z.strictObject({ identitySecret: z.string(), previousUntil: time });

const keyFields = {
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  createdAt: time,
  lastUsedAt: time.nullable(),
};
export const key = z.strictObject(keyFields).meta({ id: "Key" });
export const newKey = z.strictObject({ ...keyFields, key: z.string().describe("Shown only now.") });

const madeLink = z.strictObject({ click: z.url(), open: z.url() });
export const madeLinks = z.union([madeLink, z.strictObject({ links: z.array(madeLink) })]);

const rejection = z
  .strictObject({ messageId: z.string().nullable(), index: z.int(), code: z.string(), detail: z.string() })
  .meta({ id: "Rejection" });
const replyFields = {
  success: z.literal(true),
  visitor: z.string().optional(),
  temperature: z.string().optional(),
  score: z.int().optional(),
  validUntil: time.nullable().optional(),
  optedOut: z.literal(true).optional(),
};
export const standingReply = z.strictObject(replyFields);
export const reply = z
  .strictObject({
    ...replyFields,
    rejected: z.array(rejection).optional(),
    notes: z.array(rejection).optional(),
  })
  .meta({ id: "Reply" });

export const problem = z
  .strictObject({
    type: z.string().describe("Leads to what the code means."),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    errors: z.array(z.strictObject({ pointer: z.string(), detail: z.string() })).optional(),
  })
  .meta({ id: "Problem", description: "RFC 9457." });

const webhookFields = {
  id: z.string(),
  url: z.string(),
  events: z.array(z.string()),
  createdAt: time,
  failingSince: time.nullable().describe("Since when nothing gets through; null: all is well."),
  disabled: z
    .strictObject({ at: time, reason: z.string().nullable() })
    .nullable()
    .describe("Why it is called no more."),
};
export const webhook = z.strictObject(webhookFields).meta({ id: "Webhook" });
export const newWebhook = z.strictObject({ ...webhookFields, secret: z.string().describe("Shown only now.") });
export const redelivered = z.strictObject({ redelivered: z.int() });

export const delivery = z
  .strictObject({
    id: z.string().describe("The webhook-id of every attempt."),
    type: z.string(),
    leadId: z.string(),
    status: z.string(),
    attempts: z.int(),
    createdAt: time,
    lastAttemptAt: time.nullable(),
    nextAttemptAt: time.nullable(),
    answer: z.strictObject({ status: z.int(), body: z.string().nullable() }).nullable(),
    error: z.string().nullable(),
    sent: json,
  })
  .meta({ id: "Delivery" });

export const deadLetter = z
  .strictObject({
    id: z.string(),
    reason: z.string().describe("Why its events could not be folded."),
    diedAt: time,
    visitor: z.string().nullable(),
    messages: z.array(
      z.strictObject({
        messageId: z.string(),
        type: z.string(),
        event: z.string().optional(),
        timestamp: time.nullable(),
      }),
    ),
  })
  .meta({ id: "DeadLetter" });
export const replayed = z.strictObject({
  replayed: z.int(),
  failed: z.array(z.strictObject({ id: z.string(), detail: z.string() })),
});

const tallied = z.record(z.string(), z.int());
const waitingFor = z.strictObject({ waiting: z.int(), lagSeconds: z.int() });
export const status = z
  .strictObject({
    at: time,
    since: time,
    accepted: z.int().describe("Messages that counted, or had counted before."),
    queued: z.int().describe("Messages that had to wait in the queue …"),
    drained: z.int().describe("… those of them that were counted since …"),
    buried: z.int().describe("… and those that became dead letters."),
    conflicts: z.int().describe("Writes done again because somebody else wrote the lead in between."),
    retries: z.int().describe("Writes done again because the database failed."),
    rejected: tallied.describe("Messages, by code."),
    refused: tallied.describe("Requests, by the code of the error."),
    unknown: tallied.describe("The same of requests that name no site there is, of all sites."),
    hours: z.array(
      z.strictObject({ at: time, accepted: z.int(), queued: z.int(), rejected: z.int(), refused: z.int() }),
    ),
    sweep: waitingFor.describe("Crossings due by time and not recorded yet, in the site's database."),
    webhooks: waitingFor.describe("Deliveries due and not made yet, in the site's database."),
    refolding: z.int().describe("Leads not brought under the rules in force yet."),
    deadLetters: z.int(),
  })
  .meta({ id: "Status" });

export const outcome = z
  .strictObject({ lead: z.string(), outcome: z.string(), value: z.number().nullable(), at: time })
  .meta({ id: "Outcome" });
