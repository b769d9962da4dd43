/**
 * The official clients of Segment and RudderStack, unmodified but for host and key, against the server of `npm start`:
 * what they were told is what the API shows.
 */
import RudderAnalytics from "@rudderstack/rudder-sdk-node";
import { Analytics } from "@segment/analytics-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Api, PLAIN_RULES, type Site, type TimelineEvent, unique } from "../support/api.ts";
import { type Server, startServer } from "../support/server.ts";

const HOUR = 3_600_000;
const RULES = {
  ...PLAIN_RULES,
  rules: [
    { id: "pricing", on: "page", where: { path: "/pricing*" }, points: 15 },
    { id: "demo", on: "form submitted", where: { "properties.form": "demo" }, points: 30 },
    { id: "screen", on: "screen", points: 2 },
    { id: "boss", while: { "traits.title": "*chief*" }, points: 20 },
    { id: "plan", on: "group", where: { "traits.plan": "pro" }, points: 5 },
  ],
};

let server: Server;
let api: Api;
let site: Site;
beforeAll(async () => {
  server = await startServer();
  api = new Api((path, init) => fetch(server.url + path, init), server.key);
  site = await api.createSite(RULES);
});
afterAll(() => server?.stop());

/** What both clients can be told; all have the same shape. */
interface Client {
  identify(message: { anonymousId: string; userId: string; traits: Record<string, string>; timestamp: Date }): unknown;
  page(message: { anonymousId: string; name: string; properties: Record<string, string>; timestamp: Date }): unknown;
  track(message: { anonymousId: string; event: string; properties: Record<string, string>; timestamp: Date }): unknown;
  screen(message: { anonymousId: string; name: string; timestamp: Date }): unknown;
  group(message: { anonymousId: string; groupId: string; traits: Record<string, string>; timestamp: Date }): unknown;
  alias(message: { userId: string; previousId: string; timestamp: Date }): unknown;
}

interface Delivery {
  client: Client;
  /** Sends all that is queued; the errors met. */
  flush(): Promise<unknown[]>;
}

function segment(writeKey: string): Delivery {
  const client = new Analytics({ writeKey, host: server.url });
  const errors: unknown[] = [];
  client.on("error", (error) => errors.push(error));
  return {
    client,
    async flush() {
      await client.closeAndFlush();
      return errors;
    },
  };
}

function rudder(writeKey: string): Delivery {
  const errors: unknown[] = [];
  const client = new RudderAnalytics(writeKey, {
    dataPlaneUrl: server.url,
    logLevel: "error",
    errorHandler: (error) => errors.push(error),
  });
  return {
    client: client as unknown as Client,
    async flush() {
      await client.flush();
      return errors;
    },
  };
}

describe.each([
  ["@segment/analytics-node", segment],
  ["@rudderstack/rudder-sdk-node", rudder],
])("%s", (_, connect) => {
  test("identify, page, track, screen, group and alias arrive as they were told", async () => {
    const [visitor, user] = [unique("v"), unique("u")];
    const start = Date.now() - HOUR;
    const at = (minutes: number) => new Date(start + minutes * 60_000);
    const { client, flush } = connect(site.writeKey);
    client.identify({
      anonymousId: visitor,
      userId: user,
      traits: { email: `${user}@acme.example`, title: "Chief of Staff" },
      timestamp: at(0),
    });
    const properties = { path: "/pricing", url: "https://shop.example/pricing", title: "Pricing" };
    client.page({ anonymousId: visitor, name: "Pricing", properties, timestamp: at(1) });
    client.track({ anonymousId: visitor, event: "Form Submitted", properties: { form: "demo" }, timestamp: at(2) });
    client.screen({ anonymousId: visitor, name: "Home", timestamp: at(3) });
    client.group({ anonymousId: visitor, groupId: "acme", traits: { plan: "pro" }, timestamp: at(4) });
    client.alias({ userId: user, previousId: visitor, timestamp: at(5) });
    expect(await flush()).toEqual([]);

    // One of the clients sends in two requests and waits for the first only.
    await expect
      .poll(async () => (await site.events(`visitor:${visitor}`)).length, { timeout: 10_000 })
      .toBeGreaterThan(4);
    const lead = await site.lead(`visitor:${visitor}`);
    expect(lead).toMatchObject({
      known: true,
      email: `${user}@acme.example`,
      traits: { title: "Chief of Staff" },
      score: 15 + 30 + 2 + 20 + 5,
      temperature: "hot",
      visits: 1,
      pageviews: 1,
    });
    expect(lead.userIds).toEqual([user]);
    expect(lead.visitors.map(({ id }) => id)).toContain(visitor);
    expect((await site.lead(`user:${user}`)).id).toBe(lead.id);

    const events = (await site.events(lead.id)).filter(({ type }) => type !== "alias");
    expect(events.map(({ type, event }) => event ?? type)).toEqual([
      "identify",
      "page",
      "Form Submitted",
      "screen",
      "group",
    ]);
    expect(events[0]?.traits).toMatchObject({ title: "Chief of Staff" });
    expect(events[1]?.properties).toMatchObject(properties);
    expect(events[2]?.properties).toMatchObject({ form: "demo" });
    expect(events[4]?.traits).toMatchObject({ plan: "pro" });
    // Corrected by the clock it was sent with, which is this machine's: off by the time under way at most.
    events.forEach((event: TimelineEvent, i) => {
      expect(Math.abs(Date.parse(event.timestamp) - at(i).getTime())).toBeLessThan(3_000);
    });
    for (const { messageId } of events) expect(messageId).toMatch(/\S{8,}/);
  });

  test("a user without a visitor", async () => {
    const user = unique("u");
    const { client, flush } = connect(site.writeKey);
    client.track({ userId: user, event: "Form Submitted", properties: { form: "demo" } } as never);
    expect(await flush()).toEqual([]);
    expect(await site.lead(`user:${user}`)).toMatchObject({ known: true, userIds: [user], score: 30 });
  });

  test("ids and names that are empty texts, as of somebody who has not signed in", async () => {
    const visitor = unique("v");
    const { client, flush } = connect(site.writeKey);
    const nobody = { anonymousId: visitor, userId: "", timestamp: new Date() };
    client.page({ ...nobody, name: "", properties: { path: "/pricing" } });
    client.track({ ...nobody, event: "Form Submitted", properties: { form: "demo" } });
    client.group({ ...nobody, groupId: "acme", traits: { plan: "pro" } });
    expect(await flush()).toEqual([]);
    await expect.poll(async () => (await site.events(`visitor:${visitor}`)).length, { timeout: 10_000 }).toBe(3);
    expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ known: false, pageviews: 1 });
  });

  test("120 events in one go, in order, once each", async () => {
    const visitor = unique("v");
    const { client, flush } = connect(site.writeKey);
    for (let i = 0; i < 120; i++) {
      client.page({ anonymousId: visitor, name: "p", properties: { path: `/${i}` }, timestamp: new Date() });
    }
    expect(await flush()).toEqual([]);
    await expect.poll(async () => (await site.lead(`visitor:${visitor}`)).pageviews, { timeout: 20_000 }).toBe(120);
    const paths = (await site.events(`visitor:${visitor}`)).map(({ properties }) => properties?.path);
    expect(new Set(paths).size).toBe(120);
  });

  test("a wrong key is told to the client", async () => {
    const { client, flush } = connect("nobody");
    client.page({ anonymousId: "v", name: "p", properties: {}, timestamp: new Date() });
    const outcome = await flush().catch((error: unknown) => [error]);
    expect(outcome.length).toBeGreaterThan(0);
  });
});
