/** The lines that the manual asks people to paste, pasted; and the pages that a running Kelvin has about itself. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch } from "../support/browser.ts";
import { type Server, startServer } from "../support/server.ts";

const ROOT = join(import.meta.dirname, "../..");

interface Example {
  /** The line of the document that it begins in. */
  line: number;
  command: string;
  /** The answer shown below it, if there is one. */
  shown: Record<string, unknown> | null;
}

/** The commands of a document, `curl` and `node`, each with the answer that follows it. */
function examplesOf(file: string): Example[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  const blocks = [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map((found) => ({
    kind: found[1],
    body: found[2] ?? "",
    line: text.slice(0, found.index).split("\n").length + 1,
  }));
  return blocks.flatMap(({ kind, body, line }, i) => {
    if (kind !== "sh" || !/^(curl|node) /.test(body)) return [];
    const next = blocks[i + 1];
    return [{ line, command: body, shown: next?.kind === "json" ? JSON.parse(next.body) : null }];
  });
}

/** A curl command as a shell reads it, sent without needing curl. Only the options that the manual uses are known. */
async function send(command: string, server: Server, id: string): Promise<Response> {
  const script = `curl() { printf '%s\\0' "$@"; }\n${command.replaceAll("http://localhost:8787", server.url)}`;
  const words = execFileSync("/bin/sh", ["-euc", script], { env: { KEY: server.key, ID: id }, encoding: "utf8" });
  const rest = words.split("\0").slice(0, -1);
  const headers = new Headers();
  let [url, method, body]: (string | undefined)[] = [];
  const value = () => rest.shift() ?? "";
  while (rest.length > 0) {
    const word = value();
    if (word === "-d") {
      body = value();
      headers.set("Content-Type", "application/x-www-form-urlencoded");
    } else if (word === "-X") method = value();
    else if (word === "-u") headers.set("Authorization", `Basic ${btoa(value())}`);
    else if (word === "-o") value();
    else if (word === "-H") {
      const [, name, content] = /^([^:]+): (.*)$/.exec(value()) ?? [];
      headers.set(name ?? "", content ?? "");
    } else if (word.startsWith("-") || url) throw new Error(`what is "${word}"?`);
    else url = word;
  }
  if (!url) throw new Error("no address");
  return await fetch(url, { method: method ?? (body ? "POST" : "GET"), headers, ...(body ? { body } : {}) });
}

/**
 * Whether an answer has all that is shown of it. Texts without digits and whole numbers must be the same; times, ids and
 * points differ from run to run. Of a list some entries are shown, in order.
 */
function expectShown(shown: unknown, actual: unknown, at: string): void {
  if (Array.isArray(shown)) {
    expect(actual, at).toBeInstanceOf(Array);
    const rest = [...(actual as unknown[])];
    for (const [i, one] of shown.entries()) {
      const named = (entry: unknown) =>
        ["id", "code", "ladder"].map((key) => (entry as Record<string, unknown>)?.[key]);
      const found = rest.findIndex(
        (entry) => rest.length === 1 || named(one).every((name, n) => !isExact(name) || name === named(entry)[n]),
      );
      expect(found, `${at}/${i} in ${JSON.stringify(actual)}`).not.toBe(-1);
      expectShown(one, rest[found], `${at}/${i}`);
      rest.splice(0, found + 1);
    }
  } else if (shown !== null && typeof shown === "object") {
    expect(actual, at).toBeTypeOf("object");
    for (const [key, value] of Object.entries(shown)) {
      expect(actual, at).toHaveProperty([key]);
      expectShown(value, (actual as Record<string, unknown>)[key], `${at}/${key}`);
    }
  } else if (shown === null || isExact(shown)) expect(actual, at).toEqual(shown);
  else expect(actual, at).toBeTypeOf(typeof shown);
}

function isExact(value: unknown): boolean {
  if (typeof value === "string") return !/\d/.test(value);
  return typeof value === "number" ? Number.isInteger(value) : typeof value === "boolean";
}

/** The page that a document asks to save, for the servers that it asks to start. */
function pageOf(file: string): string {
  return /^```html\n(<!doctype html>.*?)^```$/ms.exec(readFileSync(join(ROOT, file), "utf8"))?.[1] ?? "";
}

/** What a document asks to leave running beside Kelvin, each on a free port in place of the one that it names. */
class Companions {
  private readonly folder = mkdtempSync(join(tmpdir(), "kelvin-docs-"));
  private readonly running: ChildProcess[] = [];
  private readonly ports = new Map<string, number>();
  printed = "";

  /** A text with the ports of companions, there already or to come, in place of those named. */
  async here(text: string): Promise<string> {
    let changed = text;
    for (const [, port = ""] of text.matchAll(/(?:localhost:|listen\()([34]000)/g)) {
      if (!this.ports.has(port)) this.ports.set(port, await freePort());
      changed = changed.replaceAll(port, String(this.ports.get(port)));
    }
    return changed;
  }

  /** Starts a command in a folder that has the page, and waits until it answers; its address. */
  async start(command: string, page: string): Promise<string> {
    writeFileSync(join(this.folder, "page.html"), page);
    const changed = await this.here(command);
    const child = spawn("/bin/sh", ["-c", `exec ${changed}`], {
      cwd: this.folder,
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.running.push(child);
    child.stdout?.on("data", (chunk) => {
      this.printed += chunk;
    });
    const url = `http://localhost:${/listen\((\d+)\)/.exec(changed)?.[1]}`;
    await expect
      .poll(
        () =>
          fetch(url)
            .then(({ ok }) => ok)
            .catch(() => false),
        { timeout: 20_000 },
      )
      .toBe(true);
    return url;
  }

  stop(): void {
    for (const child of this.running) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A port that nobody has: the system's choice, given back. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

let server: Server;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server?.stop());

describe("pages", () => {
  const text = async (path: string) => {
    const answer = await fetch(server.url + path);
    expect(answer.status, path).toBe(200);
    expect(answer.headers.get("content-type")).toMatch(/^text\/html/);
    return await answer.text();
  };

  test("/docs leads to all there is to read, and every link of it answers", async () => {
    const links = [...(await text("/docs")).matchAll(/href="([^"]+)"/g)].map((found) => found[1] ?? "");
    expect(links).toEqual(expect.arrayContaining(["/docs/errors", "/rules.schema.json", "/healthz", "/dashboard"]));
    for (const link of links) expect((await fetch(server.url + link)).status, link).toBe(200);
  });

  test("an error's type leads to what it means", async () => {
    const page = await text("/docs/errors");
    const failing: [string, RequestInit?][] = [
      ["/v1/leads"],
      ["/v1/nothing"],
      ["/v1/batch", { method: "POST", body: "{" }],
      ["/v1/batch", { method: "POST", body: "{}" }],
    ];
    for (const [path, init] of failing) {
      const { type, title, status } = (await (await fetch(server.url + path, init)).json()) as Record<string, string>;
      const code = /^\/docs\/errors#(\w+)$/.exec(type ?? "")?.[1];
      expect(page).toContain(`<h2 id="${code}">${status} ${title} <code>${code}</code></h2>`);
    }
  });

  test("that of the errors loads a style of ours and nothing else, and runs nothing", async () => {
    const answer = await fetch(`${server.url}/docs/errors`);
    expect(answer.headers.get("content-security-policy")).toMatch(/^default-src 'none'; style-src 'self';/);
    const html = await answer.text();
    expect(html).not.toMatch(/<script|<style|<img|@import|url\(/);
    expect(html.match(/<link [^>]*>/g)).toEqual([expect.stringMatching(/ href="\/docs\/errors-\w+\.css"/)]);
    const browser = await launch();
    const page = await browser.newPage();
    const { complaints, loaded } = watched(page);
    await page.goto(`${server.url}/docs/errors#stale`);
    expect(await page.evaluate(() => getComputedStyle(document.body).maxWidth)).not.toBe("none");
    await browser.close();
    expect(complaints).toEqual([]);
    expect(loaded).toHaveLength(2);
  });
});

/** What a page complains of, and what it loads. */
function watched(page: Page): { complaints: string[]; loaded: string[] } {
  const complaints: string[] = [];
  const loaded: string[] = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => loaded.push(request.url()));
  return { complaints, loaded };
}

describe.each(["README.md", "docs/api.md", "docs/quick-start.md"])("%s", (file) => {
  // On a database of its own, as whoever follows the document has.
  let fresh: Server;
  const companions = new Companions();
  beforeAll(async () => {
    fresh = await startServer({ databases: 2 });
  });
  afterAll(async () => {
    companions.stop();
    await fresh?.stop();
  });
  /** `$ID`: what the latest answer with an id said. */
  let id = "";

  test.each(examplesOf(file))("line $line", async ({ command, shown }) => {
    if (command.startsWith("node ")) {
      const page = pageOf(file).replaceAll("http://localhost:8787", fresh.url);
      const url = await companions.start(command, page);
      if (command.includes("page.html")) await visit(`${url}/pricing`);
      return;
    }
    const answer = await send(await companions.here(command), fresh, id);
    const body = await answer.text();
    const wanted = typeof shown?.status === "number" ? shown.status : 200;
    expect(answer.ok ? 200 : answer.status, body).toBe(wanted);
    if (shown) expectShown(JSON.parse(await companions.here(JSON.stringify(shown))), JSON.parse(body), "");
    if (shown && "id" in shown) id = JSON.parse(body).id;
  });

  if (file === "docs/quick-start.md") {
    test("what the third terminal prints", async () => {
      for (const level of ["warm", "hot"]) {
        await expect.poll(() => companions.printed, { timeout: 20_000 }).toContain(`"to":"${level}"`);
      }
    });
  }
});

/** Opens the page of the quick start as its reader does, and waits for what they are to see. */
async function visit(url: string): Promise<void> {
  const browser = await launch();
  const page = await browser.newPage();
  await page.goto(url);
  await page.getByText("See what it costs").waitFor({ state: "visible", timeout: 20_000 });
  expect(await page.getByText("Read the guide").isVisible()).toBe(false);
  await browser.close();
}
