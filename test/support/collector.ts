/**
 * A service that only listens: it serves the built tag and test pages, records every batch, and answers as it is told.
 * Pages are on `http://shop.test`, the service on another site, so that every request is a cross-origin one.
 */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from "vitest";
import type { WireBatch, WireMessage } from "../../snippet/wire";
import { launch } from "./browser";

export interface Received {
  method: string;
  contentType: string;
  body: string;
  batch: WireBatch;
}

export interface Answer {
  status?: number;
  delayMs?: number;
  /** Merged over the usual answer; a string is sent as it is. */
  body?: object | string;
}

export interface PageOptions {
  title?: string;
  head?: string;
  body?: string;
  /** Attributes of the script element. */
  tag?: string;
  /** More response headers, such as a content security policy. */
  headers?: Record<string, string>;
  /** Instead of the tag's script element. */
  script?: string;
}

/** The line of CSS that the documentation gives to pages, from where it is written down. */
export const CSS_LINE = /html:is\(.*/.exec(readSource("snippet/personalise.ts"))?.[0] ?? "";
/** The optional inline script. */
export const INLINE_SCRIPT = /<script>try\{.*<\/script>/.exec(readSource("snippet/personalise.ts"))?.[0] ?? "";

function readSource(path: string): string {
  return readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

export class Collector {
  /** Everything that was sent to `/v1/batch`, preflights included. */
  readonly requests: Received[] = [];
  /** What requests are answered with, by their number from 0. */
  answer: (batch: WireBatch, number: number) => Answer = () => ({});
  /** Called for every page that is asked for; the page is served when it has returned. */
  onPage: (path: string) => void | Promise<void> = () => {};
  port = 0;
  readonly #pages = new Map<string, PageOptions>();
  readonly #tag = readSource("dist/k.js");
  readonly #server = createServer((request, response) => {
    this.#handle(request, response).catch(() => response.destroy());
  });

  static async start(): Promise<Collector> {
    const collector = new Collector();
    await new Promise<void>((resolve) => collector.#server.listen(0, resolve));
    collector.port = (collector.#server.address() as AddressInfo).port;
    return collector;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Forgets what was received and said. */
  reset(): void {
    this.requests.length = 0;
    this.#pages.clear();
    this.answer = () => ({});
    this.onPage = () => {};
  }

  /** What a page at `path` holds; any other path is an empty page with the tag. */
  page(path: string, options: PageOptions): void {
    this.#pages.set(path, options);
  }

  url(path = "/", host = "shop.test"): string {
    return `http://${host}:${this.port}${path}`;
  }

  /** The messages received, each id once, in the order of their first arrival. */
  get messages(): WireMessage[] {
    const byId = new Map<string, WireMessage>();
    for (const { batch } of this.requests)
      for (const message of batch.batch) if (!byId.has(message.messageId)) byId.set(message.messageId, message);
    return [...byId.values()];
  }

  /** The messages as text, for a glance: `page /pricing`, `Link Clicked`. */
  get story(): string[] {
    return this.messages.map((message) =>
      message.type === "page" ? `page ${message.properties?.path}` : (message.event ?? message.type),
    );
  }

  /** The properties of the events of that name. */
  properties(event: string): Record<string, unknown>[] {
    return this.messages.filter((message) => message.event === event).map((message) => message.properties ?? {});
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? "/", "http://any.test");
    if (pathname === "/v1/batch") return this.#collect(request, response);
    if (pathname === "/k.js") {
      response.writeHead(200, { "content-type": "text/javascript" }).end(this.#tag);
    } else if (pathname === "/favicon.ico") {
      response.writeHead(404).end();
    } else {
      await this.onPage(pathname);
      const page = this.#pages.get(pathname) ?? {};
      response.writeHead(200, { "content-type": "text/html; charset=utf-8", ...page.headers }).end(this.html(page));
    }
  }

  html({ title = "Shop", head = "", body = "", tag = "", script }: PageOptions): string {
    const element =
      script ?? `<script async src="${this.url("/k.js", "kelvin.test")}" data-site="demo" ${tag}></script>`;
    return `<!doctype html><html><head><title>${title}</title>${head}${element}</head><body>${body}</body></html>`;
  }

  async #collect(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await read(request);
    const number = this.requests.length;
    const batch: WireBatch = body ? JSON.parse(body) : { batch: [] };
    const contentType = request.headers["content-type"] ?? "";
    this.requests.push({ method: request.method ?? "", contentType, body, batch });
    const answer = this.answer(batch, number);
    await pause(answer.delayMs ?? 0);
    const usual = {
      success: true,
      visitor: batch.batch[0]?.anonymousId,
      temperature: "cold",
      score: 0,
      validUntil: null,
    };
    response.writeHead(answer.status ?? 200, {
      "access-control-allow-origin": request.headers.origin ?? "*",
      "access-control-allow-credentials": "true",
      "access-control-allow-headers": "content-type",
      "content-type": "application/json",
    });
    response.end(typeof answer.body === "string" ? answer.body : JSON.stringify({ ...usual, ...answer.body }));
  }
}

export interface Fixture {
  collector: Collector;
  context: BrowserContext;
  page: Page;
  /** Exceptions that reached the page. A test that means to cause some takes them out; others fail by them. */
  errors: string[];
}

/** For what takes a moment: polled, never slept for. */
export const soon = { timeout: 10_000 };

/** One browser and one collector for the tests of a file, a fresh browser profile for each of them. */
export function useTag(each: (fixture: Fixture) => void): void {
  vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });
  let browser: Browser;
  let collector: Collector;
  let fixture: Fixture;
  beforeAll(async () => {
    [browser, collector] = await Promise.all([launch(), Collector.start()]);
  });
  afterAll(async () => {
    await browser?.close();
    collector?.stop();
  });
  beforeEach(async () => {
    collector.reset();
    const context = await browser.newContext();
    const page = await context.newPage();
    fixture = { collector, context, page, errors: [] };
    page.on("pageerror", (error) => fixture.errors.push(error.message));
    each(fixture);
  });
  afterEach(async () => {
    await fixture.context.close();
    expect(fixture.errors).toEqual([]);
  });
}
