/** The dashboard as a marketer meets it, in a browser: the ways through it, what it keeps safe, and how it fits. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Api, type Message, page as pageView, type Site, track, unique } from "../support/api.ts";
import { complaintsOf, launch } from "../support/browser.ts";
import { type Server, startServer } from "../support/server.ts";

const DAY_MS = 86_400_000;

const RULES = {
  dimensions: { engagement: { decay: { halfLife: "30d" } }, fit: { max: 15 } },
  rules: [
    { id: "pricing", on: "page", where: { path: "/pricing*" }, points: 40, limit: { times: 1, per: "week" } },
    { id: "demo", on: "Form Submitted", where: { "properties.form": "demo" }, points: 50, limit: { times: 1 } },
    { id: "boss", dimension: "fit", while: { "traits.title": { in: ["*chief*", "head of*"] } }, points: 20 },
    { id: "careers", on: "page", where: { path: "/careers*" }, points: -10 },
    { id: "regular", while: { visits: { gte: 5 } }, points: 5 },
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
let api: Api;
let context: BrowserContext;
let page: Page;
/** What the browser complained of. */
let complaints: string[];

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
  api = new Api((path, init) => fetch(server.url + path, init), server.key);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});
beforeEach(async () => await open());
afterEach(async () => {
  expect(complaints).toEqual([]);
  await context.close();
});

async function open(options: Parameters<Browser["newContext"]>[0] = {}): Promise<void> {
  await context?.close();
  context = await browser.newContext({ baseURL: server.url, ...options });
  page = await context.newPage();
  complaints = complaintsOf(page);
}

