/** Every page under the eyes of axe, as screen readers and people with weak eyes meet it: light and dark, wide and on a phone. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import axe, { type AxeResults, type RunOptions } from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Api, type List, page as pageView, type Site, track, unique } from "../support/api.ts";
import { launch } from "../support/browser.ts";
import { type Server, startServer } from "../support/server.ts";

/** Screens, px. */
const WIDE = 1280;
const PHONE = 390;

const RULES = {
  dimensions: { engagement: { decay: { halfLife: "30d" } }, fit: { max: 15 } },
  rules: [
    { id: "pricing", on: "page", where: { path: "/pricing*" }, points: 40, limit: { times: 1, per: "week" } },
    { id: "demo", on: "Form Submitted", where: { "properties.form": "demo" }, points: 50, limit: { times: 1 } },
    { id: "boss", dimension: "fit", while: { "traits.title": { in: ["*chief*", "head of*"] } }, points: 20 },
    { id: "careers", on: "page", where: { path: "/careers*" }, points: -10 },
    { id: "rival", while: { "email.domain": "rival.example" }, disqualify: "competitor" },
  ],
  levels: {
    temperature: [
      { name: "cold" },
      { name: "warm", when: { score: { gte: 35 } } },
      { name: "hot", when: { score: { gte: 65 } } },
    ],
    stage: [{ name: "lead" }, { name: "sql", when: { score: { gte: 65 } } }],
  },
};

let server: Server;
let browser: Browser;
let page: Page;
/** A site where much has happened, and one where nothing has. */
let site: Site;
let bare: Site;
let lead: string;
/** The webhook that is called in vain, and the one that was disabled. */
let failing: string;
let disabled: string;
const receiver = createServer((request, response) => {
  response.writeHead(request.url === "/gone" ? 410 : 503).end("closed for today");
});

/** A page, and what is done there before it is looked at. */
interface Look {
  name: string;
  path: () => string;
  act?: () => Promise<unknown>;
  /** A text by which one sees that it is there. */
  shows?: string;
}
const at = (path: string) => () => `/dashboard${path}${path.includes("?") ? "&" : "?"}site=${site.id}`;
const atBare = (path: string) => () => `/dashboard${path}?site=${bare.id}`;
const press = (name: string) => async () => await page.getByRole("button", { name, exact: true }).click();

// A new page is a line here.
const LOOKS: Look[] = [
  { name: "leads", path: at("?disqualified=true") },
  { name: "leads, none like that", path: at("?q=nobody") },
  { name: "leads, none yet", path: atBare("") },
  { name: "a lead", path: () => at(`/leads/${lead}`)() },
  { name: "rules", path: at("/rules") },
  { name: "rules as a table", path: at("/rules/edit") },
  { name: "rules as JSON", path: at("/rules/edit"), act: () => press("JSON")(), shows: "The rules as JSON" },
  {
    name: "a draft tried",
    path: at("/rules/edit"),
    act: () => page.fill("#story", "page /pricing").then(press("Test this visitor")),
    shows: "The made-up visitor",
  },
  {
    name: "rules previewed",
    path: at("/rules/edit"),
    act: () => changed("50", "12").then(press("Preview")),
    shows: "What it would do",
  },
  {
    name: "rules refused",
    path: at("/rules/edit"),
    act: () => changed('"points"', '"point"').then(press("Check")),
    shows: "nothing was published",
  },
  {
    name: "rules to be published",
    path: at("/rules/edit"),
    act: () => changed("50", "12").then(press("Publish…")),
    shows: "What changes",
  },
  { name: "a version to come back", path: at("/rules/rollback?version=2"), shows: "What changes" },
  { name: "versions of the rules", path: at("/rules/versions") },
  { name: "differences of two versions", path: at("/rules/diff?from=2&to=3") },
  { name: "set-up", path: at("/setup") },
  { name: "set-up, no event yet", path: atBare("/setup") },
  {
    name: "set-up refused",
    path: at("/setup"),
    act: () => page.fill("#retentionDays", "x").then(press("Save")),
    shows: "Not saved",
  },
  { name: "keys", path: at("/setup/keys") },
  {
    name: "a new key",
    path: at("/setup/keys"),
    act: () => page.fill("#name", "CRM").then(press("Make it")),
    shows: "I have it",
  },
  { name: "webhooks", path: at("/setup/webhooks") },
  { name: "webhooks, none yet", path: atBare("/setup/webhooks") },
  {
    name: "webhook refused",
    path: at("/setup/webhooks"),
    act: () => page.fill("#url", "ftp://a.b").then(press("Make it")),
    shows: "Not made",
  },
  { name: "a webhook that fails", path: () => at(`/setup/webhooks/${failing}`)(), shows: "Its calls fail" },
  { name: "a webhook that is disabled", path: () => at(`/setup/webhooks/${disabled}`)(), shows: "Not called any more" },
  {
    name: "a webhook tested in vain",
    path: () => at(`/setup/webhooks/${failing}`)(),
    act: () => press("Send a test")(),
    shows: "The test was not taken",
  },
  { name: "status", path: at("/setup/status") },
  { name: "reports", path: at("/reports") },
  { name: "reports, none yet", path: atBare("/reports") },
  { name: "reports of rules", path: at("/reports/rules") },
  { name: "reports of levels", path: at("/reports/levels") },
  { name: "reports of personalisation", path: at("/reports/personalisation") },
  { name: "a new site", path: at("/sites/new") },
  { name: "what is not there", path: at("/none") },
  { name: "the reference of the API", path: () => "/docs", act: () => thinned() },
];
const OUTSIDE: Look[] = [
  { name: "the door", path: () => "/dashboard/sign-in" },
  {
    name: "the door, kept shut",
    path: () => "/dashboard/sign-in",
    act: () => page.fill("#key", "x").then(press("Sign in")),
    shows: "No such key",
  },
];

