/**
 * Who the visitor is, in a browser that keeps and sends cookies as browsers do: Kelvin on the site's own host, on a
 * subdomain of the site, and on another site; a token, a click in an e-mail, a shared computer. Hosts under `.localhost`
 * are this machine and, to a browser, as trustworthy as https.
 */
import { createServer, type Server as PageServer } from "node:http";
import type { AddressInfo } from "node:net";
import { SignJWT } from "jose";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Api, PLAIN_RULES, type Site, track } from "../support/api.ts";
import { launch } from "../support/browser.ts";
import { type Server, startServer } from "../support/server.ts";

let server: Server;
let browser: Browser;
let api: Api;
let site: Site;
let context: BrowserContext;
let page: Page;
/** Serves one and the same page for every path; on another port, which to a browser is the same site. */
let pages: PageServer;
let html = "";
const kelvinAt = (host: string, path: string) => `http://${host}.localhost:${server.port}${path}`;
const pageAt = (host: string, path = "") => `http://${host}.localhost:${(pages.address() as AddressInfo).port}${path}`;
const HOSTS = ["www.shop", "www.other"];

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
  api = new Api((path, init) => fetch(server.url + path, init), server.key);
  pages = createServer((_, response) => response.setHeader("Content-Type", "text/html").end(html));
  await new Promise<void>((resolve) => pages.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  await browser?.close();
  pages?.close();
  await server?.stop();
});
beforeEach(async () => {
  site = await api.createSite(
    PLAIN_RULES,
    HOSTS.map((host) => pageAt(host)),
  );
  context = await browser.newContext();
  page = await context.newPage();
});
afterEach(() => context.close());

interface Reply {
  visitor: string;
  temperature: string;
}

/** What the tag is answered next. */
async function replyTo(action: () => Promise<unknown>): Promise<Reply> {
  const answered = page.waitForResponse((response) => response.url().endsWith("/v1/batch"));
  await action();
  return (await (await answered).json()) as Reply;
}

/** Opens a page of `host` that loads the tag from `service`. */
async function open(host: string, service: string, path = "/"): Promise<Reply> {
  html = `<!doctype html><title>A page</title><script async src="${kelvinAt(service, "/k.js")}" data-site="${site.writeKey}"></script>`;
  return await replyTo(() => page.goto(pageAt(host, path)));
}

const call = (...said: unknown[]) =>
  page.evaluate((list) => (window as unknown as { kelvin(...list: unknown[]): void }).kelvin(...list), said);
const storedId = () => page.evaluate(() => localStorage.kelvin_id as string | undefined);
const cookies = async () => (await context.cookies()).filter(({ name }) => name === "kelvin");

describe.each([
  ["its own host", "www.shop"],
  ["a subdomain of the site", "t.shop"],
])("with Kelvin on %s", (_, service) => {
  test("a cookie that scripts cannot read keeps the visitor, also when the storage is emptied", async () => {
    const { visitor } = await open("www.shop", service);
    const [cookie] = await cookies();
    expect(cookie).toMatchObject({ value: visitor, domain: `${service}.localhost`, httpOnly: true, sameSite: "Lax" });
    const days = ((cookie?.expires ?? 0) * 1000 - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(390);
    expect(days).toBeLessThanOrEqual(400);
    expect(await page.evaluate(() => document.cookie)).toBe("");
    await page.evaluate(() => localStorage.clear());
    expect((await open("www.shop", service, "/again")).visitor).toBe(visitor);
    await expect.poll(storedId).toBe(visitor);
  });

  test("reset makes a stranger of whoever comes next, in the cookie too", async () => {
    const { visitor } = await open("www.shop", service);
    await call("reset");
    const next = await replyTo(() => call("track", "Hello"));
    expect(next.visitor).not.toBe(visitor);
    expect((await cookies())[0]?.value).toBe(next.visitor);
  });
});

test("with Kelvin on another site there is no cookie, and a visitor for each site in its own storage", async () => {
  const { visitor } = await open("www.shop", "kelvin");
  expect(await cookies()).toEqual([]);
  expect(await storedId()).toBe(visitor);
  const other = await open("www.other", "kelvin");
  expect(other.visitor).not.toBe(visitor);
  expect(await cookies()).toEqual([]);
});

const demo = (visitor: string) => track(visitor, "Form Submitted", { form: "demo" });

test("a token shows the browser what the person earned elsewhere; a made-up one does not", async () => {
  await site.import([demo("desk"), { type: "identify", anonymousId: "desk", userId: "42" }]);
  const identify = (token: string) => replyTo(() => call("identify", { userId: "42", token }));
  const sign = (secret: string) =>
    new SignJWT({})
      .setProtectedHeader({ alg: "HS256" })
      .setSubject("42")
      .setExpirationTime("1h")
      .sign(new TextEncoder().encode(secret));
  await open("www.shop", "www.shop");
  expect((await identify(await sign("guessed"))).temperature).toBe("cold");
  expect((await identify(await sign(site.info.identitySecret))).temperature).toBe("hot");
  await expect.poll(() => page.locator("html").getAttribute("data-kelvin")).toBe("hot");
});

test("a click in an e-mail makes the browser that of the person it was sent to", async () => {
  await site.import([demo("desk"), { type: "identify", anonymousId: "desk", traits: { email: "ann@acme.example" } }]);
  const wanted = { email: "ann@acme.example", url: pageAt("www.shop", "/spring"), campaign: "spring" };
  const { body } = await site.rest<{ click: string }>("/v1/links", { body: wanted });
  await open("www.shop", "www.shop");
  expect(await replyTo(() => page.goto(body.click))).toMatchObject({ temperature: "hot", rejected: [] });
  expect(new URL(page.url()).pathname).toBe("/spring");
  const events = (await site.events("email:ann@acme.example")).map(({ event, type }) => event ?? type);
  expect(events.slice(-3)).toEqual(["page", "identify", "Email Link Clicked"]);
  expect((await site.lead("email:ann@acme.example")).verified).toBe(true);
});
