/** Webhooks: made, listed and taken away, and what became of their calls. */
import { Hono } from "hono";
import * as z from "zod";
import { ANNOUNCEMENT_TYPES } from "../core/announce";
import { type Delivery, listDeliveries } from "../db/outbox";
import { listWebhooks, type Webhook } from "../db/webhooks";
import { createWebhook, openWebhook, redeliver, removeWebhook } from "../webhooks";
import { readJson } from "./body";
import { type Api, SITE, siteOf } from "./context";
import { checked, decodeCursor, encodeCursor, limit, queryOf } from "./input";

export function webhookRoutes(api: Api): Hono {
  const { deps } = api;
  const app = new Hono();

  app.post("/webhooks", async (c) => {
    const site = await siteOf(api, c, "write");
    checked(siteQuery, queryOf(c.req.raw));
    const webhook = await createWebhook(deps, site, checked(newWebhook, await readJson(c.req.raw)));
    c.header("Cache-Control", "no-store");
    return c.json({ ...showWebhook(webhook), secret: webhook.secret }, 201);
  });

  app.get("/webhooks", async (c) => {
    const site = await siteOf(api, c, "read");
    const query = checked(pageQuery, queryOf(c.req.raw));
    // One more than is shown tells whether there is a next page.
    const rows = await listWebhooks(deps.db, site.id, decodeCursor(query.cursor, position), query.limit + 1);
    const shown = rows.slice(0, query.limit);
    const last = rows.length > shown.length ? shown.at(-1) : undefined;
    const nextCursor = last ? encodeCursor({ createdAt: last.createdAt, id: last.id }) : null;
    return c.json({ data: shown.map(showWebhook), nextCursor });
  });

  app.delete("/webhooks/:id", async (c) => {
    const site = await siteOf(api, c, "write");
    checked(siteQuery, queryOf(c.req.raw));
    await removeWebhook(deps, site, c.req.param("id"));
    return c.body(null, 204);
  });

  app.get("/webhooks/:id/deliveries", async (c) => {
    const site = await siteOf(api, c, "read");
    const query = checked(pageQuery, queryOf(c.req.raw));
    const { id } = await openWebhook(deps, site, c.req.param("id"));
    const after = decodeCursor(query.cursor, z.object({ id: z.string() }))?.id ?? null;
    const rows = await listDeliveries(deps.db, id, after, query.limit + 1);
    const shown = rows.slice(0, query.limit);
    const last = rows.length > shown.length ? shown.at(-1) : undefined;
    return c.json({ data: shown.map(showDelivery), nextCursor: last ? encodeCursor({ id: last.id }) : null });
  });

  app.post("/webhooks/:id/redeliver", async (c) => {
    const site = await siteOf(api, c, "write");
    checked(siteQuery, queryOf(c.req.raw));
    const webhook = await openWebhook(deps, site, c.req.param("id"));
    const { delivery = null } = checked(redelivery, await readJson(c.req.raw, {}));
    return c.json({ redelivered: await redeliver(deps, webhook, delivery) }, 202);
  });
  return app;
}

const siteQuery = z.strictObject(SITE);
const pageQuery = z.strictObject({ ...SITE, limit, cursor: z.string().optional() });
const position = z.object({ createdAt: z.int(), id: z.string() });
/** Longest address, characters: no server takes much longer ones. */
const URL_MAX_CHARS = 2_000;
const RIGHT_EVENTS = `must be an array of one or more of ${ANNOUNCEMENT_TYPES.join(", ")}`;
const newWebhook = z.strictObject({
  url: z
    .string("must be an absolute https address")
    .max(URL_MAX_CHARS, `must have at most ${URL_MAX_CHARS} characters`),
  events: z
    .array(z.enum(ANNOUNCEMENT_TYPES, `must be one of ${ANNOUNCEMENT_TYPES.join(", ")}`), RIGHT_EVENTS)
    .min(1, RIGHT_EVENTS)
    .transform((events) => [...new Set(events)]),
});
const redelivery = z.strictObject({
  delivery: z.string("must be the id of a delivery; left out: all that failed").optional(),
});

const iso = (ms: number) => new Date(ms).toISOString();
const isoOrNull = (ms: number | null) => (ms === null ? null : iso(ms));

function showWebhook({ id, url, events, createdAt, failingSince, disabledAt, disabledReason }: Webhook) {
  return {
    id,
    url,
    events,
    createdAt: iso(createdAt),
    failingSince: isoOrNull(failingSince),
    disabled: disabledAt === null ? null : { at: iso(disabledAt), reason: disabledReason },
  };
}

function showDelivery(delivery: Delivery) {
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
