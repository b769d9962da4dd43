/** Webhooks: made, listed and taken away, and what became of their calls. */
import type { Context } from "hono";
import * as z from "zod/mini";
import { ANNOUNCEMENT_TYPES } from "../core/announce";
import { type Delivery, listDeliveries } from "../db/outbox";
import { listWebhooks, type Webhook } from "../db/webhooks";
import { deliverTest } from "../deliver";
import { createWebhook, openWebhook, redeliver, removeWebhook } from "../webhooks";
import { type Api, SITE, siteOf, siteQuery } from "./context";
import { Hono } from "./hono";
import { cursor, decodeCursor, limit, pageOf } from "./input";
import { Calls } from "./route";

export function webhookRoutes(api: Api): Hono {
  const app = new Hono();
  const calls = new Calls(app, api, "Webhooks", (c, scope) => siteOf(api, c, scope));

  calls.post(
    "/webhooks",
    { scope: "write", query: siteQuery, body: newWebhook, status: 201 },
    async ({ deps, c, site, body }) => {
      const webhook = await createWebhook(deps, site, body);
      c.header("Cache-Control", "no-store");
      return { ...showWebhook(webhook), secret: webhook.secret };
    },
  );

  calls.get("/webhooks", { scope: "read", query: pageQuery }, async ({ deps, site, query }) => {
    const rows = await listWebhooks(deps.db, site.id, decodeCursor(query.cursor, position), query.limit + 1);
    return pageOf(rows, query.limit, showWebhook, ({ createdAt, id }) => ({ createdAt, id }));
  });

  calls.delete(
    "/webhooks/{id}",
    { scope: "write", query: siteQuery, status: 204 },
    async ({ deps, c, site }) => await removeWebhook(deps, site, idOf(c)),
  );

  calls.get("/webhooks/{id}/deliveries", { scope: "read", query: pageQuery }, async ({ deps, c, site, query }) => {
    const { id } = await openWebhook(deps, site, idOf(c));
    const after = decodeCursor(query.cursor, z.object({ id: z.string() }))?.id ?? null;
    const rows = await listDeliveries(deps.db, id, after, query.limit + 1);
    return pageOf(rows, query.limit, showDelivery, (row) => ({ id: row.id }));
  });

  calls.post(
    "/webhooks/{id}/test",
    { scope: "write", query: siteQuery, body: z.strictObject({}), emptyBody: {} },
    async ({ deps, c, site }) => await deliverTest(deps, await openWebhook(deps, site, idOf(c))),
  );

  calls.post(
    "/webhooks/{id}/redeliver",
    { scope: "write", query: siteQuery, body: redelivery, emptyBody: {}, status: 202 },
    async ({ deps, c, site, body }) => {
      const webhook = await openWebhook(deps, site, idOf(c));
      return { redelivered: await redeliver(deps, webhook, body.delivery ?? null) };
    },
  );
  return app;
}

const idOf = (c: Context) => c.req.param("id") ?? "";
const pageQuery = z.strictObject({ ...SITE, limit, cursor });
const position = z.object({ createdAt: z.int(), id: z.string() });
/** Longest address, characters: no server takes much longer ones. */
const URL_MAX_CHARS = 2_000;
const RIGHT_EVENTS = `must be an array of one or more of ${ANNOUNCEMENT_TYPES.join(", ")}`;
export const newWebhook = z.strictObject({
  url: z
    .string("must be an absolute https address")
    .check(z.maxLength(URL_MAX_CHARS, `must have at most ${URL_MAX_CHARS} characters`)),
  events: z.pipe(
    z
      .array(z.enum(ANNOUNCEMENT_TYPES, `must be one of ${ANNOUNCEMENT_TYPES.join(", ")}`), RIGHT_EVENTS)
      .check(z.minLength(1, RIGHT_EVENTS)),
    z.transform((events) => [...new Set(events)]),
  ),
});
const redelivery = z.strictObject({
  delivery: z.optional(z.string("must be the id of a delivery; left out: all that failed")),
});

const iso = (ms: number) => new Date(ms).toISOString();
const isoOrNull = (ms: number | null) => (ms === null ? null : iso(ms));

/** A webhook as it is shown: without its secret. */
export function showWebhook({ id, url, events, createdAt, failingSince, disabledAt, disabledReason }: Webhook) {
  return {
    id,
    url,
    events,
    createdAt: iso(createdAt),
    failingSince: isoOrNull(failingSince),
    disabled: disabledAt === null ? null : { at: iso(disabledAt), reason: disabledReason },
  };
}

/** A delivery as it is shown, with the body of its call. */
export function showDelivery(delivery: Delivery) {
  const { id, type, leadId, status, attempts, answerStatus, answerBody, error } = delivery;
  return {
    id,
    type,
    leadId,
    status,
    attempts,
    createdAt: iso(delivery.createdAt),
    lastAttemptAt: isoOrNull(delivery.triedAt),
    nextAttemptAt: isoOrNull(delivery.dueAt),
    answer: answerStatus === null ? null : { status: answerStatus, body: answerBody },
    error,
    sent: JSON.parse(delivery.body),
  };
}
