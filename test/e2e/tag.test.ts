/** The tag's queue in a real browser: what goes over the wire, when, and that nothing is lost. */
import type { BrowserContext, Page } from "playwright-core";
import { expect, test } from "vitest";
import { type Collector, soon, useTag } from "../support/collector";

let collector: Collector;
let context: BrowserContext;
let page: Page;
useTag((fixture) => {
  ({ collector, context, page } = fixture);
});

const stored = (of: Page = page) =>
  of.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith("kelvin_m")).length);
const call = (...values: unknown[]) =>
  page.evaluate((list) => (window as unknown as { kelvin(...list: unknown[]): void }).kelvin(...list), values);

test("a page view is one request without preflight, a simple POST of text", async () => {
  await page.goto(collector.url("/pricing?ref=x#plans"));
  await expect.poll(stored, soon).toBe(0);
  expect(collector.requests).toHaveLength(1);
  const [request] = collector.requests;
  expect(request).toMatchObject({ method: "POST", contentType: "text/plain;charset=UTF-8" });
  expect(request?.batch).toMatchObject({
    writeKey: "demo",
    visitor: "new",
    sentAt: expect.stringMatching(/^\d{4}-.*Z$/),
  });
  const message = collector.messages[0];
  const about = { path: "/pricing", url: collector.url("/pricing?ref=x#plans"), referrer: "", title: "Shop" };
  expect(message).toMatchObject({ type: "page", properties: about, context: { page: about, automated: true } });
  expect(Math.abs(Date.now() - Date.parse(message?.timestamp ?? ""))).toBeLessThan(10_000);
});

test("calls made before the script has loaded are replayed in order, in the page view's request", async () => {
  const stub = "window.kelvin=window.kelvin||function(){(kelvin.q=kelvin.q||[]).push(arguments)}";
  collector.page("/", {
    head: `<script>${stub};kelvin('track','A',{n:1});kelvin('identify',{userId:'u',traits:{plan:'x'},token:'jwt'});kelvin('track','B')</script>`,
  });
  await page.goto(collector.url());
  await expect.poll(() => collector.story, soon).toEqual(["page /", "A", "identify", "B"]);
  expect(collector.requests).toHaveLength(1);
  expect(collector.messages[1]).toMatchObject({ type: "track", event: "A", properties: { n: 1 } });
  expect(collector.messages[2]).toMatchObject({ userId: "u", traits: { plan: "x" }, context: { token: "jwt" } });
});

test("included twice, the script runs once; nonsense calls break nothing", async () => {
  const element = `<script src="${collector.url("/k.js", "kelvin.test")}" data-site="demo"></script>`;
  collector.page("/", { script: element + element });
  await page.goto(collector.url());
  for (const nonsense of [[], ["nothing"], ["identify"], ["track"], ["on", "score"], ["page", 3], [null, {}]])
    await call(...nonsense);
  await page.evaluate(() => {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    (window as unknown as { kelvin(...list: unknown[]): void }).kelvin("track", "Circular", circular);
  });
  await call("track", "Marker");
  await expect.poll(() => collector.story, soon).toContain("Marker");
  expect(collector.story.filter((line) => line === "page /")).toHaveLength(2);
  expect(collector.story).not.toContain("Circular");
});

test("data-api names another host", async () => {
  collector.page("/", { tag: `data-api="${collector.url("", "api.test")}"` });
  const sent = page.waitForRequest(/v1\/batch/);
  await page.goto(collector.url());
  expect((await sent).url()).toBe(collector.url("/v1/batch", "api.test"));
});

test("a tab closed 150 ms after load, with a service that takes 500 ms, loses nothing", async () => {
  collector.answer = () => ({ delayMs: 500 });
  await page.goto(collector.url("/bounce"));
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 150)));
  await page.close({ runBeforeUnload: false });
  await expect.poll(() => collector.story, soon).toContain("page /bounce");
});

test("what a hidden page has to say goes as a beacon, and is acknowledged by the next page's fetch", async () => {
  await page.goto(collector.url("/a"));
  await expect.poll(stored, soon).toBe(0);
  await page.evaluate(() => {
    // Said in the very task that ends the page.
    addEventListener(
      "pagehide",
      () => (window as unknown as { kelvin(...list: unknown[]): void }).kelvin("track", "Last"),
      true,
    );
  });
  await page.goto(collector.url("/b"));
  await expect.poll(() => collector.story, soon).toEqual(expect.arrayContaining(["page /a", "Last", "page /b"]));
  await expect.poll(stored, soon).toBe(0);
});

test("a beacon that is refused goes as a fetch instead; the page is never kept from unloading", async () => {
  await page.addInitScript(() => {
    const used: string[] = [];
    Object.assign(window, { used });
    const listen = EventTarget.prototype.addEventListener;
    EventTarget.prototype.addEventListener = function (type: string, ...rest: never[]) {
      used.push(type);
      return Reflect.apply(listen, this, [type, ...rest]);
    };
    Object.defineProperty(navigator, "sendBeacon", {
      value: () => {
        used.push("beacon");
        return false;
      },
    });
  });
  await page.goto(collector.url());
  await expect.poll(stored, soon).toBe(0);
  const used = await page.evaluate(() => {
    (window as unknown as { kelvin(...list: unknown[]): void }).kelvin("track", "Refused");
    dispatchEvent(new PageTransitionEvent("pagehide"));
    return Reflect.get(window, "used");
  });
  expect(used).toContain("beacon");
  expect(used).not.toContain("unload");
  expect(used).not.toContain("beforeunload");
  await expect.poll(() => collector.story, soon).toContain("Refused");
  await expect.poll(stored, soon).toBe(0);
});