async function signIn(path = "/dashboard"): Promise<void> {
  await page.goto(path);
  await page.getByLabel("Secret key").fill(server.key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("header.top").waitFor();
}

const of = (site: Site, path = "") => `/dashboard${path}${path.includes("?") ? "&" : "?"}site=${site.id}`;
const headings = (name: string | RegExp) => page.getByRole("heading", { name });

/** A lead that is hot: a head of something who saw the prices and asked for a demo. */
async function hotLead(site: Site, name = "Ines Halvorsen", more: Message = {}): Promise<string> {
  const visitor = unique("v");
  const ago = (days: number): Message => ({ timestamp: new Date(Date.now() - days * DAY_MS).toISOString() });
  const traits = {
    name,
    title: "Head of inbound",
    company: "Tarn Valley",
    email: `${unique("ines")}@tarnvalley.example`,
    ...more,
  };
  await site.import([
    pageView(visitor, "/", ago(4)),
    pageView(visitor, "/pricing", ago(3)),
    { type: "identify", messageId: unique("m"), anonymousId: visitor, traits, ...ago(2) },
    track(visitor, "Form Submitted", { form: "demo" }, ago(2)),
  ]);
  return (await site.lead(`visitor:${visitor}`)).id;
}

async function edit(change: (text: string) => string): Promise<void> {
  const field = page.getByLabel("The rules as JSON");
  await field.fill(change(await field.inputValue()));
}

describe("a person", () => {
  const claim = (site: Site, visitor: string, email: string) =>
    site.post([
      pageView(visitor, "/careers"),
      { type: "identify", messageId: unique("m"), anonymousId: visitor, traits: { email } },
    ]);

  test("what a browser claimed is split off; sales' notes act; a copy is to be had; and all of it goes", async () => {
    const site = await api.createSite({
      ...RULES,
      rules: [...RULES.rules, { id: "customer", while: { status: "customer" }, points: 7 }],
    });
    const id = await hotLead(site);
    const { email, score } = await site.lead(id);
    await claim(site, "eve", email ?? "");
    await signIn(of(site, `/leads/${id}`));
    await page
      .getByRole("button", { name: /Split off/ })
      .last()
      .click();
    await page.getByText("that browser has a lead of its own again").waitFor();
    expect((await site.lead(id)).score).toBe(score);
    expect((await site.lead("visitor:eve")).id).not.toBe(id);
    expect(await page.getByRole("button", { name: /Split off/ }).count(), "nothing is left to split").toBe(0);

    await page.getByLabel("Status").selectOption("customer");
    await page.getByLabel("Feedback").selectOption("qualified");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("the rules have acted on it").waitFor();
    expect(await site.lead(id)).toMatchObject({ status: "customer", feedback: "qualified", score: score + 7 });
    const noted = (await site.events(id)).length;
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("the rules have acted on it").waitFor();
    expect((await site.events(id)).length, "what stands there already is not said again").toBe(noted);

    await page.getByLabel("Outcome").selectOption("won");
    await page.getByLabel("Value").fill("1200");
    await page.getByRole("button", { name: "Record" }).click();
    await page.getByText("Outcome recorded; the rules").waitFor();
    expect((await page.locator(".timeline li").first().textContent()) ?? "").toContain("won, value 1200");

    const copied = page.waitForEvent("download");
    await page.getByRole("link", { name: /Export/ }).click();
    expect((await copied).suggestedFilename()).toBe(`${id}.json`);

    await page.getByText("Erase them").click();
    await page.getByRole("button", { name: "Erase", exact: true }).click();
    expect(new URL(page.url()).pathname, "not before one means it").toBe(`/dashboard/leads/${id}`);
    await page.getByLabel(/cannot be undone/).check();
    await page.getByLabel(/Also turn/).check();
    await page.getByRole("button", { name: "Erase", exact: true }).click();
    await page.getByText("nothing of them is kept").waitFor();
    expect(await site.leadStatus(id)).toBe(404);
    await claim(site, "again", email ?? "");
    expect(await site.leadStatus(`email:${email}`), "and the address is turned away").toBe(404);
  });

  test("whoever may only read sees no forms, and is refused without them", async () => {
    const site = await api.createSite(RULES);
    const id = await hotLead(site);
    const { body } = await api.rest<{ key: string }>("/v1/keys", { body: { name: "Reader", scopes: ["read"] } });
    await page.goto(of(site, `/leads/${id}`));
    await page.getByLabel("Secret key").fill(body.key);
    await page.getByRole("button", { name: "Sign in" }).click();
    await headings("Ines Halvorsen").waitFor();
    for (const name of ["Save", "Record", "Erase", "Split off"]) {
      expect(await page.getByRole("button", { name }).count(), name).toBe(0);
    }
    const statuses = await page.evaluate(
      async ([path, token]) =>
        await Promise.all(
          ["notes", "split", "erase"].map(async (action) => {
            const form = new URLSearchParams({ formToken: token ?? "", status: "customer", feedback: "" });
            return (await fetch(path?.replace("?", `/${action}?`) ?? "", { method: "POST", body: form })).status;
          }),
        ),
      [of(site, `/leads/${id}`), await page.locator("[name=formToken]").first().inputValue()],
    );
    expect(statuses).toEqual([403, 403, 403]);
    expect(await site.lead(id)).toMatchObject({ status: "open" });
    complaints = complaints.filter((one) => !one.includes("403"));
  });
});

describe("keys and secrets", () => {
  test("a key is made, shown once, opens what it should, and is taken away", async () => {
    const site = await api.createSite(RULES);
    await signIn(of(site, "/setup"));
    await page.getByRole("link", { name: "Keys" }).click();
    await page.getByLabel("Name").fill("Newsletter");
    await page.getByRole("button", { name: "Make it" }).click();
    const key = (await page.locator("#secret").textContent())?.trim() ?? "";
    expect((await site.api.json(`/v1/leads?site=${site.id}`, { key })).status).toBe(200);
    expect((await site.api.json("/v1/keys", { key })).status).toBe(403);
    await page.getByRole("link", { name: "I have it" }).click();
    expect(await page.content()).not.toContain(key);
    const sure = page.getByRole("button", { name: "Delete the key Newsletter for good" });
    expect(await sure.isVisible(), "not at one click").toBe(false);
    await page.getByText("Delete the key Newsletter", { exact: true }).click();
    expect((await site.api.json(`/v1/leads?site=${site.id}`, { key })).status).toBe(200);
    await sure.click();
    await page.getByText("The key is gone").waitFor();
    expect((await site.api.json(`/v1/leads?site=${site.id}`, { key })).status).toBe(401);
  });

  test("a key without a scope is told what it wants", async () => {
    await signIn("/dashboard/setup/keys");
    await page.getByLabel("Name").fill("Nothing");
    await page.getByLabel(/^read/).uncheck();
    await page.getByRole("button", { name: "Make it" }).click();
    expect(await page.getByRole("alert").textContent()).toContain("What it opens: choose at least one");
    expect(await page.locator("[aria-invalid=true]").count(), "of the scopes, and not the name").toBe(3);
    expect(await page.getByLabel("Name").inputValue()).toBe("Nothing");
  });

  test("the identity secret is made anew, and settings are kept or mended", async () => {
    const site = await api.createSite(RULES);
    await signIn(of(site, "/setup"));
    await page.getByText("Make a new one").click();
    await page.getByRole("button", { name: "Make a new secret" }).click();
    const secret = (await page.locator("#secret").textContent())?.trim() ?? "";
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    await page.getByRole("link", { name: "I have it" }).waitFor();
    expect(secret).not.toBe(site.info.identitySecret);
    await page.goto(page.url());
    expect(new URL(page.url()).pathname).toBe("/dashboard/setup");
    expect(await page.locator("#secret").count(), "looking again makes none").toBe(0);
    await page.getByLabel("Days that events are kept whole").fill("30 days");
    await page.getByLabel("Most events a day").fill("");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Not saved").waitFor();
    expect(await page.locator("[aria-invalid]").getAttribute("id")).toBe("retentionDays");
    expect(await page.getByLabel("Days that events are kept whole").inputValue()).toBe("30 days");
    await page.getByLabel("Days that events are kept whole").fill("30");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved", { exact: true }).waitFor();
    const { body } = await api.rest<{ data: Message[] }>("/v1/sites");
    expect(body.data.find(({ id }) => id === site.id)).toMatchObject({ retentionDays: 30, dailyEvents: null });
  });
});

describe("the door", () => {
  test("opens with the key, and closes", async () => {
    const answer = await page.goto("/dashboard/rules");
    expect(answer?.status()).toBe(200);
    await expect.poll(() => new URL(page.url()).pathname).toBe("/dashboard/sign-in");
    expect(await page.getByLabel("Secret key").evaluate((field) => field === document.activeElement)).toBe(true);
    await page.keyboard.type(server.key);
    await page.keyboard.press("Enter");
    await headings("Rules").first().waitFor();
    expect(new URL(page.url()).pathname, "on to where one wanted to go").toBe("/dashboard/rules");
    const [cookie] = (await context.cookies()).filter(({ name }) => name === "kelvin_session");
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Lax" });

    await page.locator(".menu summary").click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await headings("Sign in").waitFor();
    expect((await context.cookies()).map(({ name }) => name)).not.toContain("kelvin_session");
    await page.goto("/dashboard");
    await headings("Sign in").waitFor();
  });

  test("says that a key is wrong", async () => {
    await page.goto("/dashboard");
    await page.getByLabel("Secret key").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    expect(await page.getByRole("alert").textContent()).toContain("No such key");
    expect(await context.cookies()).toEqual([]);
  });
});

describe("leads", () => {
  test("an empty site shows the tag to paste, then its first lead", async () => {
    const site = await api.createSite(RULES);
    await signIn(of(site));
    await headings("No leads yet").waitFor();
    expect(await page.locator("#tag").textContent()).toContain(`data-site="${site.writeKey}"`);
    expect(await page.locator("#page-style").textContent()).toContain("[data-kelvin-show]");

    await page.getByRole("link", { name: "Set-up" }).first().click();
    await page.getByText("Waiting for the first event").waitFor();
    await site.import([pageView("v1", "/")]);
    await page.getByText("Events are coming in").waitFor({ timeout: 15_000 });
    await page.goto(of(site));
    expect(await page.locator("table.leads tbody tr").count()).toBe(1);
  });

  test("are sorted by score, filtered by what is in the address, and found by name", async () => {
    const site = await api.createSite(RULES);
    await site.import([pageView("a", "/"), pageView("b", "/pricing"), pageView("c", "/careers")]);
    await hotLead(site, "Rosa Lind");
    await signIn(of(site));
    const scores = async () =>
      (await page.locator("table.leads .score-cell b").allTextContents()).map((one) => one.trim());
    const [best, ...others] = await scores();
    expect(Number(best)).toBeGreaterThan(65);
    expect(others).toEqual(["40", "0", "−10"]);

    await page.getByLabel("Filter by temperature").getByRole("link", { name: "warm" }).click();
    await expect.poll(scores).toEqual(["40"]);
    expect(new URL(page.url()).searchParams.get("temperature")).toBe("warm");
    await page.getByLabel("Filter by stage").getByRole("link", { name: "sql" }).click();
    await page.getByText("No lead is like that").waitFor();
    await page.getByRole("link", { name: "Show all leads" }).click();
    await page.getByLabel("Who").selectOption("known");
    await page.getByRole("button", { name: "Apply" }).click();
    await expect.poll(scores).toEqual([best]);
    await page.goto(of(site));
    await page.getByLabel("Score from").fill("0");
    await page.getByRole("button", { name: "Apply" }).click();
    await expect.poll(scores).toEqual([best, "40", "0"]);
    await page.getByRole("link", { name: "Score" }).click();
    await expect.poll(scores).toEqual(["0", "40", best]);
    await page.goto(of(site));
    await page.getByLabel("Search by name").fill("rosa");
    await page.keyboard.press("Enter");
    await expect.poll(scores).toEqual([best]);
  });

  test("go on page by page, and back", async () => {
    const site = await api.createSite(RULES);
    await site.import(Array.from({ length: 110 }, (_, i) => pageView(`v${i}`, "/")));
    await signIn(of(site));
    const rows = page.locator("table.leads tbody a");
    const go = async (name: string) => {
      const from = page.url();
      await page.getByRole("link", { name }).click();
      await page.waitForURL((to) => String(to) !== from);
      return await rows.allTextContents();
    };
    const links = async () => await page.getByRole("navigation", { name: "Pages" }).getByRole("link").allTextContents();
    const first = await rows.allTextContents();
    expect(await links()).toEqual(["Next page"]);
    const second = await go("Next page");
    expect(await links()).toEqual(["Previous page", "Next page"]);
    const third = await go("Next page");
    expect(await links()).toEqual(["First page", "Previous page"]);
    expect(new Set([...first, ...second, ...third]).size).toBe(110);
    expect(await go("Previous page")).toEqual(second);
    expect(await go("Previous page")).toEqual(first);
    expect(await links()).toEqual(["Next page"]);

    // The address does not grow for ever, and another order begins anew.
    await go("Next page");
    const address = new URL(page.url());
    address.searchParams.set("trail", Array(30).fill(address.searchParams.get("cursor")).join("."));
    await page.goto(String(address));
    await go("Next page");
    expect(new URL(page.url()).searchParams.get("trail")?.split(".")).toHaveLength(30);
    await go("Last seen");
    expect(new URL(page.url()).searchParams.get("trail")).toBe(null);
  });

  test("one tells its score, why, since when, and what it did", async () => {
    const site = await api.createSite(RULES);
    const id = await hotLead(site);
    await signIn(of(site));
    await page.getByRole("link", { name: "Ines Halvorsen" }).click();
    const lead = await site.lead(id);
    await headings(`Why ${lead.score}`).waitFor();
    await page.getByText(/Turns warm .* if nothing more happens/).waitFor();

    const why = page.locator("table.waterfall");
    expect(await why.locator("tbody .rule-id").allTextContents()).toEqual(["demo", "pricing", "boss", "fit is capped"]);
    expect(await why.locator("tfoot .amount").textContent()).toBe(String(Math.round(lead.exact.score * 10) / 10));
    expect(await why.textContent()).toContain("page path matches “/pricing*” (“/pricing”)");
    await page.getByText("2 rules give nothing now").click();
    const idle = page.locator(".idle tbody tr");
    expect(await idle.locator(".rule-id").allTextContents()).toEqual(["careers", "regular"]);
    expect(await idle.nth(1).textContent()).toContain("visits is at least 5 (2)");

    const curve = page.locator(".curve");
    expect(await curve.getAttribute("aria-label")).toMatch(/^The score from .* with 2 changes of level/);
    expect(await curve.locator("circle.crossing").count()).toBe(2);
    expect(await page.locator(".crossings tbody tr").count(), "one line a crossing, on every ladder").toBe(3);
    const events = page.locator(".timeline > section > ol > li");
    expect(await events.count()).toBe(4);
    expect(await events.first().textContent()).toContain("+50 demo");
    expect(await page.locator(".facts").first().textContent()).toContain("Tarn Valley");
  });

  test("one that is not there says so", async () => {
    await signIn("/dashboard/leads/lead_none?site=demo");
    await headings("Not found").waitFor();
  });
});

describe("rules", () => {
  test("are checked, previewed and published, and rolled back", async () => {
    const site = await api.createSite(RULES);
    await hotLead(site);
    await signIn(of(site, "/rules"));
    expect(await page.locator(".rule-table").textContent()).toContain("on “page” where page path matches “/pricing*”");
    await page.getByRole("link", { name: "Edit", exact: true }).click();
    await page.getByRole("button", { name: "JSON" }).click();

    await edit((text) => text.replace('"points": 50', '"points": 50,,'));
    await page.getByRole("button", { name: "Check" }).click();
    expect(await page.getByRole("alert").textContent()).toContain("not JSON");
    await edit((text) => text.replace("50,,", "50").replace('"points": 40', '"point": 40'));
    await page.getByRole("button", { name: "Publish" }).click();
    expect(await page.getByRole("alert").textContent()).toContain("#/rules/0");

    await edit((text) => text.replace('"point": 40', '"points": 4').replace('"points": 50', '"points": 12'));
    await page.getByRole("button", { name: "Preview" }).click();
    await headings("What it would do").waitFor();
    const temperatures = page.locator("table.counts").first();
    expect((await temperatures.locator("tbody tr").allInnerTexts()).map((row) => row.split(/\s+/))).toEqual([
      ["cold", "0", "1", "+1"],
      ["warm", "0", "0", "0"],
      ["hot", "1", "0", "−1"],
    ]);
    expect(await page.getByRole("region", { name: "Who moves furthest" }).textContent()).toMatch(/hot → cold.*demo −/s);

    await page.getByRole("button", { name: "Publish…" }).click();
    await headings("What changes").waitFor();
    expect((await page.locator(".diff .new").allTextContents()).join()).toContain('"points": 12');
    expect((await site.rest<{ version: number }>("/v1/rules")).body.version).toBe(2);
    await page.getByRole("button", { name: "Publish version 3" }).click();
    await page.getByText("Version 3 is published").waitFor();
    await expect.poll(async () => (await site.rest<{ version: number }>("/v1/rules")).body.version).toBe(3);
    await page.getByRole("link", { name: "Versions" }).click();
    await page.getByText("all under it").waitFor({ timeout: 15_000 });
    await page.getByRole("link", { name: "What changed in version 3" }).click();
    expect(await page.locator(".diff .gone").count()).toBe(2);
    expect((await page.locator(".diff .new").allTextContents()).join()).toContain('"points": 12');

    await page.getByRole("link", { name: "Roll back to version 2" }).click();
    await page.getByText("Version 2 takes the place of version 3, as version 4.").waitFor();
    expect(await page.locator(".diff .gone").count()).toBe(2);
    await page.getByRole("button", { name: "Roll back to version 2" }).click();
    await page.getByText("Version 4 is published").waitFor();
    expect((await site.rest<{ rules: unknown }>("/v1/rules")).body.rules).toEqual(RULES);
  });

  test("do not overwrite what somebody else published meanwhile", async () => {
    const site = await api.createSite(RULES);
    await signIn(of(site, "/rules/edit"));
    await page.getByRole("button", { name: "JSON" }).click();
    await edit((text) => text.replace('"points": 50', '"points": 51'));
    await site.publish({ ...RULES, rules: RULES.rules.slice(0, 2) });
    await page.getByRole("button", { name: "Publish" }).click();

    await page.getByText("Version 3 was published in the meantime").waitFor();
    expect((await site.rest<{ version: number }>("/v1/rules")).body.version).toBe(3);
    expect(await page.getByLabel("The rules as JSON").inputValue()).toContain('"points": 51');
    expect(await page.locator(".diff .new").allTextContents()).not.toEqual([]);
    await page.getByRole("button", { name: "Publish…" }).click();
    await page.getByRole("button", { name: "Publish version 4" }).click();
    await page.getByText("Version 4 is published").waitFor();
  });
});

describe("a site", () => {
  test("is made, set up and switched to", async () => {
    await signIn("/dashboard/sites/new");
    const name = unique("Shop");
    await page.getByLabel("Name").fill(name);
    await page.getByLabel("Origins").fill("not an address");
    await page.getByRole("button", { name: "Make the site" }).click();
    expect(await page.getByRole("alert").textContent()).toContain("“not an address”".slice(1, -1));
    await page.getByLabel("Origins").fill("https://shop.example/some/page\nhttps://www.shop.example");
    await page.getByRole("button", { name: "Make the site" }).click();
    await headings(`${name} is ready`).waitFor();
    expect(await page.locator("#page-style").textContent()).toContain("[data-kelvin-show]");
    expect((await page.locator("#secret").textContent())?.trim()).toMatch(/^\w{64}$/);
    await page.getByRole("link", { name: "Go on to the set-up" }).click();
    expect(await page.getByLabel("Origins").inputValue()).toBe("https://shop.example\nhttps://www.shop.example");
    await page.getByLabel("Name").fill(`${name} 2`);
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved").waitFor();
    await page.locator(".menu summary").click();
    await page.getByRole("link", { name: "Demo", exact: true }).click();
    expect(await page.locator(".menu-name").textContent()).toBe("Demo");
  });
});

describe("whatever visitors send", () => {
  const ATTACKS = [
    `<script>alert(1)</script>`,
    `"><img src=x onerror=alert(2)>`,
    `'><svg onload=alert(3)>`,
    `</textarea><script>alert(4)</script>`,
    `javascript:alert(5)`,
    `</title><script>alert(6)</script>`,
  ];
  const EVIL = ATTACKS.join(" ");

  test("is shown as text and never runs", async () => {
    const rules = {
      rules: [
        { id: EVIL.slice(0, 100), on: "page", where: { path: EVIL }, points: 1 },
        { id: "any", on: "page", points: 5 },
        { id: "late", while: { "traits.name": EVIL }, disqualify: "not yet" },
        { id: "field", on: "page", where: { [`properties.${EVIL}`]: EVIL }, points: 2 },
      ],
      levels: { temperature: [{ name: "cold" }, { name: "<b>hot</b>", when: { score: { gte: 5 } } }] },
    };
    const site = await api.createSite(rules);
    await api.rest(`/v1/sites?site=${site.id}`, { method: "PATCH", body: { name: EVIL.slice(0, 190) } });
    const traits = { name: `${EVIL}!`, title: EVIL, company: EVIL, [EVIL]: EVIL, email: `"${ATTACKS[1]}"@x.example` };
    const campaign = { name: EVIL, source: EVIL, medium: EVIL };
    const told = { title: EVIL, referrer: EVIL, url: `javascript:alert(7)//${EVIL}`, [EVIL]: EVIL };
    const { body } = await site.import([
      { ...pageView("evil", EVIL), properties: { path: EVIL, ...told }, context: { campaign } },
      { type: "identify", messageId: unique("m"), anonymousId: "evil", userId: EVIL.slice(0, 60), traits },
      track("evil", EVIL, { form: EVIL }),
    ]);
    expect(body.rejected).toEqual([]);
    const { id } = await site.lead("visitor:evil");

    await signIn(of(site));
    const paths = [
      "",
      `/leads/${id}`,
      "/rules",
      "/rules/edit",
      "/rules/versions",
      "/rules/diff?from=1&to=2",
      "/reports",
      "/reports/rules",
      "/reports/levels",
      "/reports/personalisation",
      "/setup",
      `/leads/${encodeURIComponent(EVIL)}`,
    ];
    for (const path of paths) {
      await page.goto(of(site, path));
      expect(await page.locator("main").textContent(), path).not.toBe("");
      const injected =
        "main script, main img, main b:not(.score-cell b, .awards b, .amount b), [onload], [onerror], a[href^='javascript']";
      expect(await page.locator(injected).count(), path).toBe(0);
      expect(await page.locator("head script").count(), path).toBe(1);
    }
    await page.goto(of(site, `/leads/${id}`));
    expect(await headings(ATTACKS[0] ?? "").count()).toBeGreaterThan(0);
    await page.goto(of(site, "/rules/edit"));
    await page.getByRole("button", { name: "Preview" }).click();
    await headings("What it would do").waitFor();
    await page.getByRole("button", { name: "JSON" }).click();
    expect(JSON.parse(await page.getByLabel("The rules as JSON").inputValue())).toEqual(rules);
  });
});

describe("every page", () => {
  test.each([320, 390, 1280])("fits a screen of %i px, in dark mode too", async (width) => {
    const site = await api.createSite(RULES);
    const long = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft";
    const id = await hotLead(site, "Wolfeschlegelsteinhausenbergerdorff-Mountbatten", {
      title: `Head of ${long}`,
      company: long,
      email: `${unique(long.slice(0, 50))}@${long.slice(0, 60)}.${long.slice(0, 60)}.example`,
    });
    await api.rest("/v1/keys", { body: { name: long, scopes: ["read", "write", "admin"] } });
    await site.import([track("won", "Outcome Recorded", { outcome: "won" }), pageView("other", "/")]);
    const body = { url: `https://hooks.example/${long}${long}`, events: ["lead.level.changed", "lead.merged"] };
    await site.rest("/v1/webhooks", { body });
    await open({ viewport: { width, height: 740 }, colorScheme: "dark" });
    await signIn(of(site));
    for (const path of [
      "",
      `/leads/${id}`,
      "/rules",
      "/rules/edit",
      "/rules/versions",
      "/rules/diff?from=1&to=2",
      "/reports",
      "/reports/levels",
      "/reports/rules",
      "/reports/personalisation",
      "/setup",
      "/setup/keys",
      "/setup/webhooks",
      "/setup/status",
    ]) {
      await page.goto(of(site, path));
      await page.locator("main details:not(.menu)").evaluateAll((all) => {
        for (const one of all) one.setAttribute("open", "");
      });
      const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
      expect(wide, path).toBeLessThanOrEqual(screen ?? 0);
      expect(await page.locator("h1").count(), path).toBe(1);
      expect(await page.title(), path).toMatch(/ · Kelvin$/);
    }
  });

  test("is reached and left by keyboard alone", async () => {
    const site = await api.createSite(RULES);
    await hotLead(site);
    await signIn(of(site));
    await page.keyboard.press("Tab");
    expect(await page.locator(":focus").textContent()).toContain("Skip to the content");
    await page.keyboard.press("Enter");
    await page.locator("table.leads tbody a").first().focus();
    await page.keyboard.press("Enter");
    await headings(/^Why/).waitFor();
    await page.locator(".menu summary").focus();
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Sign out" }).waitFor();
    await page.keyboard.press("Escape");
    await expect.poll(() => page.locator("details.menu[open]").count()).toBe(0);
  });
});
