/** The table of webhooks. */
import { and, count, desc, eq, lt, or } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { unlessFencedIn } from "./fences";
import { deliveries, webhooks } from "./schema";

export type Webhook = typeof webhooks.$inferSelect;

export async function insertWebhook(db: D1Database, webhook: Webhook): Promise<void> {
  const d1 = drizzle(db);
  await d1.batch([unlessFencedIn(d1, webhook.siteId), d1.insert(webhooks).values(webhook)]);
}

export async function countWebhooks(db: D1Database, siteId: string): Promise<number> {
  const found = await drizzle(db).select({ n: count() }).from(webhooks).where(eq(webhooks.siteId, siteId)).get();
  return found?.n ?? 0;
}

export async function readWebhook(db: D1Database, siteId: string, id: string): Promise<Webhook | null> {
  const mine = and(eq(webhooks.siteId, siteId), eq(webhooks.id, id));
  return (await drizzle(db).select().from(webhooks).where(mine).get()) ?? null;
}

/** Takes a webhook away with all its deliveries; `false` where the site has none of this id. */
export async function deleteWebhook(db: D1Database, siteId: string, id: string): Promise<boolean> {
  const d1 = drizzle(db);
  const mine = and(eq(deliveries.siteId, siteId), eq(deliveries.webhookId, id));
  const [, , taken] = await d1.batch([
    unlessFencedIn(d1, siteId),
    d1.delete(deliveries).where(mine),
    d1.delete(webhooks).where(and(eq(webhooks.siteId, siteId), eq(webhooks.id, id))),
  ]);
  return taken.meta.changes > 0;
}

/** Where a page of the list ended. */
export interface WebhookPosition {
  createdAt: number;
  id: string;
}

/** Webhooks of a site after a position, latest first. */
export async function listWebhooks(
  db: D1Database,
  siteId: string,
  after: WebhookPosition | null,
  limit: number,
): Promise<Webhook[]> {
  const { createdAt, id } = webhooks;
  const further = after && or(lt(createdAt, after.createdAt), and(eq(createdAt, after.createdAt), lt(id, after.id)));
  return await drizzle(db)
    .select()
    .from(webhooks)
    .where(and(eq(webhooks.siteId, siteId), further ?? undefined))
    .orderBy(desc(createdAt), desc(id))
    .limit(limit)
    .all();
}
