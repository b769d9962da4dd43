/** A site to be measured, and what calls it. */

import b2b from "../../worker/core/presets/b2b.json" with { type: "json" };
import { ADMIN_KEY, type Host } from "../host.ts";
import { Client, type Sent } from "../load.ts";
import type { Counts } from "../wrapped.ts";

export const ORIGIN = "https://shop.example";
const AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/153.0.0.0 Safari/537.36";
/** What a browser sends along, and Cloudflare. */
const BROWSER = {
  origin: ORIGIN,
  "user-agent": AGENT,
  "content-type": "text/plain",
  "sec-fetch-site": "cross-site",
  "cf-connecting-ip": "192.0.2.1",
};
const ADMIN = { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" };

export class BenchSite {
  readonly client: Client;
  readonly id: string;
  readonly writeKey: string;
  /** What its server signs identity tokens with. */
  readonly identitySecret: string;

  constructor(client: Client, { id, writeKey, identitySecret }: Pick<BenchSite, "id" | "writeKey" | "identitySecret">) {
    this.client = client;
    this.id = id;
    this.writeKey = writeKey;
    this.identitySecret = identitySecret;
  }

  /** A request as a browser sends it. */
  beacon(batch: unknown[]): Sent {
    const body = JSON.stringify({ writeKey: this.writeKey, batch });
    return { path: "/v1/batch", headers: BROWSER, body };
  }

  imported(batch: unknown[]): Sent {
    return { path: "/v1/batch", headers: ADMIN, body: JSON.stringify({ writeKey: this.writeKey, batch }) };
  }

  /** What opens the marketers' API. */
  readonly admin = ADMIN;

  /** A call of the marketers' API; throws where it fails. */
  async rest<T>(path: string, method = "GET", body?: unknown): Promise<T> {
    const site = `${path.includes("?") ? "&" : "?"}site=${this.id}`;
    return await rest<T>(this.client, path + site, method, body);
  }
}

export async function makeSite(host: Host, rules: unknown = b2b, connections = 10): Promise<BenchSite> {
  const client = new Client(host.url, connections);
  const made = await rest<Pick<BenchSite, "id" | "writeKey" | "identitySecret">>(client, "/v1/sites", "POST", {
    name: "Bench",
    origins: [ORIGIN],
  });
  const site = new BenchSite(client, made);
  await site.rest("/v1/rules", "PUT", rules);
  return site;
}

async function rest<T>(client: Client, path: string, method: string, body?: unknown): Promise<T> {
  const sent = { path, method, headers: ADMIN, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  const reply = await client.send(sent);
  if (reply.status > 299) throw new Error(`${method} ${path}: ${reply.status} ${reply.body}`);
  return JSON.parse(reply.body) as T;
}

/** Sends what must be taken. */
export async function send(client: Client, sent: Sent): Promise<void> {
  const { status, body } = await client.send(sent);
  if (status !== 200) throw new Error(`${sent.path}: ${status} ${body}`);
}

/** What a wrapped Worker has counted so far. */
export async function countsOf(client: Client): Promise<Counts> {
  return JSON.parse((await client.send({ method: "GET", path: "/bench/counts" })).body) as Counts;
}

/** What the minute's run does, at once. */
export async function runScheduled(client: Client): Promise<void> {
  const { status, body } = await client.send({ method: "GET", path: "/cdn-cgi/handler/scheduled" });
  if (status !== 200) throw new Error(`the scheduled run failed: ${status} ${body}`);
}
