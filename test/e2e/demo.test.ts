/**
 * The demo site as its visitor meets it: page, tag, Worker and rules together, in a browser. Also what must not change
 * when a part is missing: no script, no tag, no service.
 */
import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch } from "../support/browser.ts";
import { type Server, startServer } from "../support/server.ts";

/** What the page may take, once it has its answer. */
const PROMPT_MS = 3_000;
const PAGES = [
  "/",
  "/product",
  "/pricing",
  "/blog",
  "/blog/what-detention-really-costs",
  "/blog/read-your-arrival-curve",
  "/blog/live-unload-or-drop-trailer",
  "/case-studies/tarn-valley",
  "/careers",
  "/demo",
  "/demo/thanks",
  "/no-such-page",
];
const HERO = { cold: "Read the field guide", warm: "See what it costs per door", hot: "Book 20 minutes with Ines" };

let server: Server;
let browser: Browser;
let contexts: BrowserContext[] = [];

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

type ContextOptions = Parameters<Browser["newContext"]>[0];

/** A new visitor's only tab. What the page throws fails the test that asks for `errors`. */
async function visitor(options: ContextOptions = {}): Promise<{ page: Page; errors: string[] }> {
  await Promise.all(contexts.map((context) => context.close()));
  const context = await browser.newContext({ baseURL: server.url, ...options });
  contexts = [context];
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  return { page, errors };
}

const cta = (page: Page, name: string): Locator => page.locator(`[data-kelvin-cta="${name}"]:visible`);

const heroText = async (page: Page) => (await cta(page, "hero").allTextContents()).join(" | ");

/** The next answer of the service with this temperature, then the page by it. */
async function turns(page: Page, temperature: string, action: () => Promise<unknown>): Promise<void> {
  const answers: string[] = [];
  const answer = page.waitForResponse(
    async (response) => {
      if (!response.url().endsWith("/v1/batch")) return false;
      const text = await response.text().catch((error: Error) => error.message);
      answers.push(`${response.status()} ${text}`);
      return response.ok() && text.includes(`"temperature":"${temperature}"`);
    },
    { timeout: 10_000 },
  );
  const answered = answer.catch((cause) => {
    throw new Error(`not ${temperature}; the answers were:\n${answers.join("\n")}`, { cause });
  });
  await Promise.all([answered, action()]);
  await page.locator(`html[data-kelvin="${temperature}"]`).waitFor({ state: "attached", timeout: PROMPT_MS });
}

let people = 0;

async function requestDemo(page: Page, email?: string, title = "Head of inbound"): Promise<void> {
  await page.goto("/demo");
  await page.getByLabel("Name").fill("Rosa Lind");
  await page.getByLabel("Work e-mail").fill(email ?? `rosa.${++people}@marlowgate.example`);
  await page.getByLabel("Company").fill("Marlowgate");
  await page.getByLabel("Job title").fill(title);
  await page.getByRole("button", { name: "Request a demo" }).click();
  await page.waitForURL("**/demo/thanks");
}

/** From a first visit to a hot one. */
async function warmUp(page: Page): Promise<void> {
  await turns(page, "cold", () => page.goto("/"));
  expect(await heroText(page)).toBe(HERO.cold);
  await turns(page, "warm", () => page.getByRole("navigation").getByRole("link", { name: "Pricing" }).click());
  await turns(page, "hot", () => requestDemo(page));
}

describe("the way of a visitor", () => {
  test("cold at first, warm by the prices, hot by the form, warm again by the careers page", async () => {
    const { page, errors } = await visitor();
    await warmUp(page);
    expect(await page.locator("h1").textContent()).toContain("Thank you");
    await page.goto("/");
    expect(await heroText(page)).toBe(HERO.hot);
    await expect.poll(() => cta(page, "header").textContent()).toBe("Book with Ines");
    await turns(page, "warm", () => page.goto("/careers"));
    await page.goto("/");
    expect(await heroText(page)).toBe(HERO.warm);
    expect(errors).toEqual([]);
  });

  test("the careers page cools whoever has seen everything else, too", async () => {
    const { page } = await visitor();
    for (const path of PAGES.slice(0, 8)) await page.goto(path);
    await turns(page, "hot", () => requestDemo(page));
    await turns(page, "warm", () => page.goto("/careers"));
  });

  test("who comes back sees their page at once, without the network", async () => {
    const { page } = await visitor();
    await warmUp(page);
    for (const blocked of ["**/v1/**", "**/k.js"]) {
      await page.route(blocked, (route) => route.abort());
      await page.goto("/", { waitUntil: "commit" });
      await page.getByRole("contentinfo").waitFor();
      expect(await heroText(page)).toBe(HERO.hot);
    }
  });
});

