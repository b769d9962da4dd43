/** Rules changed in the dashboard as a marketer does it: in the table, as JSON, with and without script. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Api, page as pageView, type Site, track, unique } from "../support/api.ts";
import { complaintsOf, launch } from "../support/browser.ts";
import { type Server, startServer } from "../support/server.ts";

const RULES = {
  dimensions: { engagement: { max: 200 }, fit: {} },
  groups: { blog: { max: 10 } },
  rules: [
    { id: "pricing", on: "page", where: { path: "/pricing*" }, points: 40 },
    { id: "demo", on: "Form Submitted", where: { "properties.form": "demo" }, points: 30, limit: { times: 1 } },
    { id: "either", on: "page", where: { any: [{ path: "/a" }, { path: "/b" }] }, points: 1 },
  ],
  levels: { temperature: [{ name: "cold" }, { name: "warm", when: { score: { gte: 35 } } }] },
};

let server: Server;
let browser: Browser;
let api: Api;
let context: BrowserContext;
let page: Page;
let site: Site;
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
beforeEach(async () => {
  site = await api.createSite(RULES);
});
afterEach(async () => {
  expect(complaints).toEqual([]);
  await context.close();
});

/** The editor, to somebody signed in. */
async function openEditor(options: Parameters<Browser["newContext"]>[0] = {}): Promise<void> {
  context = await browser.newContext({ baseURL: server.url, ...options });
  page = await context.newPage();
  complaints = complaintsOf(page);
  await page.goto(`/dashboard/rules/edit?site=${site.id}`);
  await page.getByLabel("Secret key").fill(server.key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("form.editor").waitFor();
}

const button = (name: string | RegExp) => page.getByRole("button", { name });
const heading = (name: string | RegExp) => page.getByRole("heading", { name });
const verdict = () => page.locator("#verdict");
const ids = () => page.locator(".rule-rows").getByLabel(/^Name of/);
const idsShown = () => ids().evaluateAll((fields) => fields.map((field) => (field as HTMLInputElement).value));

async function lead(visitor: string): Promise<string> {
  await site.post([pageView(visitor, "/pricing"), track(visitor, "Form Submitted", { form: "demo" })]);
  return (await site.lead(`visitor:${visitor}`)).id;
}

describe("the table", () => {
  test("changes points; the preview says who moves, and publishing moves them", async () => {
    const id = await lead(unique("v"));
    expect((await site.lead(id)).score).toBe(70);
    await openEditor();
    await page.getByLabel("Points of pricing").fill("4");
    await button("Preview").click();
    await heading("What it would do").waitFor();
    await expect.poll(() => page.locator(":focus").textContent()).toBe("What it would do");
    expect(await page.locator("main").textContent()).toContain("1 lead of 1 would stand on another level");
    expect(await page.getByRole("region", { name: "Who moves furthest" }).textContent()).toContain("warm → cold");
    await button("Publish…").click();
    await button("Publish version 3").click();
    await page.getByText("Version 3 is published").waitFor();
    await expect.poll(async () => (await site.lead(id)).score).toBe(34);
    const { body } = await site.rest<{ rules: typeof RULES }>("/v1/rules");
    expect(body.rules).toEqual({ ...RULES, rules: [{ ...RULES.rules[0], points: 4 }, ...RULES.rules.slice(1)] });
  });

  test("is a draft until it is published, by keyboard and without script", async () => {
    await openEditor({ javaScriptEnabled: false });
    await page.getByLabel("Points of pricing").fill("41");
    // Enter in a field checks and does no more.
    await page.keyboard.press("Enter");
    await page.getByText("Valid").waitFor();
    await button("for something that is so").focus();
    await page.keyboard.press("Enter");
    await expect.poll(idsShown).toEqual(["pricing", "demo", "either", "rule-4"]);
    expect(new URL(page.url()).hash).toBe("#rules-3");
    await page.getByLabel("Name of rule-4").fill("regular");
    await page.getByLabel("Value, condition 1 of rule-4").fill("5");
    await page.getByLabel("Field, new condition of rule-4").fill("known");
    await button("Move rule-4 up").click();
    await expect.poll(idsShown).toEqual(["pricing", "demo", "regular", "either"]);
    await button("Remove demo").click();
    await expect.poll(idsShown).toEqual(["pricing", "regular", "either"]);
    expect(await page.locator("#rules-2").textContent()).toContain("page path is “/a” or page path is “/b”");
    await button("JSON").click();
    const text = await page.getByLabel("The rules as JSON").inputValue();
    expect(JSON.parse(text).rules[1]).toEqual({ id: "regular", while: { visits: { gte: 5 }, known: null }, points: 5 });
    await button("Table").click();
    await button("Publish").click();
    await page.getByRole("alert").getByText("mistake").waitFor();
    expect(await page.locator("#rules-1 .field-error").textContent()).toContain("while/known");
    await page.getByLabel("Value, condition 2 of regular").fill("yes");
    await button("Publish").click();
    await button("Back to the draft").click();
    expect(await page.getByLabel("Value, condition 2 of regular").inputValue()).toBe("true");
    await button("Publish").click();
    await button("Publish version 3").click();
    await page.getByText("Version 3 is published").waitFor();
    const { body } = await site.rest<{ rules: typeof RULES }>("/v1/rules");
    expect(body.rules.rules.map(({ id, points }) => [id, points])).toEqual([
      ["pricing", 41],
      ["regular", 5],
      ["either", 1],
    ]);
  });

  test("is not lost by leaving: the browser asks, but where a button takes it along", async () => {
    await openEditor();
    page.removeAllListeners("dialog");
    const asked: string[] = [];
    page.on("dialog", (dialog) => {
      asked.push(dialog.type());
      // Stays the first time, goes the second.
      void (asked.length === 1 ? dialog.dismiss() : dialog.accept());
    });
    const leave = async () => await page.getByRole("link", { name: "Versions" }).click({ noWaitAfter: true });
    await leave();
    await page.waitForURL(/\/rules\/versions/);
    expect(asked, "of what was not touched nothing is lost").toEqual([]);
    await page.goto(`/dashboard/rules/edit?site=${site.id}`);
    await page.getByLabel("Points of pricing").fill("50");
    await leave();
    await expect.poll(() => asked).toEqual(["beforeunload"]);
    expect(await page.getByLabel("Points of pricing").inputValue()).toBe("50");
    await button("Preview").click();
    await heading("What it would do").waitFor();
    expect(asked).toHaveLength(1);
    await leave();
    await page.waitForURL(/\/rules\/versions/);
    expect(asked, "the page that shows the draft again asks, too").toHaveLength(2);
    await page.goto(`/dashboard/rules/edit?site=${site.id}`);
    await page.getByLabel("Points of pricing").fill("50");
    await button("Publish…").click();
    await heading("What changes").waitFor();
    expect(asked).toHaveLength(2);
    await leave();
    await page.waitForURL(/\/rules\/versions/);
    expect(asked, "and so does its review").toHaveLength(3);
  });

  test("is judged while one types, and leads to what is wrong", async () => {
    await openEditor();
    await page.getByLabel("Points of demo").fill("many");
    await verdict().getByText("1 mistake").waitFor();
    expect(await verdict().getByRole("link", { name: "demo" }).getAttribute("href")).toBe("#rules-1");
    await page.getByLabel("Points of demo").fill("30");
    await verdict()
      .getByText(/^Valid/)
      .waitFor();
  });
});

describe("JSON", () => {
  const field = () => page.getByLabel("The rules as JSON");
  const options = () => page.getByRole("listbox").getByRole("option");
  /** The caret behind a part of the text. */
  const caretBehind = (part: string) =>
    field().evaluate((element, text) => {
      const area = element as HTMLTextAreaElement;
      const at = area.value.indexOf(text) + text.length;
      area.focus();
      area.setSelectionRange(at, at);
    }, part);

  test("is completed from the schema and from its own names, by keyboard", async () => {
    await openEditor();
    await button("JSON").click();
    await caretBehind('"id": "pricing", ');
    await page.keyboard.press("Control+Space");
    await expect.poll(() => options().allTextContents()).toContain("group");
    expect(await options().allTextContents()).not.toContain("id");
    await page.keyboard.type('"gr');
    await expect.poll(() => options().allTextContents()).toEqual(["group"]);
    expect(await field().getAttribute("aria-activedescendant")).toBe(await options().getAttribute("id"));
    await page.keyboard.press("Enter");
    await expect.poll(() => page.getByRole("listbox").count()).toBe(0);
    await page.keyboard.type('"');
    await expect.poll(() => options().allTextContents()).toEqual(["blog"]);
    await page.keyboard.press("Tab");
    await page.keyboard.type(", ");
    expect(await field().inputValue()).toContain('{ "id": "pricing", "group": "blog", "on": "page"');
    await verdict()
      .getByText(/^Valid/)
      .waitFor();

    await page.keyboard.type('"');
    await options().first().waitFor();
    const first = await field().getAttribute("aria-activedescendant");
    await page.keyboard.press("ArrowDown");
    expect(await field().getAttribute("aria-activedescendant")).not.toBe(first);
    await page.keyboard.press("ArrowUp");
    expect(await field().getAttribute("aria-activedescendant")).toBe(first);
    await page.keyboard.press("Escape");
    expect(await page.getByRole("listbox").count()).toBe(0);
    await verdict().getByText("not JSON").waitFor();
    await verdict().getByRole("link", { name: /^line/ }).click();
    const line = await field().evaluate((element) => {
      const area = element as HTMLTextAreaElement;
      return area.value.slice(area.selectionStart, area.selectionEnd);
    });
    expect(line).toContain('"id": "pricing"');
  });
});

describe("a test", () => {
  test("of a lead and of a made-up visitor stands beside what is in force", async () => {
    const visitor = unique("v");
    await lead(visitor);
    await openEditor();
    await page.getByLabel("Points of pricing").fill("4");
    await page.getByLabel("A lead", { exact: true }).fill(`visitor:${visitor}`);
    await button("Test this lead").click();
    await heading(/: 70 → 34/).waitFor();
    const table = page.getByRole("region", { name: "What each rule gives" });
    expect(await table.locator("tbody tr").first().locator("td").allTextContents()).toEqual(
      expect.arrayContaining(["+40", "+4"]),
    );
    await page.getByText("1 rule does not count, and why").click();
    expect(await page.locator(".idle .fails").first().textContent()).toContain("page path is “/a”");

    await page.getByLabel("Or a made-up visitor").fill("page /pricing\npage /a");
    await button("Test this visitor").click();
    await heading("The made-up visitor: 41 → 5").waitFor();
    expect(await page.getByLabel("Points of pricing").inputValue()).toBe("4");
  });
});

describe("whatever rules and leads hold", () => {
  const EVIL = `"><img src=x onerror=alert(1)></textarea><script>alert(2)</script>'`;

  test("is shown as text and never runs", async () => {
    const evil = {
      dimensions: { [EVIL]: {} },
      groups: { [EVIL]: { max: 3 } },
      counters: { [EVIL]: { on: EVIL } },
      rules: [
        { id: EVIL, on: EVIL, where: { [`properties.${EVIL}`]: EVIL, any: [{ path: EVIL }] }, group: EVIL, points: 3 },
        { id: "x", while: { [`counters.${EVIL}`]: { gte: 1 } }, disqualify: EVIL },
      ],
      levels: { temperature: [{ name: EVIL }], [EVIL]: [{ name: EVIL }] },
    };
    await site.publish(evil);
    await site.post([
      track("v", EVIL, { [EVIL]: EVIL }),
      { type: "identify", messageId: unique("m"), anonymousId: "v", traits: { name: EVIL } },
    ]);
    await openEditor();
    const injected = "main script, main img, [onerror], main b";
    const sound = async () => expect(await page.locator(injected).count()).toBe(0);
    await sound();
    for (const name of ["Preview", "JSON", "Check", "Table"]) {
      await button(name).first().click();
      await page.locator("form.editor").waitFor();
      await sound();
    }
    await page.getByLabel("A lead", { exact: true }).fill("visitor:v");
    await button("Test this lead").click();
    await page.locator("#trial").waitFor();
    await sound();
    await button("JSON").click();
    const field = page.getByLabel("The rules as JSON");
    await field.waitFor();
    expect(JSON.parse(await field.inputValue())).toEqual(evil);
    // What the check says comes as a part of a page; it is looked at, not run.
    await field.fill(JSON.stringify({ ...evil, rules: [{ id: EVIL, on: "page", points: 1, dimension: `${EVIL}!` }] }));
    await verdict().getByText("unknown dimension").waitFor();
    await sound();
  });
});

describe("the editor", () => {
  test("fits a phone in dark mode, and every field has a name", async () => {
    await lead(unique("v"));
    await openEditor({ viewport: { width: 390, height: 780 }, colorScheme: "dark" });
    const fits = async (what: string) => {
      const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
      expect(wide, what).toBeLessThanOrEqual(screen ?? 0);
      const unnamed = await page
        .locator("main :is(input:not([type=hidden]), select, textarea)")
        .evaluateAll((fields) =>
          fields
            .filter((field) => !field.ariaLabel && !(field as HTMLInputElement).labels?.length)
            .map((field) => field.outerHTML),
        );
      expect(unnamed, what).toEqual([]);
    };
    await page.locator(".rule-rows summary").first().click();
    await fits("table");
    await page.getByLabel("Points of pricing").fill("4");
    await button("Preview").click();
    await heading("What it would do").waitFor();
    await fits("preview");
    await page.getByLabel("Or a made-up visitor").fill("page /pricing");
    await button("Test this visitor").click();
    await heading(/made-up visitor/).waitFor();
    await fits("test");
    await button("JSON").click();
    await page.getByLabel("The rules as JSON").waitFor();
    await fits("JSON");
  });
});
