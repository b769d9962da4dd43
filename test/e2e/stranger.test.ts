/**
 * What somebody sees who knows nothing of Kelvin but its manual: their own pages, on a site of their own, with the tag
 * of a running server; what the API shows of it afterwards; and what it must not show.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Api, type Lead, type List, PLAIN_RULES, type Site, type TimelineEvent, unique } from "../support/api.ts";
import { type Collector, type PageOptions, soon, useTag } from "../support/collector.ts";
import { type Server, startServer } from "../support/server.ts";

const MANUAL = readFileSync(join(import.meta.dirname, "../../docs/tag.md"), "utf8");
const [STUB, INLINE, CSS] = [
  /<script>window\.kelvin=.*<\/script>/,
  /<script>try\{.*<\/script>/,
  /<style>html:is.*<\/style>/,
].map((line) => line.exec(MANUAL)?.[0] ?? `not in the manual: ${line}`) as [string, string, string];
const SLOTS = `<a href="#c" data-kelvin-cta="hero" data-kelvin-show="cold">Read</a>
<a href="#h" data-kelvin-cta="hero" data-kelvin-show="warm hot">Book</a>`;
const FORM = `<form id="demo" onsubmit="return false"><input name="name" value="Typed Name"><input name="id" value="typed-77">
<input type="email" name="email" value="typed@secret.example"><textarea name="t">Typed text</textarea><button>Send</button></form>`;

let server: Server;
let api: Api;
let site: Site;
let collector: Collector;
let context: BrowserContext;
let page: Page;
useTag((fixture) => {
  ({ collector, context, page } = fixture);
});
beforeAll(async () => {
  server = await startServer();
  api = new Api((path, init) => fetch(server.url + path, init), server.key);
});
afterAll(() => server?.stop());
beforeEach(async () => {
  site = await api.createSite(PLAIN_RULES, [collector.url("")]);
});

/** The server under a name of another site than the pages'. */
const service = () => `http://kelvin.test:${server.port}`;

function serve(path: string, options: PageOptions = {}, attributes = ""): void {
  const script = `<script async src="${service()}/k.js" data-site="${site.writeKey}" ${attributes}></script>`;
  collector.page(path, { head: CSS + STUB, script, ...options });
}

async function open(path = "/"): Promise<void> {
  await page.goto(collector.url(path));
}

const call = (...values: unknown[]) =>
  page.evaluate((list) => (window as unknown as { kelvin(...list: unknown[]): void }).kelvin(...list), values);
const temperature = () => page.locator("html").getAttribute("data-kelvin");
const shown = () => page.locator("[data-kelvin-show]:visible").allTextContents();
const storage = () => page.evaluate(() => ({ ...localStorage }) as Record<string, string>);
const id = async () => (await storage()).kelvin_id ?? "";
const waiting = async () => Object.keys(await storage()).filter((key) => key.startsWith("kelvin_m")).length;
const leads = async () => (await site.rest<List<Lead>>("/v1/leads")).body.data;
const tell = ({ type, event, properties }: TimelineEvent) => event ?? `${type} ${properties?.path}`;

/** What the visitor did, as the API tells it, once nothing waits in the browser. */
async function story(visitor?: string): Promise<string[]> {
  await expect.poll(waiting, soon).toBe(0);
  return (await site.events(`visitor:${visitor ?? (await id())}`)).map(tell).filter((line) => line !== "Page Engaged");
}

