/** Pages about webhooks: the list, and one with its deliveries. */
import type { Context } from "hono";
import * as z from "zod/mini";
import { ANNOUNCEMENT_TYPES } from "../../core/announce";
import { SecretPage } from "../../dashboard/keys";
import { WebhookPage, WebhooksPage } from "../../dashboard/webhooks";
import { listDeliveries } from "../../db/outbox";
import { readingAgain } from "../../db/refusal";
import { listWebhooks } from "../../db/webhooks";
import { deliverTest, type Tested } from "../../deliver";
import { Failure } from "../../failure";
import { createWebhook, openWebhook, redeliver, removeWebhook, WEBHOOKS_MAX } from "../../webhooks";
import type { Api } from "../context";
import type { Hono } from "../hono";
import { checked, decodeCursor, pageOf } from "../input";
import { newWebhook, showDelivery, showWebhook } from "../webhooks";
import { enter, page, signedForm, siteIn, unticked } from "./visit";

/** Deliveries on a page. */
const DELIVERIES_LIMIT = 30;

export function webhookPages(app: Hono, api: Api): void {
  app.get("/setup/webhooks", (c) =>
    readingAgain(() => webhooksPage(c, api, { deleted: c.req.query("done") === "deleted" })),
  );

  app.post("/setup/webhooks", async (c) => {
    const { url = "", ...ticked } = await signedForm(api, c, "write");
    const form = { url: url.trim(), events: ANNOUNCEMENT_TYPES.filter((type) => ticked[type] === "true") };
    const { frame, site, deps } = await enter(api, c);
    try {
      const { id, secret } = await createWebhook(deps, site, checked(newWebhook, form));
      const lead = "Its receiver tells by it that a call is Kelvin's. It is shown only now.";
      const shown = { frame, title: "The webhook's secret", lead, secret, back: `/setup/webhooks/${id}` };
      return await page(c, <SecretPage {...shown} />, 201);
    } catch (error) {
      if (!(error instanceof Failure && error.errors)) throw error;
      return await webhooksPage(c, api, { form, problems: unticked(error.errors, "events") }, 422);
    }
  });

  app.get("/setup/webhooks/:id", (c) => readingAgain(() => webhookPage(c, api)));

  // Shown at once: nothing of it is kept to be shown later.
  app.post("/setup/webhooks/:id/test", async (c) => {
    await signedForm(api, c, "write");
    const { site, deps } = await enter(api, c);
    const tested = await deliverTest(deps, await openWebhook(deps, site, idOf(c)));
    return await readingAgain(() => webhookPage(c, api, tested));
  });

  // The test's answer stands at its address: whoever asks for that again sees the webhook, and sends nothing.
  app.get("/setup/webhooks/:id/test", (c) =>
    c.redirect(`/dashboard/setup/webhooks/${encodeURIComponent(idOf(c))}${new URL(c.req.url).search}`, 303),
  );

  app.post("/setup/webhooks/:id/redeliver", async (c) => {
    const { delivery = null } = await signedForm(api, c, "write");
    const { site, deps } = await enter(api, c);
    const webhook = await openWebhook(deps, site, idOf(c));
    await redeliver(deps, webhook, delivery);
    return back(c, `/${encodeURIComponent(webhook.id)}`, delivery === null ? "all" : "one");
  });

  app.post("/setup/webhooks/:id/delete", async (c) => {
    await signedForm(api, c, "write");
    const { site, deps } = await enter(api, c);
    await removeWebhook(deps, site, idOf(c));
    return back(c, "", "deleted");
  });
}

const idOf = (c: Context) => c.req.param("id") ?? "";

/** What a page tells of what was done before it. */
const DONE: Record<string, string> = {
  one: "It is sent again",
  all: "The webhook is in use, and all that were given up are sent again",
};

function back(c: Context, path: string, done: string): Response {
  return c.redirect(`/dashboard/setup/webhooks${path}?${new URLSearchParams({ ...siteIn(c), done })}`, 303);
}

async function webhooksPage(
  c: Context,
  api: Api,
  {
    form = { url: "", events: ["lead.level.changed"] as string[] },
    problems = [] as NonNullable<Failure["errors"]>,
    deleted = false,
  },
  status: 200 | 422 = 200,
) {
  const { frame, site, deps } = await enter(api, c);
  const webhooks = (await listWebhooks(deps.db, site.id, null, WEBHOOKS_MAX)).map(showWebhook);
  return await page(c, <WebhooksPage {...{ frame, webhooks, form, problems, deleted }} />, status);
}

async function webhookPage(c: Context, api: Api, tested: Tested | null = null) {
  const { frame, site, deps } = await enter(api, c);
  const webhook = await openWebhook(deps, site, idOf(c));
  const after = decodeCursor(c.req.query("cursor"), z.object({ id: z.string() }))?.id ?? null;
  const rows = await listDeliveries(deps.db, webhook.id, after, DELIVERIES_LIMIT + 1);
  const { data, nextCursor } = pageOf(rows, DELIVERIES_LIMIT, showDelivery, ({ id }) => ({ id }));
  const shown = {
    frame,
    webhook: showWebhook(webhook),
    deliveries: data,
    older: nextCursor,
    before: after !== null,
    tested,
    done: DONE[c.req.query("done") ?? ""] ?? null,
  };
  return await page(c, <WebhookPage {...shown} />);
}
