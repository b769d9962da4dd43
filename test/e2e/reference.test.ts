/** `GET /docs` in a browser: all calls are there, they can be tried, and the page is safe with keys and with answers. */
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch } from "../support/browser.ts";
import { type Server, startServer } from "../support/server.ts";

let server: Server;
let browser: Browser;
let page: Page;
const complaints: string[] = [];
const loaded: string[] = [];

beforeAll(async () => {
  server = await startServer();
  browser = await launch();
  page = await browser.newPage();
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => loaded.push(request.url()));
  await page.goto(`${server.url}/docs`);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

/** Sends the form of a call and answers what the page then shows. */
async function tried(call: string, fields: Record<string, string> = {}): Promise<{ status: string; text: string }> {
  const article = page.locator(`#${call}`);
  await article.locator("details.try").evaluate((details) => details.setAttribute("open", ""));
  for (const [name, value] of Object.entries(fields)) await article.locator(`.try [name="${name}"]`).fill(value);
  await article.locator("output").evaluate((output) => output.replaceChildren());
  await article.locator(".try button").click();
  await article.locator("output pre").waitFor();
  return {
    status: (await article.locator("output b").textContent()) ?? "",
    text: (await article.locator("output pre").textContent()) ?? "",
  };
}

describe("what is there", () => {
  test("every call of the description, in the list and with a line to copy; links within the page lead somewhere", async () => {
    const { paths } = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { operationId: string; summary: string }>>;
    };
    for (const [path, methods] of Object.entries(paths)) {
      for (const { operationId, summary } of Object.values(methods)) {
        const article = page.locator(`#${operationId}`);
        expect(await article.locator("h3").textContent()).toBe(summary);
        expect(await article.locator(".line code").textContent()).toBe(path);
        expect(await article.locator("pre").first().textContent()).toContain(`curl `);
        expect(await page.locator(`nav a[href="#${operationId}"]`).count()).toBe(1);
      }
    }
    const lost = await page.evaluate(() =>
      [...document.querySelectorAll('a[href^="#"]')]
        .map((link) => link.getAttribute("href")?.slice(1) ?? "")
        .filter((id) => !document.getElementById(id)),
    );
    expect(lost).toEqual([]);
  });

  test("only files of its own host, and a policy that lets nothing else in", async () => {
    const policy = (await fetch(`${server.url}/docs`)).headers.get("Content-Security-Policy") ?? "";
    expect(policy).toMatch(/^default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';/);
    expect(policy).not.toContain("unsafe");
    expect(loaded.length).toBeGreaterThan(2);
    for (const url of loaded) expect(new URL(url).origin).toBe(server.url);
    expect(await page.locator("script:not([src]), style, [style], [onclick]").count()).toBe(0);
  });
});

describe("trying a call", () => {
  test("without a key: told so", async () => {
    await page.fill("#key", "");
    expect((await tried("listKeys")).status).toBe("401 Unauthorized");
  });

  test("with one; parameters and bodies are sent", async () => {
    await page.fill("#key", server.key);
    const trait = '<img src="x" onerror="document.title=1">';
    const body = JSON.stringify({ writeKey: "demo", anonymousId: "ann", userId: "u1", traits: { note: trait } });
    expect(await tried("sendIdentify", { body })).toMatchObject({ status: "200 OK" });
    const lead = await tried("getLead", { id: "visitor:ann" });
    expect(lead.status).toBe("200 OK");
    // Shown as text: whatever visitors write runs nowhere.
    expect(JSON.parse(lead.text)).toMatchObject({ userIds: ["u1"], traits: { note: trait } });
    expect(await page.locator("output img").count()).toBe(0);
    expect((await tried("listLeads", { limit: "0" })).status).toBe("400 Bad Request");
  });

  test("the key is kept in the page alone", async () => {
    const kept = await page.evaluate(() =>
      JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]),
    );
    expect(kept).not.toContain(server.key);
    expect(page.url()).not.toContain(server.key);
    expect(loaded.filter((url) => url.includes(server.key))).toEqual([]);
    const other = await browser.newPage();
    await other.goto(`${server.url}/docs`);
    expect(await other.inputValue("#key")).toBe("");
    await other.close();
  });

  test("deleting asks first", async () => {
    await page.fill("#key", server.key);
    page.once("dialog", (dialog) => void dialog.dismiss());
    const article = page.locator("#eraseLead");
    await article.locator("details.try").evaluate((details) => details.setAttribute("open", ""));
    await article.locator('[name="id"]').fill("visitor:ann");
    const before = loaded.length;
    await article.locator(".try button").click();
    expect((await tried("getLead", { id: "visitor:ann" })).status).toBe("200 OK");
    expect(loaded.length).toBe(before + 1);
  });
});

test("at ease on a phone and in the dark", async () => {
  const phone = await browser.newPage({ viewport: { width: 360, height: 800 }, colorScheme: "dark" });
  await phone.goto(`${server.url}/docs`);
  expect(await phone.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  const link = phone.locator('nav a[href="#getLead"]');
  expect(await link.isVisible()).toBe(false);
  await phone.locator("nav summary").click();
  await link.click();
  expect(await link.isVisible()).toBe(false);
  expect(await phone.locator("#getLead h3").isVisible()).toBe(true);
  expect(await phone.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe("rgb(20, 24, 29)");
  await phone.close();
});

test("nothing was complained of but answers that were to be refused", () => {
  expect(complaints.filter((text) => !/status of 40[01]/.test(text))).toEqual([]);
});
