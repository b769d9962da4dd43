/**
 * What a warm beacon costs in the Worker itself. `POST /warm` makes a site and visitors on the real database; each
 * `POST /run?beacons=…` then sends beacons through the whole app, from Request to Response, while D1's part is played by
 * a stub that says "done". With `&nothing`, the same requests are made and only read and echoed: what the sending itself
 * takes. The processor time of the one less that of the other, read from outside, is Kelvin's.
 */
import { createApp } from "../worker/app";
import b2b from "../worker/core/presets/b2b.json";
import { createDeps } from "../worker/deps";
import type { Env } from "../worker/env";

const VISITORS = 50;
const ORIGIN = "https://shop.example";
const AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/153.0.0.0 Safari/537.36";
const PATHS = ["/", "/product", "/pricing", "/blog/one", "/blog/two", "/case-studies/acme", "/docs/start"];

/** The database, until its writes are done by nobody. */
class Stub {
  isFrozen = false;
  writes = 0;
  readonly db: D1Database;

  constructor(real: D1Database) {
    const batch = async (statements: D1PreparedStatement[]) => {
      if (!this.isFrozen) return await real.batch(statements);
      this.writes++;
      return statements.map(() => ({ results: [], success: true, meta: { changes: 0 } }));
    };
    this.db = Object.assign(Object.create(real), { prepare: (sql: string) => real.prepare(sql), batch });
  }
}

interface Held {
  stub: Stub;
  app: ReturnType<typeof createApp>;
  writeKey: string;
  sent: number;
}
let held: Held | null = null;

async function start(env: Env, ctx: ExecutionContext): Promise<Held> {
  const stub = new Stub(env.DB);
  const startedAt = Date.now();
  const id = () => crypto.randomUUID().replaceAll("-", "");
  const deps = createDeps(
    () => stub.db,
    // A millisecond a beacon: what is held of the site is not looked at again, which the stub could not answer.
    () => startedAt + (held?.sent ?? 0),
    id,
    // As deployed: `npm start` adds to each answer what it cost, for which the answer is made anew.
    { ...env, RATE_VISITOR_PER_MINUTE: "99999999", RATE_ADDRESS_PER_MINUTE: "99999999", KELVIN_LOCAL: "" },
  );
  const app = createApp(deps, env);
  const admin = { authorization: `Bearer ${env.KELVIN_ADMIN_KEY}`, "content-type": "application/json" };
  const post = (path: string, method: string, body: unknown) =>
    app.request(`http://kelvin${path}`, { method, headers: admin, body: JSON.stringify(body) }, env, ctx);
  const made = await post("/v1/sites", "POST", { name: "CPU", origins: [ORIGIN] });
  const { writeKey } = await made.json<{ writeKey: string }>();
  await post(`/v1/rules?site=${writeKey}`, "PUT", b2b);
  const one = { stub, app, writeKey, sent: 0 };
  for (let i = 0; i < VISITORS * 4; i++) await beacon(one, (request) => app.fetch(request, env, ctx));
  stub.isFrozen = true;
  return one;
}

type Taker = (request: Request) => Response | Promise<Response>;

const echo: Taker = async (request) => new Response(await request.text());

async function beacon(one: Held, take: Taker): Promise<void> {
  const n = one.sent++;
  const path = PATHS[n % PATHS.length] ?? "/";
  const message = {
    type: "page",
    messageId: crypto.randomUUID(),
    anonymousId: `cpu-${n % VISITORS}`,
    timestamp: new Date().toISOString(),
    properties: { path, url: `${ORIGIN}${path}`, title: `Page ${path}`, referrer: `${ORIGIN}/` },
    context: { page: { path, url: `${ORIGIN}${path}`, title: `Page ${path}` } },
  };
  const body = JSON.stringify({ writeKey: one.writeKey, sentAt: new Date().toISOString(), batch: [message] });
  const headers = {
    origin: ORIGIN,
    "user-agent": AGENT,
    "content-type": "text/plain",
    "sec-fetch-site": "cross-site",
    "content-length": String(body.length),
    "cf-connecting-ip": "192.0.2.1",
  };
  const answer = await take(new Request("http://kelvin/v1/batch", { method: "POST", headers, body }));
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`a beacon was answered ${answer.status}: ${text}`);
}

export default {
  async fetch(request, env, ctx) {
    held ??= await start(env, ctx);
    const { app, stub } = held;
    const { searchParams } = new URL(request.url);
    const beacons = Number(searchParams.get("beacons"));
    const take: Taker = searchParams.has("nothing") ? echo : (sent) => app.fetch(sent, env, ctx);
    const before = stub.writes;
    for (let i = 0; i < beacons; i++) await beacon(held, take);
    return Response.json({ writes: stub.writes - before });
  },
} satisfies ExportedHandler<Env>;
