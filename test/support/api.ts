/**
 * Kelvin's HTTP API as its users call it: a thin typed client, the same for the Worker inside a test and for a server in
 * another process. It checks nothing; the tests do.
 */
import type { WireReply } from "../../snippet/wire.ts";

export type Send = (path: string, init: SendInit) => Promise<Response>;

export interface SendInit {
  method: string;
  headers: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer>;
}

export interface CallOptions {
  method?: string;
  headers?: Record<string, string>;
  /** Sent as it is; anything but text and bytes as JSON. */
  body?: unknown;
  /** Secret key, sent as a bearer token. `null`: none. */
  key?: string | null;
}

export interface Answer<T> {
  status: number;
  headers: Headers;
  body: T;
}

/** RFC 9457. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  errors?: { pointer: string; detail: string }[];
}

export interface Lead {
  id: string;
  known: boolean;
  verified: boolean;
  email: string | null;
  userIds: string[];
  visitors: { id: string; verified: boolean; lastSeen: string }[];
  traits: Record<string, unknown>;
  status: string;
  disqualified: string | null;
  score: number;
  scores: Record<string, number>;
  exact: { score: number; scores: Record<string, number> };
  temperature: string;
  levels: Record<string, string>;
  validUntil: string | null;
  firstSeen: string;
  lastSeen: string;
  visits: number;
  pageviews: number;
  source: { channel: string; referrer: string | null; campaign: string | null } | null;
  account: string | null;
  rulesVersion: number;
}

export interface TimelineEvent {
  messageId: string;
  type: string;
  event?: string;
  anonymousId: string | null;
  userId?: string;
  timestamp: string;
  properties?: Record<string, unknown>;
  traits?: Record<string, unknown>;
  context?: Record<string, unknown>;
  machine?: true;
  awards: { id: string; dimension: string; points: number; cut?: number }[];
}

export interface Explanation {
  at: string;
  score: number;
  exact: number;
  data: {
    id: string;
    dimension: string;
    points: number;
    fired: number;
    limited: number;
    cut?: number;
    lastAt: string | null;
    state: string;
    because: { field: string; test: unknown; actual: unknown; holds: boolean }[];
  }[];
  clamps: { dimension: string; points: number }[];
}

export interface List<T> {
  data: T[];
  nextCursor: string | null;
}

export interface SiteInfo {
  id: string;
  name: string;
  writeKey: string;
  origins: string[];
  identitySecret: string;
}

/** A message of a batch, right or wrong. */
export type Message = Record<string, unknown>;

export class Api {
  constructor(
    private readonly send: Send,
    readonly adminKey: string,
  ) {}

  async call(path: string, { method, headers = {}, body, key = null }: CallOptions = {}): Promise<Response> {
    const sent = body === undefined || typeof body === "string" || body instanceof Uint8Array;
    return await this.send(path, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: { ...(key === null ? {} : { Authorization: `Bearer ${key}` }), ...headers },
      ...(body === undefined ? {} : { body: sent ? (body as string | Uint8Array<ArrayBuffer>) : JSON.stringify(body) }),
    });
  }

  /** A call answered with JSON. */
  async json<T>(path: string, options: CallOptions = {}): Promise<Answer<T>> {
    const response = await this.call(path, options);
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: (text ? JSON.parse(text) : null) as T };
  }

  /** A call with the admin key. */
  async rest<T>(path: string, options: CallOptions = {}): Promise<Answer<T>> {
    return await this.json<T>(path, { key: this.adminKey, ...options });
  }

  async createSite(rules?: unknown, origins: string[] = ["https://shop.example"]): Promise<Site> {
    const { status, body } = await this.rest<SiteInfo>("/v1/sites", { body: { name: "Test", origins } });
    if (status !== 201) throw new Error(`no site: ${status} ${JSON.stringify(body)}`);
    const site = new Site(this, body);
    if (rules !== undefined) {
      const published = await site.publish(rules);
      if (published.status !== 200) throw new Error(`no rules: ${JSON.stringify(published.body)}`);
    }
    return site;
  }
}

