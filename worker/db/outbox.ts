/**
 * The outbox: what webhooks are to be told, and what became of it. Written with what it tells of; claimed by whoever
 * delivers, for the time of a lease, so that two who deliver at once do not send the same.
 */
import { and, asc, desc, eq, lt } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { type Announcement, bodyOf } from "../core/announce";
import { notFenced, unlessFenced } from "./fences";
import { deliveries } from "./schema";

export type Delivery = typeof deliveries.$inferSelect;

/** Time in an id, hexadecimal: 12 digits of ms last for 8,900 years. */
const idPrefix = (ms: number) => `msg_${Math.max(0, Math.floor(ms)).toString(16).padStart(12, "0")}`;

/**
 * A row for each announcement and webhook of the site that wants it; `null`: there is nothing to tell. Whether the site
 * has webhooks is asked here and not before: an isolate that has not heard of a new one would leave it untold.
 */
export function outboxStatement(
  db: D1Database,
  siteId: string,
  announcements: readonly (Announcement & { leadId: string; n: number })[],
  now: number,
): D1PreparedStatement | null {
  if (announcements.length === 0) return null;
  const rows = announcements.map((one) => ({
    leadId: one.leadId,
    n: one.n,
    type: one.type,
    body: bodyOf(one.leadId, one),
  }));
  return db
    .prepare(
      `INSERT INTO deliveries (webhook_id, id, site_id, lead_id, n, type, body, created_at, status, attempts, step, due_at)
       SELECT w.id, ?4 || printf('%04x', a.key) || lower(hex(randomblob(8))), ?1, a.value ->> 'leadId', a.value ->> 'n',
              a.value ->> 'type', a.value ->> 'body', ?3, 'pending', 0, 0, ?3
       FROM webhooks w CROSS JOIN json_each(?2) a
       WHERE w.site_id = ?1 AND w.disabled_at IS NULL
         AND EXISTS (SELECT 1 FROM json_each(w.events) e WHERE e.value = a.value ->> 'type')`,
    )
    .bind(siteId, JSON.stringify(rows), now, idPrefix(now));
}

/** A delivery that is to be tried now, and where to. */
export interface Claimed {
  webhook_id: string;
  id: string;
  site_id: string;
  body: string;
  /** Failed attempts of the present round. */
  step: number;
  url: string;
  secret: string;
}

/**
 * Claims deliveries that are due until `lease`, ms: those due longest, at most `most` and `mostEach` of a webhook. What
 * is told of a lead is tried for the first time only after all before it was.
 */
export async function claimDue(
  db: D1Database,
  now: number,
  lease: number,
  most: number,
  mostEach: number,
): Promise<Claimed[]> {
  const { results } = await db
    .prepare(
      `UPDATE deliveries SET due_at = ?2 WHERE (webhook_id, id) IN (
         SELECT webhook_id, id FROM (
           SELECT d.webhook_id, d.id, d.due_at,
                  row_number() OVER (PARTITION BY d.webhook_id ORDER BY d.due_at, d.id) AS place
           FROM deliveries d WHERE d.due_at <= ?1 AND ${notFenced("d.site_id")} AND (d.attempts > 0 OR NOT EXISTS (
             SELECT 1 FROM deliveries e WHERE e.lead_id = d.lead_id AND e.webhook_id = d.webhook_id AND e.n < d.n
               AND e.attempts = 0 AND e.due_at IS NOT NULL))
         ) WHERE place <= ?4 ORDER BY due_at, id LIMIT ?3)
       RETURNING webhook_id, id, site_id, body, step,
         (SELECT url FROM webhooks w WHERE w.site_id = deliveries.site_id AND w.id = deliveries.webhook_id) AS url,
         (SELECT secret FROM webhooks w WHERE w.site_id = deliveries.site_id AND w.id = deliveries.webhook_id) AS secret`,
    )
    .bind(now, lease, most, mostEach)
    .all<Claimed>();
  return results;
}

/** When the next delivery will be due, ms; `null`: none waits. */
export async function nextDue(db: D1Database): Promise<number | null> {
  const found = await db
    .prepare(
      `SELECT due_at at FROM deliveries d WHERE due_at IS NOT NULL AND ${notFenced("d.site_id")} ORDER BY due_at LIMIT 1`,
    )
    .first<{ at: number | null }>();
  return found?.at ?? null;
}

/** What became of an attempt. */
export interface Outcome {
  webhookId: string;
  siteId: string;
  id: string;
  status: Delivery["status"];
  step: number;
  dueAt: number | null;
  triedAt: number;
  answerStatus: number | null;
  answerBody: string | null;
  error: string | null;
}

/** When a webhook is disabled after long failure: one of these holds. */
export interface DisablingRule {
  /** So many deliveries were given up in a row … */
  givenUp: number;
  /** … with the first failure so long ago, ms. */
  forMs: number;
  reason: string;
}

/** What is noted with the outcomes of one claim. */
export interface Verdicts {
  /** Webhooks whose receivers said that they are gone, and are disabled for that reason. */
  gone: ReadonlySet<string>;
  goneReason: string;
  rules: readonly DisablingRule[];
}

/**
 * Records attempts of one claim, of those that are still leased to it: what was asked for anew, or erased, meanwhile is
 * left as it is. Disables webhooks that are gone or have failed for long, and gives up what still waits for them.
 */
