/** What the visitor sees: the page by temperature, at once and without flicker, whatever the service does. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { type Collector, CSS_LINE, INLINE_SCRIPT, soon, useTag } from "../support/collector";

const HOUR_MS = 3_600_000;
let collector: Collector;
let page: Page;
let errors: string[];
useTag((fixture) => {
  ({ collector, page, errors } = fixture);
});

const call = (...values: unknown[]) =>
  page.evaluate((list) => (window as unknown as { kelvin(...list: unknown[]): void }).kelvin(...list), values);
const storage = () => page.evaluate(() => ({ ...localStorage }) as Record<string, string>);
const loaded = () => page.waitForFunction(() => Reflect.get(Reflect.get(window, "kelvin") ?? {}, "on"));
const temperature = () => page.evaluate(() => document.documentElement.getAttribute("data-kelvin"));
const at = (ms: number) => new Date(Date.now() + ms).toISOString();
const shown = () => page.locator("[data-kelvin-show]:visible").allTextContents();
const SLOTS = `<p data-kelvin-show="cold">C</p><p data-kelvin-show="warm hot">WH</p><p data-kelvin-show="hot">H</p><p>always</p>`;
const CSS = `<style>${CSS_LINE}</style>`;

test("the page follows the temperature; without an answer it looks as for cold", async () => {
  collector.page("/", { head: CSS, body: SLOTS });
  collector.answer = () => ({ status: 500 });
  await page.goto(collector.url());
  await expect.poll(() => collector.requests.length, soon).toBeGreaterThan(0);
  expect(await shown()).toEqual(["C"]);
  const before = await page.locator("body").innerHTML();
  for (const [name, visible] of [
    ["warm", ["WH"]],
    ["hot", ["WH", "H"]],
    ["cold", ["C"]],
    ["tepid", []],
  ] as const) {
    collector.answer = () => ({ body: { temperature: name, score: 1 } });
    await page.goto(collector.url());
    await expect.poll(temperature, soon).toBe(name);
    expect(await shown()).toEqual(visible);
  }
  // The elements themselves are not touched.
  expect(await page.locator("body").innerHTML()).toBe(before);
});

test("a page without the line of CSS, and one whose policy forbids inline styles, are personalised too", async () => {
  const policy = `default-src 'none'; script-src ${collector.url("", "kelvin.test")}; connect-src ${collector.url("", "kelvin.test")}`;
  collector.page("/", { body: SLOTS, headers: { "content-security-policy": policy } });
  collector.answer = () => ({ body: { temperature: "warm", score: 1 } });
  await page.goto(collector.url());
  await expect.poll(temperature, soon).toBe("warm");
  expect(await shown()).toEqual(["WH"]);
});

test("the last temperature is shown at once while it is valid; the inline script does so before the tag has loaded", async () => {
  for (const [validUntil, valid] of [
    [null, true],
    [at(HOUR_MS), true],
    [at(-HOUR_MS), false],
  ] as const) {
    collector.page("/", { head: CSS, body: SLOTS });
    collector.answer = () => ({ body: { temperature: "hot", score: 70, validUntil } });
    await page.goto(collector.url());
    // Not what is seen: that may be what the round before left.
    await expect.poll(async () => JSON.parse((await storage()).kelvin_last ?? "{}").validUntil, soon).toBe(validUntil);
    // From now on no answer comes.
    collector.answer = () => ({ status: 500 });
    await page.goto(collector.url());
    await loaded();
    expect(await temperature()).toBe(valid ? "hot" : null);
    expect(await shown()).toEqual(valid ? ["WH", "H"] : ["C"]);
    // And without the tag.
    collector.page("/", { head: CSS + INLINE_SCRIPT, body: SLOTS, script: " " });
    await page.goto(collector.url());
    expect(await shown()).toEqual(valid ? ["WH", "H"] : ["C"]);
  }
});

test("on('score') is called with the last known score and with every answer; one that throws harms nobody", async () => {
  collector.answer = () => ({ body: { temperature: "warm", score: 41, validUntil: null } });
  await page.goto(collector.url());
  await page.waitForSelector("html[data-kelvin=warm]");
  await page.evaluate(() => {
    const { kelvin } = window as unknown as { kelvin(...list: unknown[]): void };
    const seen: unknown[] = [];
    Object.assign(window, { seen });
    kelvin("on", "score", () => {
      throw new Error("the page's own");
    });
    kelvin("on", "score", (score: unknown) => seen.push(score));
  });
  const seen = () => page.evaluate(() => Reflect.get(window, "seen"));
  await expect.poll(seen, soon).toEqual([{ temperature: "warm", score: 41, validUntil: null }]);
  collector.answer = () => ({ body: { temperature: "hot", score: 66, validUntil: "2030-01-01T00:00:00Z" } });
  await call("track", "X");
  await expect
    .poll(async () => (await seen()).at(-1), soon)
    .toEqual({ temperature: "hot", score: 66, validUntil: "2030-01-01T00:00:00Z" });
  // The mistake is reported as the page's.
  expect(errors.splice(0)).toEqual(["the page's own", "the page's own"]);
});

test("an answer that is late, or not one of ours, changes nothing", async () => {
  collector.answer = () => ({ body: { temperature: "warm", score: 40 } });
  await page.goto(collector.url());
  await page.waitForSelector("html[data-kelvin=warm]");
  collector.answer = (batch) =>
    batch.batch[0]?.event === "Early"
      ? { delayMs: 400, body: { temperature: "cold", score: 1 } }
      : { body: { temperature: "hot", score: 70 } };
  await call("track", "Early");
  await expect.poll(() => collector.story, soon).toContain("Early");
  await call("track", "Late");
  await expect.poll(temperature, soon).toBe("hot");
  await expect
    .poll(async () => Object.keys(await storage()).filter((key) => key.startsWith("kelvin_m")), soon)
    .toEqual([]);
  expect(await temperature()).toBe("hot");
  for (const body of ["", "<html>", "null", "[]", '{"success":true}', '"cold"']) {
    collector.answer = () => ({ body });
    await call("track", "Odd");
    await expect
      .poll(async () => Object.keys(await storage()).filter((key) => key.startsWith("kelvin_m")), soon)
      .toEqual([]);
    expect(await temperature()).toBe("hot");
  }
});
