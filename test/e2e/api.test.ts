/** The server that `npm start` runs, over real HTTP: many clients at once, and a power cut in the middle of it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WireReply } from "../../snippet/wire.ts";
import { Api, type Message, PLAIN_RULES, page, Site, type SiteInfo, track, unique } from "../support/api.ts";
import { type Server, startServer } from "../support/server.ts";

const connect = (server: Server) => new Api((path, init) => fetch(server.url + path, init), server.key);

let state: string;
let server: Server;
beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "kelvin-api-"));
  server = await startServer({ state, isLimited: false });
});
afterAll(async () => {
  await server?.stop();
  await rm(state, { recursive: true, force: true });
});

describe("200 posts at once with overlapping ids", () => {
  test.each([1, 8])("of %i visitors: each message counts once", async (visitors) => {
    const site = await connect(server).createSite(PLAIN_RULES);
    const names = Array.from({ length: visitors }, () => unique("v"));
    const pools = names.map((name) => Array.from({ length: 30 }, () => page(name)));
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) => {
        const pool = pools[i % visitors] as Message[];
        return site.post([0, 5, 11].map((step) => pool[(i * 7 + step) % pool.length]));
      }),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    for (const [i, name] of names.entries()) {
      const sent = new Set(
        Array.from({ length: 200 }, (_, n) => n)
          .filter((n) => n % visitors === i)
          .flatMap((n) => [0, 5, 11].map((step) => (n * 7 + step) % 30)),
      );
      expect(await site.lead(`visitor:${name}`)).toMatchObject({ score: sent.size, pageviews: sent.size });
      const ids = (await site.events(`visitor:${name}`)).map(({ messageId }) => messageId);
      expect(new Set(ids).size).toBe(ids.length);
    }
  });
});

test("clients that hang up in mid-crowd keep nobody waiting, and what they sent again counts once", async () => {
  const site = await connect(server).createSite(PLAIN_RULES);
  const beacons = Array.from({ length: 200 }, () => ({ visitor: unique("v") })).map(({ visitor }) => ({
    visitor,
    batch: [page(visitor)],
  }));
  const post = async ({ batch }: (typeof beacons)[number], signal?: AbortSignal) => {
    const body = JSON.stringify({ writeKey: site.writeKey, batch });
    const from = performance.now();
    const { status } = await fetch(`${server.url}/v1/batch`, { method: "POST", body, ...(signal ? { signal } : {}) });
    return { status, ms: performance.now() - from };
  };
  // Twenty at once, of which every second hangs up before its answer can be there, at any stage of its way.
  let cut = 0;
  const patient: Awaited<ReturnType<typeof post>>[] = [];
  for (let from = 0; from < beacons.length; from += 20) {
    const crowd = beacons.slice(from, from + 20).map(async (beacon, i) => {
      if (i % 2 === 0) return void patient.push(await post(beacon));
      await post(beacon, AbortSignal.timeout(1 + i)).catch(() => cut++);
    });
    await Promise.all(crowd);
  }
  expect(cut).toBeGreaterThan(10);
  expect(new Set(patient.map(({ status }) => status))).toEqual(new Set([200]));
  // Far from a deadline, after which they would have waited for nothing.
  expect(Math.max(...patient.map(({ ms }) => ms))).toBeLessThan(1_900);
  for (const beacon of beacons) expect((await post(beacon)).status).toBe(200);
  for (const { visitor } of beacons) expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ pageviews: 1 });
});

describe("kill -9 in mid-load", () => {
  const VISITORS = 60;
  const BEACONS = 10;
  const WORKERS = 10;

  interface Beacon {
    visitor: string;
    batch: Message[];
    acknowledged: boolean;
  }

  /** Page, page, and a form on the third: its points tell whether a beacon counted in part. */
  function beacons(): Beacon[] {
    const names = Array.from({ length: VISITORS }, () => unique("v"));
    return Array.from({ length: BEACONS }, (_, i) =>
      names.map((visitor) => ({
        visitor,
        batch: [
          page(visitor),
          page(visitor, "/careers"),
          track(visitor, "Form Submitted", { form: i === 3 ? "demo" : "x" }),
        ],
        acknowledged: false,
      })),
    ).flat();
  }

  /** Sends what is not acknowledged yet, several at a time; a beacon's error only leaves it for later. */
  async function send(site: Site, all: Beacon[], onSent: (count: number) => void = () => {}): Promise<void> {
    const pending = all.filter(({ acknowledged }) => !acknowledged);
    let count = 0;
    const worker = async () => {
      for (let beacon = pending.shift(); beacon; beacon = pending.shift()) {
        const answer = await site.post(beacon.batch).catch(() => null);
        beacon.acknowledged = answer?.status === 200;
        onSent(++count);
      }
    };
    await Promise.all(Array.from({ length: WORKERS }, worker));
  }

  const points = ({ type, properties }: Message): number => {
    const { path, form } = properties as Record<string, unknown>;
    if (type === "page") return path === "/careers" ? -9 : 1;
    return form === "demo" ? 70 : 0;
  };

  test("what was acknowledged is there once, whole, with the rules' exact score; the rest can be sent again", async () => {
    const made = await connect(server).createSite(PLAIN_RULES);
    const all = beacons();
    let killed: Promise<void> | null = null;
    await send(made, all, (count) => {
      if (count >= all.length / 2) killed ??= server.kill9();
    });
    await killed;
    const cut = all.filter(({ acknowledged }) => !acknowledged);
    expect(cut.length, "beacons were cut off").toBeGreaterThan(0);
    expect(cut.length, "beacons were acknowledged before").toBeLessThan(all.length);

    server = await startServer({ state, port: server.port, isLimited: false });
    const site = new Site(connect(server), made.info as SiteInfo);
    const check = async () => {
      for (const visitor of new Set(all.map((beacon) => beacon.visitor))) {
        const mine = all.filter((beacon) => beacon.visitor === visitor);
        const found = await site.rest<unknown>(`/v1/leads/visitor:${visitor}`);
        if (found.status === 404) {
          expect(mine.some(({ acknowledged }) => acknowledged)).toBe(false);
          continue;
        }
        const ids = (await site.events(`visitor:${visitor}`)).map(({ messageId }) => messageId);
        expect(new Set(ids).size, "once").toBe(ids.length);
        const kept = mine.filter(({ batch }) => ids.includes(String(batch[0]?.messageId)));
        expect(kept).toEqual(expect.arrayContaining(mine.filter(({ acknowledged }) => acknowledged)));
        expect(ids.length, "whole beacons").toBe(kept.length * 3);
        const score = kept.flatMap(({ batch }) => batch).reduce((sum, message) => sum + points(message), 0);
        expect((await site.lead(`visitor:${visitor}`)).exact.score).toBe(score);
      }
    };
    await check();
    await send(site, all);
    expect(all.every(({ acknowledged }) => acknowledged)).toBe(true);
    await check();
    // And the whole load once more: nothing is counted twice.
    for (const beacon of all) beacon.acknowledged = false;
    await send(site, all);
    await check();
  });
});

test("a body over the limit is refused over a real connection, and the next call is answered", async () => {
  const site = await connect(server).createSite(PLAIN_RULES);
  const answer = await site.api.json<WireReply>("/v1/batch", { method: "POST", body: "x".repeat(2_000_000) });
  expect(answer.status).toBe(413);
  expect((await site.post([page("v")])).body.score).toBe(1);
});
