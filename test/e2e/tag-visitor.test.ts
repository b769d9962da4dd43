/** Who the visitor is, what they agreed to: consent, opt-out, storage and identity. */
import type { BrowserContext, Page } from "playwright-core";
import { expect, test } from "vitest";
import { type Collector, INLINE_SCRIPT, soon, useTag } from "../support/collector";

let collector: Collector;
let context: BrowserContext;
let page: Page;
useTag((fixture) => {
  ({ collector, context, page } = fixture);
});

const call = (...values: unknown[]) =>
  page.evaluate((list) => (window as unknown as { kelvin(...list: unknown[]): void }).kelvin(...list), values);
const storage = () => page.evaluate(() => ({ ...localStorage }) as Record<string, string>);
const loaded = () => page.waitForFunction(() => Reflect.get(Reflect.get(window, "kelvin") ?? {}, "on"));
const temperature = () => page.evaluate(() => document.documentElement.getAttribute("data-kelvin"));

test("where consent is required nothing is stored or sent before it, and nothing from before it afterwards", async () => {
  collector.page("/", { tag: 'data-consent="required"', body: '<a href="#x" data-kelvin-cta="early">x</a>' });
  await page.goto(collector.url());
  await loaded();
  await call("track", "Early");
  await call("identify", { userId: "early" });
  await call("reset");
  await call("consent", false);
  await page.click("a");
  expect(await storage()).toEqual({});
  await call("consent", true);
  await call("consent", true);
  await call("track", "Late");
  await expect.poll(() => collector.story, soon).toEqual(["page /", "Late"]);
  // It is remembered: the next page view goes out by itself, and agreeing again is no second one.
  await page.goto(collector.url());
  await expect.poll(() => collector.story, soon).toEqual(["page /", "Late", "page /"]);
  await call("consent", true);
  await call("track", "End");
  await expect.poll(() => collector.story, soon).toEqual(["page /", "Late", "page /", "End"]);
});

test("withdrawing consent clears everything, has the cookie forgotten, and stops", async () => {
  for (const tag of ['data-consent="required"', ""]) {
    collector.reset();
    collector.page("/", { tag });
    collector.answer = () => ({ body: { temperature: "hot", score: 90 } });
    await page.goto(collector.url());
    await loaded();
    if (tag) await call("consent", true);
    await page.waitForSelector("html[data-kelvin=hot]");
    await call("consent", false);
    expect(await temperature()).toBeNull();
    await expect.poll(() => collector.requests.at(-1)?.batch, soon).toMatchObject({ visitor: "forget", batch: [] });
    const count = collector.requests.length;
    await call("track", "Late");
    await call("consent", false);
    // A refusal is remembered where it is not the default, by a bare flag.
    expect(await storage()).toEqual(tag ? {} : { kelvin_consent: "0" });
    await page.goto(collector.url());
    await loaded();
    await call("consent", false);
    await call("track", "Later");
    const other = await context.newPage();
    collector.page("/open", {});
    await other.goto(collector.url("/open", "elsewhere.test"));
    await expect.poll(() => collector.story, soon).toContain("page /open");
    expect(collector.requests.length).toBe(count + 1);
    expect(collector.story).not.toContain("Late");
    await other.close();
    await call("consent", true);
    await expect.poll(() => collector.story.filter((line) => line === "page /").length, soon).toBe(2);
    // Answered, so that the next round's page has nothing left to send again.
    await page.waitForSelector("html[data-kelvin=hot]");
  }
});

test("withdrawn in one tab, the other stops too", async () => {
  await page.goto(collector.url("/a"));
  const other = await context.newPage();
  await other.goto(collector.url("/b"));
  await expect.poll(() => collector.story, soon).toEqual(["page /a", "page /b"]);
  await other.evaluate(() => (window as unknown as { kelvin(...list: unknown[]): void }).kelvin("consent", false));
  await expect.poll(() => collector.requests.at(-1)?.batch.visitor, soon).toBe("forget");
  await call("track", "Late");
  await page.goto(collector.url("/c"));
  await loaded();
  expect(await storage()).toEqual({ kelvin_consent: "0" });
  expect(collector.story).toEqual(["page /a", "page /b"]);
});

test("under Global Privacy Control storage is never touched; an answer that one is opted out ends it all", async () => {
  await page.addInitScript(() => {
    Object.defineProperty(navigator, "globalPrivacyControl", { value: true });
    Object.defineProperty(window, "localStorage", {
      get: () => document.documentElement.setAttribute("data-touched", ""),
    });
  });
  collector.page("/", { head: INLINE_SCRIPT });
  collector.answer = () => ({ body: { temperature: "warm", score: 40 } });
  await page.goto(collector.url());
  await expect.poll(temperature, soon).toBe("warm");
  await call("track", "Counted");
  await expect.poll(() => collector.story, soon).toEqual(["page /", "Counted"]);
  expect(new Set(collector.messages.map((message) => message.anonymousId)).size).toBe(1);
  expect(await page.locator("html[data-touched]").count()).toBe(0);

  collector.answer = () => ({ body: { temperature: "cold", optedOut: true, visitor: undefined, score: undefined } });
  await call("track", "Told");
  await expect.poll(temperature, soon).toBe("cold");
  await call("track", "After");
  await page.goto(collector.url("/next"));
  await expect.poll(() => collector.story, soon).toContain("page /next");
  expect(collector.story).not.toContain("After");
});