test("on a site of its own: from calls before the script to a page that has changed, and nothing that was typed", async () => {
  serve("/pricing", {
    head: `${CSS}${STUB}<script>kelvin('track','Early',{n:1});kelvin('on','score',({temperature})=>{document.title=temperature})</script>`,
    body: SLOTS + FORM,
  });
  const sent: string[] = [];
  page.on("request", (request) => sent.push(`${request.method()} ${new URL(request.url()).pathname}`));
  const before = await page.evaluate(() => Object.getOwnPropertyNames(window));
  await open("/pricing");
  await expect.poll(temperature, soon).toBe("cold");
  expect(sent.filter((line) => line.includes("/v1/"))).toEqual(["POST /v1/batch"]);
  expect(await shown()).toEqual(["Read"]);

  await page.getByText("Read").click();
  await page.getByRole("button").click();
  await expect.poll(temperature, soon).toBe("hot");
  expect([await shown(), await page.title()]).toEqual([["Book"], "hot"]);
  await page.getByText("Book").click();

  expect(await story()).toEqual(["page /pricing", "Early", "CTA Clicked", "Form Submitted", "CTA Clicked"]);
  const lead = await site.lead(`visitor:${await id()}`);
  expect(lead).toMatchObject({ known: false, score: 71, temperature: "hot", visits: 1, pageviews: 1 });
  const events = await site.events(lead.id);
  expect(events.filter(({ event }) => event === "CTA Clicked").map(({ properties }) => properties)).toEqual([
    { cta: "hero", variant: "cold", temperature: "cold" },
    { cta: "hero", variant: "warm hot", temperature: "hot" },
  ]);
  expect(JSON.stringify([lead, events]).toLowerCase()).not.toContain("typed");
  expect(await context.cookies()).toEqual([]);
  const globals = await page.evaluate(() => Object.getOwnPropertyNames(window));
  expect(globals.filter((name) => !before.includes(name) && !/^\d+$/.test(name))).toEqual(["kelvin"]);
});

test("three pages while the service is down: hot as before, and all of it there once and in order afterwards", async () => {
  for (const path of ["/", "/a", "/b", "/careers", "/d"]) serve(path, { body: SLOTS + FORM });
  await open();
  await page.getByRole("button").click();
  await expect.poll(temperature, soon).toBe("hot");
  const visitor = await id();
  await context.route("**/v1/**", (route) => route.abort());
  for (const path of ["/a", "/b", "/careers"]) {
    await open(path);
    await expect.poll(temperature, soon).toBe("hot");
    expect(await shown()).toEqual(["Book"]);
    await expect.poll(waiting, soon).toBeGreaterThan(0);
  }
  await context.unroute("**/v1/**");
  await open("/d");
  await expect.poll(async () => (await story(visitor)).length, soon).toBe(6);
  expect(await story(visitor)).toEqual(["page /", "Form Submitted", "page /a", "page /b", "page /careers", "page /d"]);
  // Five pages, one of them careers, and the form: 5 - 10 + 70.
  expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ score: 65, pageviews: 5, visits: 1 });
  expect(await leads()).toHaveLength(1);
});

test("whoever claims to be a hot person keeps their own page; after a reset they are a stranger", async () => {
  const user = unique("u");
  await site.import([
    { type: "track", event: "Form Submitted", userId: user, messageId: unique(), properties: { form: "demo" } },
  ]);
  serve("/", { body: SLOTS });
  await open();
  await expect.poll(temperature, soon).toBe("cold");
  const first = await id();
  await call("identify", { userId: user, traits: { plan: "x" } });
  expect(await story()).toEqual(["Form Submitted", "page /", "identify undefined"]);
  expect([await temperature(), await shown()]).toEqual(["cold", ["Read"]]);
  expect((await site.me(first)).score).toBe(1);
  expect(await site.lead(`user:${user}`)).toMatchObject({ score: 71, temperature: "hot", verified: true });

  await call("reset");
  await call("track", "After");
  await expect.poll(async () => (await id()) !== first && (await waiting()) === 0, soon).toBe(true);
  expect(await story()).toEqual(["After"]);
  expect(await site.lead(`visitor:${await id()}`)).toMatchObject({ known: false, score: 0 });
});

test("an opted-out browser leaves nothing anywhere", async () => {
  await context.setExtraHTTPHeaders({ "Sec-GPC": "1" });
  serve("/", { body: SLOTS + FORM });
  await open();
  await expect.poll(temperature, soon).toBe("cold");
  await call("identify", { userId: "someone", traits: { email: "some@one.example" } });
  await page.getByRole("button").click();
  await open();
  await expect.poll(temperature, soon).toBe("cold");
  expect([await storage(), await context.cookies(), await leads()]).toEqual([{}, [], []]);
});