test("after failures the same messages are sent again, with the same ids", async () => {
  collector.answer = (_, number) => ({ status: [500, 429, 408, 503][number] ?? 200 });
  await page.goto(collector.url("/again"));
  await expect.poll(() => collector.requests.length, { timeout: 30_000 }).toBe(5);
  await expect.poll(stored, soon).toBe(0);
  expect(new Set(collector.requests.map((request) => request.batch.batch[0]?.messageId)).size).toBe(1);
  expect(collector.messages).toHaveLength(1);
}, 60_000);

test("a refusal for good is not resent; 202 counts as acknowledged", async () => {
  for (const status of [400, 401, 403, 413, 202]) {
    collector.answer = () => ({ status });
    await page.goto(collector.url(`/${status}`));
    await expect.poll(() => collector.story, soon).toContain(`page /${status}`);
    await expect.poll(stored, soon).toBe(0);
  }
  collector.answer = () => ({});
  await page.goto(collector.url("/after"));
  await expect.poll(() => collector.story, soon).toContain("page /after");
  expect(collector.requests.at(-1)?.batch.batch).toHaveLength(1);
});

test("offline, messages are kept; they are sent when the network is back, and by the next page", async () => {
  await page.goto(collector.url());
  await expect.poll(stored, soon).toBe(0);
  await context.setOffline(true);
  await page.evaluate(() => {
    const { kelvin } = window as unknown as { kelvin(...list: unknown[]): void };
    for (let n = 0; n < 20; n++) kelvin("track", "Offline", { n });
  });
  await expect.poll(stored, soon).toBe(20);
  await context.setOffline(false);
  await expect.poll(stored, soon).toBe(0);
  // In the order they were made, though many were made in the same millisecond.
  const sent = collector.properties("Offline").map(({ n }) => n);
  expect(sent.slice(-20)).toEqual(Array.from({ length: 20 }, (_, n) => n));

  collector.answer = () => ({ status: 500 });
  await call("track", "Kept");
  await expect.poll(() => collector.story, soon).toContain("Kept");
  collector.answer = () => ({});
  await page.goto(collector.url("/next"));
  await expect.poll(stored, soon).toBe(0);
  expect(collector.requests.at(-1)?.batch.batch.map((message) => message.event ?? message.type)).toEqual(
    expect.arrayContaining(["Kept", "page"]),
  );
});

test("a burst is split into small requests, which share the 64 KiB of keepalive, and arrives whole", async () => {
  await page.goto(collector.url());
  await expect.poll(stored, soon).toBe(0);
  collector.answer = () => ({ delayMs: 300 });
  await page.evaluate(() => {
    const { kelvin } = window as unknown as { kelvin(...list: unknown[]): void };
    for (let n = 0; n < 300; n++) kelvin("track", "Burst", { n, filler: "ü".repeat(200) });
  });
  await expect.poll(() => collector.properties("Burst").length, soon).toBe(300);
  await expect.poll(stored, soon).toBe(0);
  for (const { body, batch } of collector.requests) {
    expect(body.length).toBeLessThan(17_000);
    expect(batch.batch.length).toBeLessThanOrEqual(100);
  }
  // Each was taken at the first try: none was refused for lack of room and sent again.
  const ids = collector.requests.flatMap((request) => request.batch.batch.map((message) => message.messageId));
  expect(new Set(ids).size).toBe(ids.length);
});

test("the store is bounded: of too many, the newest are kept; one that is too long is not", async () => {
  collector.answer = () => ({ status: 503 });
  await page.goto(collector.url());
  await page.evaluate(() => {
    const { kelvin } = window as unknown as { kelvin(...list: unknown[]): void };
    for (let n = 0; n < 150; n++) kelvin("track", "Many", { n });
    kelvin("track", "Long", { text: "x".repeat(40_000) });
  });
  await expect.poll(stored, soon).toBe(100);
  const kept = await page.evaluate(() =>
    Object.keys(localStorage)
      .filter((key) => key.startsWith("kelvin_m"))
      .map((key) => JSON.parse(localStorage[key]).properties.n),
  );
  expect(Math.max(...kept)).toBe(149);
  expect(collector.story).not.toContain("Long");
});

test("two tabs share the queue without erasing each other's part", async () => {
  collector.answer = () => ({ status: 503 });
  const other = await context.newPage();
  await page.goto(collector.url("/one"));
  await other.goto(collector.url("/two"));
  await expect.poll(() => collector.story.sort(), soon).toEqual(["page /one", "page /two"]);
  expect(await stored()).toBe(2);
  expect(new Set(collector.messages.map((message) => message.anonymousId)).size).toBe(1);
  await other.close();
  collector.answer = () => ({});
  await page.goto(collector.url("/three"));
  await expect.poll(stored, soon).toBe(0);
  expect(collector.story.sort()).toEqual(["page /one", "page /three", "page /two"]);
});

test("a stored entry that is not ours to read stops nothing", async () => {
  await page.goto(collector.url());
  await expect.poll(stored, soon).toBe(0);
  await page.evaluate(() => localStorage.setItem("kelvin_m0", "{broken"));
  await page.goto(collector.url("/b"));
  await expect.poll(() => collector.story, soon).toContain("page /b");
});
