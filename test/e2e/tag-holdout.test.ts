/** The hold-out and the impressions in a real browser: who keeps the default, and what is told of who saw what. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import type { WireMessage } from "../../snippet/wire";
import { type Collector, CSS_LINE, INLINE_SCRIPT, soon, useTag } from "../support/collector";

let collector: Collector;
let page: Page;
useTag((fixture) => {
  ({ collector, page } = fixture);
});

const HEAD = `<style>${CSS_LINE}</style>${INLINE_SCRIPT}<script>
  window.kelvin=function(){(kelvin.q=kelvin.q||[]).push(arguments)};var seen=[];kelvin("on","score",(s)=>seen.push(s))</script>`;
const BODY = `<button data-kelvin-cta="hero" data-kelvin-show="cold">C</button><button data-kelvin-cta="hero" data-kelvin-show="hot">H</button>
  <div style="height:3000px"></div><a data-kelvin-cta="foot" data-kelvin-variant="b">F</a>`;
const HOT = { temperature: "hot", score: 70, validUntil: null };

const temperature = () => page.evaluate(() => document.documentElement.getAttribute("data-kelvin"));
const visible = () => page.locator("button:visible").allTextContents();
const seen = () => page.evaluate(() => Reflect.get(window, "seen"));
const rules = () => page.evaluate(() => document.adoptedStyleSheets.flatMap(({ cssRules }) => [...cssRules]).length);
const acknowledged = () =>
  page.waitForFunction(
    () => localStorage.kelvin_last && !Object.keys(localStorage).some((key) => /^kelvin_m/.test(key)),
  );
const call = (...values: unknown[]) =>
  page.evaluate((list) => (window as unknown as { kelvin(...list: unknown[]): void }).kelvin(...list), values);
const last = (event: string): WireMessage | undefined =>
  collector.messages.filter((message) => message.event === event).at(-1);

/** Opens the page at a share, and waits for its answer. */
async function open(tag: string, path = "/"): Promise<void> {
  collector.page(path, { head: HEAD, body: BODY, tag });
  collector.answer = () => ({ body: HOT });
  await page.goto(collector.url(path));
  await acknowledged();
}

/** Scrolls, lets the tag see it, and goes to another page. */
async function scrollAndLeave(by: number): Promise<void> {
  const before = collector.properties("Page Engaged").length;
  await page.evaluate(async (pixels) => {
    await new Promise((resolve) => {
      addEventListener("scroll", resolve, { once: true });
      scrollBy(0, pixels);
    });
  }, by);
  await page.goto(collector.url("/next"));
  await expect.poll(() => collector.properties("Page Engaged").length, soon).toBe(before + 1);
}

test("with a share of 100 the page keeps its default, now and when the visitor returns; clicks tell the true temperature", async () => {
  await open('data-holdout="100"');
  const expectDefault = async () => {
    expect([await temperature(), await visible(), await seen(), await rules()]).toEqual([null, ["C"], [], 0]);
    await page.click("button:visible");
    const clicked = { cta: "hero", variant: "cold", temperature: "hot" };
    await expect.poll(() => last("CTA Clicked")?.properties, soon).toEqual(clicked);
    expect(last("CTA Clicked")?.context.heldOut).toBe(true);
  };
  await expectDefault();
  // The next page has no answer: it goes by what the last one left.
  collector.answer = () => ({ status: 500 });
  collector.requests.length = 0;
  await page.goto(collector.url());
  await page.waitForFunction(() => Reflect.get(Reflect.get(window, "kelvin") ?? {}, "on"));
  await expectDefault();
});

test("with a share of 0 it is personalised, and says so; where nobody is held out nothing is said", async () => {
  await open('data-holdout="0"');
  await expect.poll(seen, soon).toEqual([HOT]);
  expect([await temperature(), await visible(), await rules()]).toEqual(["hot", ["H"], 1]);
  await call("track", "Later");
  await expect.poll(() => last("Later")?.context.heldOut, soon).toBe(false);
  await open("");
  await call("track", "Plain");
  await expect.poll(() => last("Plain"), soon).toBeDefined();
  expect(last("Plain")?.context).not.toHaveProperty("heldOut");
});

test("a visitor's number decides, on every page; a new visitor has a new one", async () => {
  const number = () => page.evaluate(() => Number.parseInt(localStorage.kelvin_id.slice(0, 9), 33) % 100);
  await open('data-holdout="0"');
  const mine = await number();
  for (const path of ["/", "/other"]) {
    await open(`data-holdout="${mine + 1}"`, path);
    expect([await temperature(), await visible()]).toEqual([null, ["C"]]);
    await open(`data-holdout="${mine}"`, path);
    expect([await temperature(), await visible()]).toEqual(["hot", ["H"]]);
  }
  // Half of all: some of the next visitors are held out, some are not.
  await open('data-holdout="50"');
  const found = new Set<string>();
  for (let tries = 0; found.size < 2 && tries < 40; tries++) {
    await call("reset");
    await call("track", "New");
    await acknowledged();
    const held = (await number()) < 50;
    expect(await temperature()).toBe(held ? null : "hot");
    found.add(String(held));
  }
  expect(found.size).toBe(2);
});

test("who saw what is told with the engagement: what was in view, and nothing else of the page", async () => {
  await open('data-holdout="0"');
  await scrollAndLeave(200);
  const told = last("Page Engaged");
  expect(Object.keys(told?.properties ?? {}).sort()).toEqual(["scroll", "seconds"]);
  expect(Object.keys(told?.context ?? {}).sort()).toEqual(["automated", "heldOut", "page", "shown"]);
  const hero = { cta: "hero", variant: "hot", temperature: "hot" };
  expect(told?.context).toMatchObject({ heldOut: false, shown: [hero] });
  expect(told?.context.shown).toEqual([hero]);
  // Further down there is another one; what was scrolled past counts.
  await open('data-holdout="0"');
  await scrollAndLeave(5000);
  expect(last("Page Engaged")?.context.shown).toEqual([hero, { cta: "foot", variant: "b", temperature: "hot" }]);
});

test("a site that wants no clicks on calls to action told, has no sights of them told", async () => {
  await open('data-auto="page,engagement"');
  await scrollAndLeave(200);
  expect(last("Page Engaged")?.context.shown).toEqual([]);
});