describe("the panel", () => {
  test("tells score, reasons and what is next, and starts anew on request", async () => {
    const { page, errors } = await visitor();
    const panel = page.locator("#kelvin-panel");
    const text = async () => (await panel.textContent()) ?? "";
    await turns(page, "warm", () => page.goto("/pricing"));
    await expect.poll(text, { timeout: PROMPT_MS }).toMatch(/warm\s*40\s*\+40 pricing/);
    expect(await text()).toMatch(/this changes in \d+ (hour|day)s/);
    expect(await text()).toContain("Viewed /pricing");
    await turns(page, "hot", () => requestDemo(page));
    await expect.poll(text, { timeout: PROMPT_MS }).toContain("Form Submitted demo");
    await expect.poll(text, { timeout: PROMPT_MS }).toContain("traits.title is Head of inbound");

    await panel.locator("summary").click();
    await turns(page, "cold", () => page.getByRole("button", { name: "Reset visitor" }).click());
    await expect.poll(text, { timeout: PROMPT_MS }).toMatch(/cold\s*0/);
    await expect.poll(text).not.toContain("demo-request");
    expect(errors).toEqual([]);
  });

  test("shows nothing of a person whose e-mail one merely claims", async () => {
    const email = "shared@marlowgate.example";
    const first = await visitor();
    await warmUp(first.page);
    await turns(first.page, "hot", () => requestDemo(first.page, email));
    const { page } = await visitor();
    await turns(page, "hot", () => requestDemo(page, email, "Night porter"));
    const text = await (await page.request.get("/panel.json")).text();
    expect(JSON.parse(text)).toEqual({ online: true, lead: { stage: null }, awards: [], states: [] });
  });

  test("shows nobody anything but their own visitor", async () => {
    const answer = await fetch(`${server.url}/panel.json?visitor=anybody`);
    expect(await answer.json()).toEqual({ online: true, lead: null });
  });
});

describe("whatever is missing, the page is the one for cold and works", () => {
  async function asForCold(page: Page): Promise<void> {
    await page.goto("/");
    expect(await heroText(page)).toBe(HERO.cold);
    await page.getByRole("navigation").getByRole("link", { name: "Pricing" }).click();
    expect(await page.locator("h1").textContent()).toBe("Priced by the door");
    expect(await cta(page, "header").allTextContents()).toEqual(["Get the guide"]);
    await requestDemo(page);
    expect(await page.locator("h1").textContent()).toContain("Thank you");
    expect(await heroText(page)).toBe("Read the guide meanwhile");
  }

  test("without JavaScript", async () => {
    const { page } = await visitor({ javaScriptEnabled: false });
    await asForCold(page);
  });

  test("without the service", async () => {
    const { page, errors } = await visitor();
    await page.route("**/v1/**", (route) => route.abort());
    await asForCold(page);
    await expect.poll(() => page.locator("#kelvin-panel").textContent()).toContain("offline");
    expect(errors).toEqual([]);
  });

  test("without the tag", async () => {
    const { page, errors } = await visitor();
    await page.route("**/k.js", (route) => route.abort());
    await asForCold(page);
    expect(errors).toEqual([]);
  });
});

describe("every page", () => {
  test.each(PAGES)("%s has its calls to action at each temperature, and fits a narrow screen", async (path) => {
    const { page } = await visitor({ viewport: { width: 360, height: 740 } });
    // The page alone: the temperatures are set by hand.
    await page.route("**/k.js", (route) => route.abort());
    const response = await page.goto(path);
    expect(response?.status()).toBe(path === "/no-such-page" ? 404 : 200);
    expect(await page.locator("h1").count()).toBe(1);
    const texts = new Set<string>();
    for (const temperature of ["cold", "warm", "hot"]) {
      await page.evaluate((name) => {
        document.documentElement.dataset.kelvin = name;
      }, temperature);
      const header = await cta(page, "header").allTextContents();
      expect(header, temperature).toHaveLength(1);
      expect(await cta(page, "header").getAttribute("href"), "not where one is").not.toBe(path);
      expect(
        await page.locator("main [data-kelvin-cta]:visible, aside [data-kelvin-cta]:visible").count(),
      ).toBeGreaterThan(0);
      texts.add(header.join());
      expect(await page.evaluate(() => document.documentElement.scrollWidth), temperature).toBe(360);
    }
    expect(texts.size).toBe(3);
  });

  test("the guide is a PDF", async () => {
    const answer = await fetch(`${server.url}/downloads/dock-scheduling-guide.pdf`);
    expect(answer.headers.get("content-type")).toBe("application/pdf");
    const text = Buffer.from(await answer.arrayBuffer()).toString("latin1");
    expect(text).toMatch(/^%PDF-1\.4\n.*%%EOF\n$/s);
  });
});