export async function recordOutcomes(
  db: D1Database,
  outcomes: readonly Outcome[],
  verdicts: Verdicts,
  lease: number,
  now: number,
): Promise<void> {
  const webhooks = [...new Map(outcomes.map(({ webhookId, siteId }) => [webhookId, siteId]))];
  await db.batch([
    db
      .prepare(
        `UPDATE deliveries SET status = o.value ->> 'status', step = o.value ->> 'step', due_at = o.value ->> 'dueAt',
           attempts = attempts + 1, tried_at = o.value ->> 'triedAt', answer_status = o.value ->> 'answerStatus',
           answer_body = o.value ->> 'answerBody', error = o.value ->> 'error'
         FROM json_each(?1) o WHERE deliveries.webhook_id = o.value ->> 'webhookId'
           AND deliveries.id = o.value ->> 'id' AND deliveries.due_at = ?2`,
      )
      .bind(JSON.stringify(outcomes), lease),
    ...webhooks.flatMap(([id, siteId]) => [
      noteStatement(
        db,
        siteId,
        id,
        outcomes.filter(({ webhookId }) => webhookId === id),
        now,
      ),
      ...(verdicts.gone.has(id)
        ? disableStatements(db, siteId, id, now, { givenUp: 0, forMs: 0, reason: verdicts.goneReason })
        : verdicts.rules.flatMap((rule) => disableStatements(db, siteId, id, now, rule))),
    ]),
  ]);
}

/** Notes how a webhook fares; names its row only where that changes. */
function noteStatement(
  db: D1Database,
  siteId: string,
  id: string,
  outcomes: readonly Outcome[],
  now: number,
): D1PreparedStatement {
  if (outcomes.some(({ status }) => status === "delivered")) {
    return db
      .prepare(
        `UPDATE webhooks SET failures = 0, failing_since = NULL
         WHERE site_id = ?1 AND id = ?2 AND failing_since IS NOT NULL`,
      )
      .bind(siteId, id);
  }
  return db
    .prepare(
      `UPDATE webhooks SET failures = failures + ?3, failing_since = coalesce(failing_since, ?4)
       WHERE site_id = ?1 AND id = ?2 AND (failing_since IS NULL OR ?3 > 0)`,
    )
    .bind(siteId, id, outcomes.filter(({ status }) => status === "failed").length, now);
}

function disableStatements(
  db: D1Database,
  siteId: string,
  id: string,
  now: number,
  { givenUp, forMs, reason }: DisablingRule,
): D1PreparedStatement[] {
  return [
    db
      .prepare(
        `UPDATE webhooks SET disabled_at = ?3, disabled_reason = ?4 WHERE site_id = ?1 AND id = ?2
         AND disabled_at IS NULL AND failures >= ?5 AND coalesce(failing_since, ?3) <= ?6`,
      )
      .bind(siteId, id, now, reason, givenUp, now - forMs),
    // Where the statement before disabled it; else of no webhook, so that nothing is looked through.
    db
      .prepare(
        `UPDATE deliveries SET status = 'failed', due_at = NULL
         WHERE webhook_id = CASE WHEN changes() > 0 THEN ?1 END AND due_at IS NOT NULL`,
      )
      .bind(id),
  ];
}

/** Deliveries of a webhook, latest first, after one where its id is given. */
export async function listDeliveries(
  db: D1Database,
  webhookId: string,
  after: string | null,
  limit: number,
): Promise<Delivery[]> {
  return await drizzle(db)
    .select()
    .from(deliveries)
    .where(and(eq(deliveries.webhookId, webhookId), after === null ? undefined : lt(deliveries.id, after)))
    .orderBy(desc(deliveries.id))
    .limit(limit)
    .all();
}

/** What was told of a lead, oldest first. */
export async function deliveriesOf(db: D1Database, leadId: string): Promise<Delivery[]> {
  return await drizzle(db)
    .select()
    .from(deliveries)
    .where(eq(deliveries.leadId, leadId))
    .orderBy(asc(deliveries.n), asc(deliveries.id))
    .all();
}

/**
 * Has a delivery of a webhook tried anew, or all that failed; the webhook is in use again, also where nothing is left that
 * failed. Returns how many there are, which are due at once.
 */
export async function retry(
  db: D1Database,
  { siteId, id }: { siteId: string; id: string },
  delivery: string | null,
  now: number,
): Promise<number> {
  const [, retried] = await db.batch([
    unlessFenced(db, siteId),
    db
      .prepare(
        `UPDATE deliveries SET status = 'pending', step = 0, due_at = ?3
         WHERE webhook_id = ?1 AND CASE WHEN ?2 IS NULL THEN status = 'failed' ELSE id = ?2 END`,
      )
      .bind(id, delivery, now),
    db
      .prepare(
        `UPDATE webhooks SET disabled_at = NULL, disabled_reason = NULL, failures = 0, failing_since = NULL
         WHERE site_id = ?1 AND id = ?2 AND (changes() > 0 OR (?3 IS NULL AND disabled_at IS NOT NULL))`,
      )
      .bind(siteId, id, delivery),
  ]);
  return retried?.meta.changes ?? 0;
}

/** Deletes deliveries written before an instant. */
export async function deleteDeliveriesBefore(db: D1Database, at: number): Promise<void> {
  await db
    .prepare(
      `DELETE FROM deliveries WHERE webhook_id IN (SELECT id FROM webhooks w WHERE ${notFenced("w.site_id")}) AND id < ?1`,
    )
    .bind(idPrefix(at))
    .run();
}
