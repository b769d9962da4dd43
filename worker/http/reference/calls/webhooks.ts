import * as z from "zod/mini";
import * as answers from "../answers";
import type { AllTold } from "./told";

export const WEBHOOKS = {
  "POST /webhooks": {
    name: "createWebhook",
    summary: "Makes a webhook; its secret is shown only now",
    answer: answers.newWebhook,
    errors: ["conflict"],
    example: { url: "https://www.shop.example/kelvin", events: ["lead.level.changed"] },
  },
  "GET /webhooks": {
    name: "listWebhooks",
    summary: "Webhooks of a site, latest first",
    answer: answers.list(answers.webhook),
  },
  "DELETE /webhooks/{id}": {
    name: "deleteWebhook",
    summary: "Takes a webhook away, with what it has yet to tell",
    answer: z.void(),
  },
  "GET /webhooks/{id}/deliveries": {
    name: "listDeliveries",
    summary: "What a webhook was called with and what came of it, latest first",
    answer: answers.list(answers.delivery),
  },
  "POST /webhooks/{id}/test": {
    name: "testWebhook",
    summary: "Calls a webhook with a test, and says what it answered",
    details: "The type is webhook.test, the signature as always. It is called once, and nothing of it is kept.",
    answer: answers.tested,
  },
  "POST /webhooks/{id}/redeliver": {
    name: "redeliver",
    summary: "Calls again with one delivery, or with all that failed",
    answer: answers.redelivered,
  },
} satisfies AllTold;
