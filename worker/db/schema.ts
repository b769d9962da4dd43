/** The tables, for typed reads. The SQL of migrations/ is the truth; a test holds the two together. */
import { integer, primaryKey, real, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { AnnouncementType } from "../core/announce";
import type { Received } from "../core/message";
import type { Scope } from "./keys";

export const sites = sqliteTable("sites", {
  id: text("id").primaryKey(),
  name: text("name").notNull(),
  writeKey: text("write_key").notNull(),
  origins: text("origins", { mode: "json" }).$type<string[]>().notNull(),
  identitySecret: text("identity_secret").notNull(),
  respectGpc: integer("respect_gpc", { mode: "boolean" }).notNull(),
  rulesVersion: integer("rules_version").notNull(),
  createdAt: integer("created_at").notNull(),
  identityPrevious: text("identity_previous"),
  identityPreviousUntil: integer("identity_previous_until"),
  jwksUrl: text("jwks_url"),
  jwksAudience: text("jwks_audience"),
  secret: text("secret").notNull(),
  dailyEvents: integer("daily_events"),
  retentionDays: integer("retention_days"),
  prunedTo: text("pruned_to").notNull(),
  prunedAt: integer("pruned_at").notNull(),
  anonymousRetentionDays: integer("anonymous_retention_days"),
});

export const ruleVersions = sqliteTable(
  "rule_versions",
  {
    siteId: text("site_id").notNull(),
    version: integer("version").notNull(),
    document: text("document").notNull(),
    publishedAt: integer("published_at").notNull(),
    notify: integer("notify", { mode: "boolean" }).notNull(),
    leads: integer("leads").notNull(),
    refolded: integer("refolded").notNull(),
    cursor: text("cursor").notNull(),
    finishedAt: integer("finished_at"),
  },
  (table) => [primaryKey({ columns: [table.siteId, table.version] })],
);

export const identities = sqliteTable(
  "identities",
  { siteId: text("site_id").notNull(), key: text("key").notNull(), leadId: text("lead_id").notNull() },
  (table) => [primaryKey({ columns: [table.siteId, table.key] })],
);

export const leads = sqliteTable(
  "leads",
  {
    siteId: text("site_id").notNull(),
    id: text("id").notNull(),
    version: integer("version").notNull(),
    rulesVersion: integer("rules_version").notNull(),
    state: text("state").notNull(),
    told: text("told").notNull(),
    keys: text("keys").notNull(),
    tail: text("tail").notNull(),
    logged: integer("logged").notNull(),
    dueAt: integer("due_at"),
    refreshAt: integer("refresh_at"),
    score: real("score").notNull(),
    scores: text("scores").notNull(),
    known: integer("known", { mode: "boolean" }).notNull(),
    disqualified: integer("disqualified", { mode: "boolean" }).notNull(),
    lastSeen: integer("last_seen").notNull(),
    oldestAt: integer("oldest_at"),
    outcomeAt: integer("outcome_at"),
    /** Not used any more: migrations/0011_seen.sql. */
    lookAt: integer("look_at"),
    seenAt: integer("seen_at"),
    /** Not used any more: migrations/0014_search.sql. */
    account: text("account"),
    searchText: text("search_text"),
  },
  (table) => [primaryKey({ columns: [table.siteId, table.id] })],
);

export const messages = sqliteTable(
  "messages",
  { siteId: text("site_id").notNull(), id: text("id").notNull() },
  (table) => [primaryKey({ columns: [table.siteId, table.id] })],
);

export const log = sqliteTable(
  "log",
  { leadId: text("lead_id").notNull(), first: integer("first").notNull(), events: text("events").notNull() },
  (table) => [primaryKey({ columns: [table.leadId, table.first] })],
);

export const crossings = sqliteTable(
  "crossings",
  {
    leadId: text("lead_id").notNull(),
    at: integer("at").notNull(),
    n: integer("n").notNull(),
    crossing: text("crossing").notNull(),
  },
  (table) => [primaryKey({ columns: [table.leadId, table.at, table.n] })],
);

export const keys = sqliteTable("keys", {
  id: text("id").primaryKey(),
  name: text("name").notNull(),
  hash: text("hash").notNull(),
  scopes: text("scopes", { mode: "json" }).$type<Scope[]>().notNull(),
  createdAt: integer("created_at").notNull(),
  lastUsedAt: integer("last_used_at"),
});

export const suppressions = sqliteTable(
  "suppressions",
  { siteId: text("site_id").notNull(), hash: text("hash").notNull(), at: integer("at").notNull() },
  (table) => [primaryKey({ columns: [table.siteId, table.hash] })],
);

export const usage = sqliteTable(
  "usage",
  { siteId: text("site_id").notNull(), day: integer("day").notNull(), events: integer("events").notNull() },
  (table) => [primaryKey({ columns: [table.siteId, table.day] })],
);

export const directory = sqliteTable("directory", {
  siteId: text("site_id").primaryKey(),
  writeKey: text("write_key").notNull(),
  database: text("database").notNull(),
  step: text("step").$type<"copying" | "clearing" | "stopping">(),
  move: text("move"),
  moveFrom: text("move_from"),
  moveTo: text("move_to"),
  steppedAt: integer("stepped_at"),
  note: text("note"),
});

export const fences = sqliteTable("fences", {
  siteId: text("site_id").primaryKey(),
  place: text("place").notNull(),
  moved: integer("moved").notNull(),
});

export const webhooks = sqliteTable(
  "webhooks",
  {
    siteId: text("site_id").notNull(),
    id: text("id").notNull(),
    url: text("url").notNull(),
    events: text("events", { mode: "json" }).$type<AnnouncementType[]>().notNull(),
    secret: text("secret").notNull(),
    createdAt: integer("created_at").notNull(),
    failures: integer("failures").notNull(),
    failingSince: integer("failing_since"),
    disabledAt: integer("disabled_at"),
    disabledReason: text("disabled_reason"),
  },
  (table) => [primaryKey({ columns: [table.siteId, table.id] })],
);

export const deliveries = sqliteTable(
  "deliveries",
  {
    webhookId: text("webhook_id").notNull(),
    id: text("id").notNull(),
    siteId: text("site_id").notNull(),
    leadId: text("lead_id").notNull(),
    n: integer("n").notNull(),
    type: text("type").$type<AnnouncementType>().notNull(),
    body: text("body").notNull(),
    createdAt: integer("created_at").notNull(),
    status: text("status").$type<"pending" | "delivered" | "failed">().notNull(),
    attempts: integer("attempts").notNull(),
    step: integer("step").notNull(),
    dueAt: integer("due_at"),
    triedAt: integer("tried_at"),
    answerStatus: integer("answer_status"),
    answerBody: text("answer_body"),
    error: text("error"),
  },
  (table) => [primaryKey({ columns: [table.webhookId, table.id] })],
);

export const deadLetters = sqliteTable(
  "dead_letters",
  {
    siteId: text("site_id").notNull(),
    id: text("id").notNull(),
    keys: text("keys", { mode: "json" }).$type<string[]>().notNull(),
    events: text("events", { mode: "json" }).$type<Received[]>().notNull(),
    reason: text("reason").notNull(),
    diedAt: integer("died_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.siteId, table.id] })],
);

export const tallies = sqliteTable(
  "tallies",
  {
    hour: integer("hour").notNull(),
    siteId: text("site_id").notNull(),
    name: text("name").notNull(),
    n: integer("n").notNull(),
  },
  (table) => [primaryKey({ columns: [table.hour, table.siteId, table.name] })],
);

export const erased = sqliteTable(
  "erased",
  { siteId: text("site_id").notNull(), hash: text("hash").notNull(), at: integer("at").notNull() },
  (table) => [primaryKey({ columns: [table.siteId, table.hash] })],
);