/** Calls about one site. */
export class Site {
  readonly id: string;
  readonly writeKey: string;

  constructor(
    readonly api: Api,
    readonly info: SiteInfo,
  ) {
    this.id = info.id;
    this.writeKey = info.writeKey;
  }

  /** Posts a batch under the public write key, or with `key` under a secret one. */
  async post(batch: unknown[], more: Message = {}, options: CallOptions = {}): Promise<Answer<WireReply>> {
    return await this.api.json<WireReply>("/v1/batch", {
      body: { writeKey: this.writeKey, batch, ...more },
      ...options,
    });
  }

  async import(batch: unknown[]): Promise<Answer<WireReply>> {
    return await this.post(batch, {}, { key: this.api.adminKey });
  }

  async me(anonymousId: string): Promise<WireReply> {
    const query = new URLSearchParams({ writeKey: this.writeKey, anonymousId });
    return (await this.api.json<WireReply>(`/v1/me?${query}`)).body;
  }

  async rest<T>(path: string, options: CallOptions = {}): Promise<Answer<T>> {
    return await this.api.rest<T>(`${path}${path.includes("?") ? "&" : "?"}site=${this.id}`, options);
  }

  async publish(rules: unknown, headers: Record<string, string> = {}) {
    return await this.rest<{ version: number; rules: unknown } & Problem>("/v1/rules", {
      method: "PUT",
      headers,
      body: rules,
    });
  }

  /** The lead of an id, or of `visitor:…`, `user:…`, `email:…`; throws where there is none. */
  async lead(id: string, query = ""): Promise<Lead> {
    const { status, body } = await this.rest<Lead>(`/v1/leads/${encodeURIComponent(id)}${query}`);
    if (status !== 200) throw new Error(`GET lead ${id}: ${status} ${JSON.stringify(body)}`);
    return body;
  }

  async leadStatus(id: string): Promise<number> {
    return (await this.rest<unknown>(`/v1/leads/${encodeURIComponent(id)}`)).status;
  }

  /** All events of a lead in the order they were accepted. */
  async events(id: string): Promise<TimelineEvent[]> {
    const all: TimelineEvent[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const path: string = `/v1/leads/${encodeURIComponent(id)}/events?limit=200${cursor && `&cursor=${cursor}`}`;
      const { status, body } = await this.rest<List<TimelineEvent>>(path);
      if (status !== 200) throw new Error(`GET events of ${id}: ${status}`);
      all.push(...body.data);
      cursor = body.nextCursor;
    }
    return all.reverse();
  }
}

let counted = 0;
/** A text that no other test uses. */
export function unique(prefix = "id"): string {
  counted += 1;
  return `${prefix}-${counted}-${Math.random().toString(36).slice(2, 8)}`;
}

export function page(anonymousId: string, path = "/", more: Message = {}): Message {
  return { type: "page", messageId: unique("m"), anonymousId, properties: { path }, ...more };
}

export function track(anonymousId: string, event: string, properties: Message = {}, more: Message = {}): Message {
  return { type: "track", event, messageId: unique("m"), anonymousId, properties, ...more };
}

/** Rules that make sums easy: a page 1 point, the demo form 70, careers -10; warm at 35, hot at 65; nothing decays. */
export const PLAIN_RULES = {
  rules: [
    { id: "page", on: "page", points: 1 },
    { id: "demo", on: "Form Submitted", where: { "properties.form": "demo" }, points: 70, limit: { times: 1 } },
    { id: "careers", on: "page", where: { path: "/careers*" }, points: -10 },
  ],
  levels: {
    temperature: [
      { name: "cold" },
      { name: "warm", when: { score: { gte: 35 } } },
      { name: "hot", when: { score: { gte: 65 } } },
    ],
  },
};

export async function gzip(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