test("an answer of opt-out clears what is stored", async () => {
  await page.goto(collector.url());
  await expect.poll(async () => (await storage()).kelvin_last, soon).toBeTruthy();
  collector.answer = () => ({ body: { temperature: "cold", optedOut: true } });
  await call("track", "X");
  await expect.poll(storage, soon).toEqual({});
});

test("storage that is blocked or full is no obstacle", async () => {
  await page.addInitScript(() => {
    Object.defineProperty(window, "localStorage", {
      get() {
        throw new DOMException("blocked", "SecurityError");
      },
    });
  });
  await page.goto(collector.url("/blocked"));
  await call("track", "Same visitor");
  await expect.poll(() => collector.story, soon).toEqual(["page /blocked", "Same visitor"]);
  expect(new Set(collector.messages.map((message) => message.anonymousId)).size).toBe(1);

  const full = await context.newPage();
  await full.addInitScript(() => {
    // Nothing is left but room for one short entry.
    for (let size = 6_000_000; size > 20; size = Math.floor(size / 2)) {
      try {
        localStorage.setItem(`fill${size}`, "x".repeat(size));
      } catch {
        // As full as it gets.
      }
    }
  });
  await full.goto(collector.url("/full"));
  await expect.poll(() => collector.story, soon).toContain("page /full");
  // Withdrawing reaches what was stored while there was room.
  await full.evaluate(() => {
    localStorage.setItem("kelvin_id", "x");
    (window as unknown as { kelvin(...list: unknown[]): void }).kelvin("consent", false);
  });
  expect(await full.evaluate(() => localStorage.getItem("kelvin_id"))).toBeNull();
});

test("the id: new until an answer names it; a cookie's id is taken over, for queued messages too", async () => {
  collector.answer = (_, number) => (number === 0 ? { status: 500 } : { body: { visitor: "from-cookie" } });
  await page.goto(collector.url());
  await expect.poll(async () => (await storage()).kelvin_id, soon).toBe("from-cookie");
  expect(collector.requests.map((request) => request.batch.visitor)).toEqual(["new", "new"]);
  await call("track", "After");
  await expect.poll(() => collector.messages.at(-1)?.anonymousId, soon).toBe("from-cookie");
  expect(collector.requests.at(-1)?.batch.visitor).toBeUndefined();
  // Reloaded, the same visitor.
  await page.goto(collector.url("/again"));
  await expect.poll(() => collector.messages.at(-1)?.anonymousId, soon).toBe("from-cookie");

  // A message is still on its way when the id changes: it is sent again under the new one.
  await page.evaluate(() => localStorage.setItem("kelvin_id", "young"));
  collector.answer = (batch) =>
    batch.batch.some((message) => message.event === "Slow")
      ? { status: batch.batch[0]?.anonymousId === "young" ? 500 : 200, delayMs: 200 }
      : { body: { visitor: "old" } };
  await call("track", "Slow");
  await expect.poll(() => collector.story, soon).toContain("Slow");
  await call("track", "Quick");
  await expect
    .poll(() => collector.requests.at(-1)?.batch.batch[0], soon)
    .toMatchObject({ event: "Slow", anonymousId: "old" });
});

test("reset: another visitor, who is told to the service, and to whom nothing of the last one is shown", async () => {
  collector.answer = () => ({ body: { temperature: "hot", score: 80 } });
  await page.goto(collector.url());
  await page.waitForSelector("html[data-kelvin=hot]");
  const before = (await storage()).kelvin_id;
  // An answer to the old visitor that comes after the reset changes nothing.
  collector.answer = () => ({ delayMs: 300, body: { temperature: "hot", score: 80 } });
  await call("track", "Last");
  await expect.poll(() => collector.story, soon).toContain("Last");
  await call("reset");
  expect(await temperature()).toBeNull();
  expect((await storage()).kelvin_last).toBeUndefined();
  await expect
    .poll(async () => Object.keys(await storage()).filter((key) => key.startsWith("kelvin_m")), soon)
    .toEqual([]);
  expect(await temperature()).toBeNull();
  collector.answer = () => ({ body: { temperature: "cold", score: 0 } });
  await call("track", "First");
  await expect.poll(temperature, soon).toBe("cold");
  const request = collector.requests.at(-1)?.batch;
  expect(request?.visitor).toBe("reset");
  expect(request?.batch[0]?.anonymousId).not.toBe(before);
  await call("track", "Second");
  await expect.poll(() => collector.story, soon).toContain("Second");
  expect(collector.requests.at(-1)?.batch.visitor).toBeUndefined();
});
