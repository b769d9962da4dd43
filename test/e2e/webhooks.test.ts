/** A webhook under `npm start`: a beacon crosses a level, and the call arrives at a server of one's own. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Api, type List, PLAIN_RULES, track, unique } from "../support/api.ts";
import { type Server, startServer } from "../support/server.ts";

interface Call {
  headers: IncomingMessage["headers"];
  body: string;
  at: number;
}

/** A receiver that is broken at first. */
const calls: Call[] = [];
const receiver = createServer(async (request, response) => {
  calls.push({ headers: request.headers, body: await text(request), at: Date.now() });
  response.writeHead(calls.length === 1 ? 503 : 200).end(calls.length === 1 ? "not yet" : "got it");
});
let server: Server;
let url: string;
beforeAll(async () => {
  server = await startServer();
  await new Promise<void>((resolve) => void receiver.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/kelvin`;
});
afterAll(async () => {
  await server?.stop();
  receiver.closeAllConnections();
  receiver.close();
});

test("a beacon crosses a level: the call comes at once, and, as it fails, 5 s later again", async () => {
  const api = new Api((path, init) => fetch(server.url + path, init), server.key);
  const site = await api.createSite(PLAIN_RULES);
  const made = await site.rest<{ id: string; secret: string }>("/v1/webhooks", {
    body: { url, events: ["lead.level.changed"] },
  });
  expect(made.status).toBe(201);
  const visitor = unique("v");
  await site.post([track(visitor, "Form Submitted", { form: "demo" })]);
  await vi.waitFor(() => expect(calls).toHaveLength(2), { timeout: 20_000, interval: 50 });
  const { id: leadId } = await site.lead(`visitor:${visitor}`);
  const told = { type: "lead.level.changed", data: { leadId, from: "cold", to: "hot", cause: "event" } };
  for (const { headers, body } of calls) {
    expect(new Webhook(made.body.secret).verify(body, headers as Record<string, string>)).toMatchObject(told);
  }
  const [first, second] = calls;
  expect(second?.headers["webhook-id"]).toBe(first?.headers["webhook-id"]);
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(4_900);
  await vi.waitFor(async () => {
    const { body } = await site.rest<List<unknown>>(`/v1/webhooks/${made.body.id}/deliveries`);
    expect(body.data).toMatchObject([{ status: "delivered", attempts: 2, answer: { status: 200, body: "got it" } }]);
  });
});