test("consent: no request, no lead before it; then this page only; withdrawn, nothing more", async () => {
  serve("/", { body: SLOTS + FORM }, 'data-consent="required"');
  const sent: string[] = [];
  page.on("request", (request) => request.url().includes("/v1/") && sent.push(request.url()));
  await open();
  await page.waitForFunction(() => Reflect.get(Reflect.get(window, "kelvin") ?? {}, "on"));
  await page.getByRole("button").click();
  await call("track", "Before");
  expect([sent, await storage(), await leads()]).toEqual([[], {}, []]);
  await call("consent", true);
  await expect.poll(temperature, soon).toBe("cold");
  const visitor = await id();
  expect(await story()).toEqual(["page /"]);
  await call("consent", false);
  await page.getByRole("button").click();
  await call("track", "Later");
  await open();
  await expect.poll(storage, soon).toEqual({});
  expect(await story(visitor)).toEqual(["page /"]);
});

test("a page that is clicked on and on: clicks on text cost nothing, each on a call to action counts once", async () => {
  serve("/", { body: `<p id="text">text</p><button data-kelvin-cta="many">Go</button>` });
  const sent: string[] = [];
  page.on("request", (request) => request.url().includes("/v1/") && sent.push(request.url()));
  await open();
  await expect.poll(temperature, soon).toBe("cold");
  await page.evaluate(() => {
    for (let i = 0; i < 3000; i++) document.getElementById("text")?.click();
  });
  expect(sent).toHaveLength(1);
  await page.evaluate(() => {
    for (let i = 0; i < 60; i++) document.querySelector("button")?.click();
  });
  expect(await story()).toEqual(["page /", ...Array(60).fill("CTA Clicked")]);
  expect(sent.length).toBeLessThan(10);
});

test("under the strictest policy, the manual's lines run by the manual's hashes", async () => {
  const hashes = (directive: string) =>
    [...MANUAL.matchAll(/`(\w+-src)` \| `('sha256-[^`]+')`/g)]
      .filter(([, name]) => name === directive)
      .map(([, , h]) => h);
  const policy = [
    "default-src 'none'",
    `script-src ${service()} ${hashes("script-src").join(" ")}`,
    `style-src ${hashes("style-src").join(" ")}`,
    `connect-src ${service()}`,
  ].join("; ");
  serve("/", { head: CSS + STUB + INLINE, body: SLOTS, headers: { "content-security-policy": policy } });
  const said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  await open();
  await expect.poll(temperature, soon).toBe("cold");
  await call("track", "Form Submitted", { form: "demo" });
  await expect.poll(temperature, soon).toBe("hot");
  await context.route("**/k.js", (route) => route.abort());
  await open();
  expect([await temperature(), await shown()]).toEqual(["hot", ["Book"]]);
  expect(said.filter((text) => /policy|hash/i.test(text))).toEqual([]);
});

describe("people with awkward names", () => {
  test.each(["a/b:c", "user:email:x", "50%25 off?&#", "👩‍💻 עברית", "__proto__"])(
    "%s is found by every form of id",
    async (name) => {
      const [visitor, email] = [unique("v"), `${unique("Ann")}+tag@Acme.example`];
      const body = {
        // As Segment's library for browsers sends it.
        type: "identify",
        traits: { email },
        userId: name,
        anonymousId: visitor,
        messageId: `ajs-next-${visitor}`,
        context: { library: { name: "analytics.js", version: "npm:next-1.70.0" }, page: { path: "/" } },
        writeKey: site.writeKey,
        sentAt: new Date(),
      };
      const headers = { "content-type": "text/plain", origin: collector.url("") };
      expect((await api.json("/v1/identify", { body: `\ufeff${JSON.stringify(body)}`, headers })).body).toMatchObject({
        success: true,
        visitor,
        rejected: [],
      });
      const forms = [`user:${name}`, `email:${email}`, `email:${email.toLowerCase()}`, `visitor:${visitor}`];
      const found = await Promise.all(forms.map((form) => site.lead(form)));
      expect(new Set(found.map((lead) => lead.id)).size).toBe(1);
      expect(found[0]).toMatchObject({ known: true, verified: false, email, userIds: [name], account: "acme.example" });
    },
  );
});