async function changed(from: string, to: string): Promise<void> {
  await press("JSON")();
  const field = page.getByLabel("The rules as JSON");
  await field.fill((await field.inputValue()).replace(from, to));
}

/** Leaves one call in ten: all are made by the same component, and all together take axe a minute. */
async function thinned(): Promise<void> {
  await page.evaluate(() => {
    for (const [i, one] of [...document.querySelectorAll("article")].entries()) if (i % 10 !== 0) one.remove();
  });
}

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer({ isLimited: false }), launch()]);
  await new Promise<void>((resolve) => void receiver.listen(0, "127.0.0.1", resolve));
  const api = new Api((path, init) => fetch(server.url + path, init), server.key);
  [site, bare] = [await api.createSite(RULES), await api.createSite(RULES)];
  const hook = async (path: string) => {
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}${path}`;
    return (await site.rest<{ id: string }>("/v1/webhooks", { body: { url, events: ["lead.level.changed"] } })).body.id;
  };
  await site.publish({ ...RULES, rules: RULES.rules.slice(1) });
  [failing, disabled] = [await hook("/broken"), await hook("/gone")];
  await happen();
  page = await browser.newPage({ baseURL: server.url });
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  receiver.closeAllConnections();
  receiver.close();
});

/** A hot lead whom another browser claims to be, a competitor, somebody anonymous; and webhooks that were called. */
async function happen(): Promise<void> {
  const email = `${unique("ines")}@tarnvalley.example`;
  const identified = (anonymousId: string, traits: object) => ({
    type: "identify",
    messageId: unique("m"),
    anonymousId,
    traits,
  });
  await site.import([
    pageView("ines", "/pricing", { context: { campaign: { name: "autumn", source: "news" } } }),
    identified("ines", { name: "Ines Halvorsen", title: "Head of inbound", company: "Tarn Valley", email }),
    track("ines", "Form Submitted", { form: "demo" }),
    pageView("rival", "/pricing"),
    identified("rival", { email: `${unique("r")}@rival.example` }),
    pageView("somebody", "/careers"),
  ]);
  await site.post([pageView("eve", "/careers"), identified("eve", { email })]);
  lead = (await site.lead("visitor:ines")).id;
  await site.rest(`/v1/leads/${lead}`, { method: "PATCH", body: { status: "opportunity", feedback: "qualified" } });
  await vi.waitFor(async () => {
    const { body } = await site.rest<List<{ disabled: unknown }>>("/v1/webhooks");
    expect(body.data.filter((one) => one.disabled !== null)).toHaveLength(1);
  });
}

/** Of all that axe knows, what depends on colours. */
const COLOURS = ["color-contrast", "link-in-text-block"];

/** What axe finds serious or worse on the page as it is, a line each. */
async function findings(rules?: string[]): Promise<string[]> {
  // Under our policy no script may be put into the page; the debugger's may.
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe.source);
  const options: RunOptions = { resultTypes: ["violations"], preload: false, ...(rules && { runOnly: rules }) };
  const { violations } = await page.evaluate(
    async (how) => await (window as unknown as { axe: { run(how: RunOptions): Promise<AxeResults> } }).axe.run(how),
    options,
  );
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id} ${target} ${failureSummary}`));
}

async function look({ path, act, shows }: Look): Promise<void> {
  await page.setViewportSize({ width: WIDE, height: 900 });
  await page.goto(path());
  await act?.();
  await (shows ? page.getByText(shows).first() : page.locator("h1")).waitFor();
  // What is folded away is there too.
  await page.evaluate(() => {
    for (const one of document.querySelectorAll("details")) one.open = true;
  });
  for (const width of [WIDE, PHONE]) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme: "light" });
    expect(await page.evaluate(() => document.documentElement.scrollWidth), "it fits").toBeLessThanOrEqual(width);
    expect(await findings(), `${width} px`).toEqual([]);
    await page.emulateMedia({ colorScheme: "dark" });
    expect(await findings(COLOURS), `${width} px, dark`).toEqual([]);
  }
}

test.each(OUTSIDE)("$name", look);

test("the door opens", async () => {
  await page.goto("/dashboard/sign-in");
  await page.getByLabel("Secret key").fill(server.key);
  await press("Sign in")();
  await page.locator("header.top").waitFor();
});

test.each(LOOKS)("$name", look);

test("axe is there to find what is wrong", async () => {
  await page.goto(at("")());
  await page.evaluate(() =>
    document.querySelector("[type=search]")?.closest("label")?.replaceWith(document.createElement("input")),
  );
  expect((await findings()).join()).toMatch(/^label /);
  await page.locator("h1").evaluate((one) => {
    one.style.color = "gray";
    one.style.background = "dimgray";
  });
  expect((await findings(COLOURS)).join()).toMatch(/^color-contrast h1/);
});
