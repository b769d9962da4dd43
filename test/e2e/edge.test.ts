/** Personalisation before the page leaves, as docs/personalisation.md has it: the edge in the demo, the server of its recipe. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch } from "../support/browser.ts";
import { type Server, startServer } from "../support/server.ts";

const soon = { timeout: 20_000 };
let server: Server;
let browser: Browser;
/** The cookie of a warm visitor. */
let cookie: string;

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
  const context = await browser.newContext({ baseURL: server.url });
  const page = await context.newPage();
  await page.goto("/pricing");
  await page.locator('html[data-kelvin="warm"]').waitFor({ state: "attached" });
  const kept = (await context.cookies()).find(({ name }) => name === "kelvin");
  cookie = `kelvin=${kept?.value}`;
  await context.close();
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

/** What comes over the wire before any script runs. */
const html = async (url: string, headers: Record<string, string> = {}) => {
  const answer = await fetch(url, { headers: { Accept: "text/html", ...headers } });
  return { text: await answer.text(), caching: answer.headers.get("Cache-Control"), status: answer.status };
};

describe("the edge", () => {
  test("the page of a warm visitor is warm from its first byte, in a browser without script too", async () => {
    // Polled, here and below: on a busy machine an answer may be later than a page waits for it.
    const beginning = async () => (await html(`${server.url}/?edge`, { Cookie: cookie })).text.slice(0, 80);
    await expect.poll(beginning, soon).toContain('<html lang="en" data-kelvin="warm">');
    expect((await html(`${server.url}/?edge`, { Cookie: cookie })).caching).toBe("private, no-cache");
    const context = await browser.newContext({ baseURL: server.url, javaScriptEnabled: false });
    const [name = "", value = ""] = cookie.split("=");
    await context.addCookies([{ name, value, url: server.url }]);
    const page = await context.newPage();
    const hero = async () => {
      await page.goto("/?edge");
      return await page.locator('[data-kelvin-cta="hero"]:visible').allTextContents();
    };
    await expect.poll(hero, soon).toEqual(["See what it costs per door"]);
    await context.close();
  });

  test("without the visitor, or without an answer, it is the page as the site made it", async () => {
    const plain = await html(`${server.url}/`);
    expect(plain.text).toContain('<html lang="en">');
    // Kelvin refuses an id that long: to the edge a failure like any other.
    for (const Cookie of ["other=1", `kelvin=${"1".repeat(300)}`]) {
      const { text, caching, status } = await html(`${server.url}/?edge`, { Cookie });
      expect([text, caching, status]).toEqual([plain.text, plain.caching, 200]);
    }
    const optedOut = await html(`${server.url}/?edge`, { Cookie: cookie, "Sec-GPC": "1" });
    expect(optedOut.text).toBe(plain.text);
  });
});

describe("the recipe for a server", () => {
  const folder = mkdtempSync(join(tmpdir(), "kelvin-recipe-"));
  const running: ChildProcess[] = [];
  afterAll(() => {
    for (const child of running) child.kill();
    rmSync(folder, { recursive: true });
  });

  /** Runs the code of the document as it stands there, and answers its address. */
  async function start(kelvin: string): Promise<string> {
    const text = readFileSync(join(import.meta.dirname, "../../docs/personalisation.md"), "utf8");
    const code = /^```js\n(\/\/ server\.mjs\n.*?)^```$/ms.exec(text)?.[1] ?? "";
    const file = join(folder, "server.mjs");
    writeFileSync(file, code);
    const port = await freePort();
    const env = { ...process.env, KELVIN: kelvin, PORT: String(port) };
    running.push(spawn(process.execPath, [file], { env, stdio: "inherit" }));
    const url = `http://localhost:${port}/`;
    await expect.poll(async () => (await html(url).catch(() => null))?.status, soon).toBe(200);
    return url;
  }

  test("offers what fits the visitor, and the default to whoever is not known", async () => {
    const url = await start(server.url);
    const warm = async () => (await html(url, { Cookie: cookie })).text;
    await expect.poll(warm, soon).toMatch(/<html data-kelvin="warm">.*See what it costs/s);
    expect((await html(url, { Cookie: cookie })).caching).toBe("private, no-cache");
    expect((await html(url)).text).toContain("Read the guide");
    expect((await html(url, { Cookie: cookie, "Sec-GPC": "1" })).text).toContain("Read the guide");
  });

  test("offers the default where Kelvin is not there", async () => {
    const url = await start(`http://localhost:${await freePort()}`);
    expect((await html(url, { Cookie: cookie })).text).toContain('<html data-kelvin="cold">');
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, () => {
      const address = probe.address();
      probe.close(() => resolve(address && typeof address === "object" ? address.port : 0));
    });
  });
}
