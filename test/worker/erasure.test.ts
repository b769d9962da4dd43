/**
 * Erasure, suppression and export (contract §7), by taking the database apart: of somebody erased no value of any table
 * tells, whatever was in flight; what they send again makes nobody of them; and an export has all there is.
 */
import { createExecutionContext } from "cloudflare:test";
import { describe, expect, test, vi } from "vitest";
import type { WireReply } from "../../snippet/wire";
import { type LeadRow, readLead, readLog } from "../../worker/db/leads";
import worker from "../../worker/index";
import { Api, type Message, PLAIN_RULES, type Problem, page, type SendInit, unique } from "../support/api";
import { FaultyDatabase } from "../support/faults";
import { ADMIN_KEY, ASSETS, DAY, DB, expectNothingDangling, startApi, startIsolate } from "./app";
import { at, erase, everything, held, identify, marker, placesOf, type Row, RULES, somebody } from "./traces";

/** D1's own text for a trip that failed. */
const LOST = "Network connection lost.";

describe("everything of a person goes", () => {
  test.each(["email", "user", "visitor", "old id", "id"])("named by %s", async (kind) => {
    const site = await startApi().createSite(RULES);
    const mark = marker();
    await site.post([page(`${mark}-v2`, "/", { messageId: `${mark}-first` })]);
    const old = (await site.lead(`visitor:${mark}-v2`)).id;
    await somebody(site, mark);
    const { id } = await site.lead(`email:${mark}@mail.example`);
    expect(id).not.toBe(old);
    await site.post([page("neighbour")]);
    const neighbour = await site.lead("visitor:neighbour");
    expect(new Set((await placesOf(mark)).map((place) => place.split(".")[0]))).toEqual(
      new Set(["leads", "log", "identities", "crossings"]),
    );
    const names: Record<string, string> = {
      email: `email:${mark.toUpperCase()}@Mail.example`,
      user: `user:${mark}-u`,
      visitor: `visitor:${mark}-v2`,
      "old id": old,
      id,
    };
    expect((await erase(site, names[kind] ?? "")).status).toBe(204);
    for (const text of [mark, id, old]) expect(await placesOf(text), text).toEqual([]);
    for (const name of Object.values(names)) {
      expect(await site.leadStatus(name), name).toBe(404);
      expect((await erase(site, name)).status, name).toBe(404);
    }
    expect(await site.lead("visitor:neighbour")).toEqual({ ...neighbour, exact: expect.anything() });
  });

  test("the place where a run over the leads stands is cut short, and the run goes on", async () => {
    const { api, deps } = startIsolate();
    const site = await api.createSite(PLAIN_RULES);
    await site.post([page("v")]);
    const { id } = await site.lead("visitor:v");
    await DB.prepare("UPDATE rule_versions SET cursor = ? WHERE site_id = ?").bind(id, site.id).run();
    await DB.prepare("UPDATE sites SET pruned_to = ? WHERE id = ?").bind(id, site.id).run();
    await erase(site, id);
    expect(await placesOf(id)).toEqual([]);
    expect((await placesOf(id.slice(0, 13))).sort()).toContain("rule_versions.cursor");
    expect(deps.leads.get(site.id, "visitor:v")).toBeUndefined();
  });

  test("what their browser sends again counts for nobody, what is new makes a stranger", async () => {
    const site = await startApi().createSite(RULES);
    const mark = marker();
    const sent = await somebody(site, mark);
    await erase(site, `user:${mark}-u`);
    for (const batch of [sent.slice(0, 42), ...sent.slice(42).map((message) => [message])]) {
      expect((await site.post(batch)).body).toMatchObject({ temperature: "cold", score: 0, rejected: [] });
    }
    expect(await placesOf(mark)).toEqual([]);
    const { body } = await site.post([sent[0], page(`${mark}-v1`)]);
    expect(body).toMatchObject({ visitor: `${mark}-v1`, score: 1 });
    expect(await site.lead(`visitor:${mark}-v1`)).toMatchObject({
      pageviews: 1,
      known: false,
      email: null,
      traits: {},
    });
  });
});

describe("whoever writes at the same time", () => {
  test("another isolate that holds the person in memory is refused, and makes a stranger", async () => {
    const [one, other] = [startApi(), startApi()];
    const site = await one.createSite(PLAIN_RULES);
    const mark = marker();
    const elsewhere = (batch: Message[]) =>
      other.json<WireReply>("/v1/batch", { body: { writeKey: site.writeKey, batch } });
    await elsewhere([identify(mark, `${mark}@mail.example`), page(mark)]);
    const before = await site.lead(`visitor:${mark}`);
    expect((await erase(site, before.id)).status).toBe(204);
    expect((await elsewhere([page(mark)])).body).toMatchObject({ score: 1 });
    const after = await site.lead(`visitor:${mark}`);
    expect(after).toMatchObject({ pageviews: 1, email: null });
    expect(after.id).not.toBe(before.id);
    expect(await site.leadStatus(`email:${mark}@mail.example`)).toBe(404);
  });

  test("a beacon that has read the person but not written yet is refused, and makes a stranger", async () => {
    const { api, site, hook } = await held();
    const mark = marker();
    await site.post([identify(mark, `${mark}@mail.example`)]);
    const before = await site.lead(`visitor:${mark}`);
    hook(0, async () => void expect((await erase(site, before.id)).status).toBe(204));
    const body = { writeKey: site.writeKey, batch: [page(mark)] };
    expect((await api.json<WireReply>("/v1/batch", { body })).body).toMatchObject({ score: 1 });
    expect(await placesOf(`${mark}@`)).toEqual([]);
    expect(await placesOf(before.id)).toEqual([]);
    expect(await site.lead(`visitor:${mark}`)).toMatchObject({ pageviews: 1, known: false });
  });

  test("twenty beacons and two erasures, again and again: nothing is half there", async () => {
    const [one, other] = [startApi(), startApi()];
    const site = await one.createSite(PLAIN_RULES);
    for (let round = 0; round < 3; round++) {
      const visitor = unique("v");
      const email = `${visitor}@mail.example`;
      await site.post([identify(visitor, email)]);
      const post = (api: Api, batch: Message[]) => api.json("/v1/batch", { body: { writeKey: site.writeKey, batch } });
      const beacons = Array.from({ length: 20 }, (_, i) => post(i % 2 ? one : other, [page(visitor)]));
      const erasures = [erase(site, `visitor:${visitor}`), erase(site, `email:${email}`)];
      for (const { status } of await Promise.all(beacons)) expect([200, 503]).toContain(status);
      const statuses = (await Promise.all(erasures)).map(({ status }) => status);
      expect(statuses).toContain(204);
      for (const status of statuses) expect([204, 404]).toContain(status);
      expect(await placesOf(email)).toEqual([]);
    }
    await expectNothingDangling(site.id);
  });

  test("a merge into somebody else: the erased one is in neither", async () => {
    const [one, other] = [startApi(), startApi()];
    const site = await one.createSite(PLAIN_RULES);
    for (let round = 0; round < 5; round++) {
      const mark = marker();
      await site.post([identify(`${mark}-a`, `${mark}@mail.example`)]);
      await site.post([page(`${mark}-b`, `/${mark}`)]);
      const [{ status }] = await Promise.all([
        erase(site, `email:${mark}@mail.example`),
        other.json("/v1/batch", {
          body: { writeKey: site.writeKey, batch: [identify(`${mark}-b`, `${mark}@mail.example`)] },
        }),
      ]);
      expect(status).toBe(204);
      await erase(site, `visitor:${mark}-b`);
      expect(await placesOf(mark)).toEqual([]);
    }
    await expectNothingDangling(site.id);
  });

  test.each(["before", "after"] as const)("every trip failing %s it was done: sent on, and then done", async (when) => {
    for (let trip = 1, met = true; met; trip++) {
      const faulty = new FaultyDatabase(DB);
      const site = await startApi({ db: faulty.db }).createSite(PLAIN_RULES);
      const mark = marker();
      await site.post([identify(mark, `${mark}@mail.example`)]);
      faulty.fail({ trip, message: LOST, when });
      const first = await erase(site, `visitor:${mark}`);
      met = faulty.pending === 0;
      faulty.heal();
      expect([204, 503]).toContain(first.status);
      if (first.status === 503) expect((await erase(site, `visitor:${mark}`)).status).toBe(204);
      expect(await placesOf(mark)).toEqual([]);
    }
  });

  test("every statement failing: nothing is gone", async () => {
    const faulty = new FaultyDatabase(DB);
    const site = await startApi({ db: faulty.db }).createSite(PLAIN_RULES);
    const mark = marker();
    await site.post([identify(mark, `${mark}@mail.example`)]);
    const before = await everything();
    vi.spyOn(console, "error").mockImplementation(() => {});
    let failed = 0;
    for (; failed < 20; failed++) {
      faulty.failStatement(failed);
      if ((await erase(site, `visitor:${mark}`, "?suppress=true")).status === 204) break;
      expect(await everything()).toEqual(before);
    }
    vi.restoreAllMocks();
    expect(failed).toBe(11);
    expect(await placesOf(mark)).toEqual([]);
  });
});

describe("the export", () => {
  /** Every scalar in a value. */
  function scalars(value: unknown): (string | number)[] {
    if (typeof value === "string" || typeof value === "number") return [value];
    return value !== null && typeof value === "object" ? Object.values(value).flatMap(scalars) : [];
  }

  test("has every value of the person's rows", async () => {
    const site = await startApi().createSite(RULES);
    const mark = marker();
    await somebody(site, mark);
    const response = await site.api.call(at(`user:${mark}-u`, `/export?site=${site.id}`), { key: ADMIN_KEY });
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Type")).toMatch(/^application\/json/);
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    const text = await response.text();
    const copy = JSON.parse(text);
    const { id, exact: _, ...lead } = await site.lead(`user:${mark}-u`);
    expect(response.headers.get("Content-Disposition")).toBe(`attachment; filename="${id}.json"`);
    expect(copy.lead).toMatchObject(lead);
    expect(Math.abs(Date.parse(copy.exportedAt) - Date.now())).toBeLessThan(60_000);

    const had = new Set(scalars(copy));
    const isThere = (value: string | number) =>
      had.has(value) ||
      (typeof value === "number" && [value, value * DAY].some((ms) => had.has(new Date(ms).toISOString()))) ||
      (typeof value === "number" && had.has(new Date(value * DAY).toISOString().slice(0, 10)));
    const row = (await DB.prepare("SELECT * FROM leads WHERE id = ?").bind(id).first<LeadRow>()) as LeadRow;
    const stored = readLead(row);
    const rows = (table: string) => DB.prepare(`SELECT * FROM ${table} WHERE lead_id = ?`).bind(id).all<Row>();
    const crossings = (await rows("crossings")).results.map(({ crossing }) => JSON.parse(String(crossing)));
    const log = await readLog(DB, stored);
    expect(stored.logged).toBeGreaterThan(0);
    expect(crossings.length).toBeGreaterThan(1);
    const { siteId: __, rulesVersion, logged: ___, tail: ____, ...values } = stored;
    expect(copy.lead.rulesVersion).toBe(rulesVersion);
    expect(copy.keys.toSorted()).toEqual(stored.keys.toSorted());
    const missing = scalars([values, crossings, log]).filter((value) => value !== "" && !isThere(value));
    expect(missing).toEqual([]);

    expect(copy.events.map(({ messageId }: Row) => messageId)).toEqual(log.map(({ messageId }) => messageId));
    expect(copy.events.at(-3)).toMatchObject({ verified: true, userId: `${mark}-u`, anonymousId: `${mark}-v1` });
    expect(copy.crossings).toHaveLength(crossings.length);
    const lines = copy.explanation.data as { id: string }[];
    expect(lines.map((line) => line.id)).toEqual(RULES.rules.map((rule) => rule.id));
    const site_ = (await DB.prepare("SELECT * FROM sites WHERE id = ?").bind(site.id).first<Row>()) as Row;
    for (const secret of [site_.secret, site_.identity_secret]) expect(text).not.toContain(secret);
    // Nothing that looks like a time in milliseconds.
    expect(scalars(copy).filter((value) => typeof value === "number" && value > 1e11)).toEqual([]);
  });

  test("is the person's alone", async () => {
    const site = await startApi().createSite(PLAIN_RULES);
    const [mine, other] = [marker(), marker()];
    await somebody(site, mine);
    await somebody(site, other);
    const { body } = await site.rest(at(`visitor:${mine}-v1`, "/export"));
    expect(JSON.stringify(body)).toContain(mine);
    expect(JSON.stringify(body)).not.toContain(other);
  });
});

describe("who may, and what is refused", () => {
  test("a key, a lead, and parameters that are known", async () => {
    const api = startApi();
    const site = await api.createSite(PLAIN_RULES);
    await site.post([page("v")]);
    const path = (more: string) => at("visitor:v", `${more}?site=${site.id}`);
    for (const [more, method] of [
      ["", "DELETE"],
      ["/export", "GET"],
    ] as const) {
      for (const key of [null, "wrong", site.writeKey]) {
        const { status, headers } = await api.json<Problem>(path(more), { method, key });
        expect(status).toBe(401);
        expect(headers.get("WWW-Authenticate")).toMatch(/^Bearer/);
      }
      for (const id of ["visitor:nobody", "lead_0", "email:", "nonsense"]) {
        expect((await site.rest(at(id, more), { method })).status, id).toBe(404);
      }
      expect((await site.rest(at("visitor:v", `${more}?colour=red`), { method })).status).toBe(400);
    }
    for (const value of ["yes", "1", "", "TRUE"]) {
      expect((await erase(site, "visitor:v", `?suppress=${value}`)).status, value).toBe(400);
    }
    expect(await site.leadStatus("visitor:v")).toBe(200);
    expect((await site.rest(at("visitor:v", "/export"), { method: "DELETE" })).status).toBe(405);
  });
});

describe("what goes into the log", () => {
  test("is the route that failed, never whom it was about", async () => {
    const faulty = new FaultyDatabase(DB);
    const site = await startApi({ db: faulty.db }).createSite(PLAIN_RULES);
    const mark = marker();
    await site.post([identify(mark, `${mark}@mail.example`)]);
    const logged: string[] = [];
    vi.spyOn(console, "error").mockImplementation((...line) => void logged.push(line.join(" ")));
    const calls: [string, string, string][] = [
      ["GET", at(`email:${mark}@mail.example`), "/v1/leads/:id"],
      ["DELETE", at(`visitor:${mark}`), "/v1/leads/:id"],
      ["GET", at(`visitor:${mark}`, "/export"), "/v1/leads/:id/export"],
      ["GET", `/v1/me?writeKey=${site.writeKey}&anonymousId=${mark}`, "/v1/me"],
      ["GET", `/v1/pixel.gif?writeKey=${site.writeKey}&event=page&anonymousId=${mark}new`, "/v1/pixel.gif"],
    ];
    for (const [method, path, route] of calls) {
      const isPublic = path.startsWith("/v1/me") || path.startsWith("/v1/pixel");
      for (let trip = 1; trip <= 3; trip++) faulty.fail({ trip, message: "no such thing", when: "before" });
      await (isPublic ? site.api.call(path) : site.rest(path, { method }));
      faulty.heal();
      expect(JSON.parse(logged.at(-1) ?? "{}"), path).toMatchObject({ level: "error", method, route });
    }
    vi.restoreAllMocks();
    expect(logged).toHaveLength(calls.length);
    expect(logged.join()).not.toContain(mark);
  });
});

describe("the file of the database", () => {
  /** The Worker as it is deployed, with a service that overwrites what was deleted. */
  function deployed(VACUUM: { fetch(): Promise<Response> }): Api {
    const env = { DB, ASSETS, KELVIN_ADMIN_KEY: ADMIN_KEY, VACUUM: VACUUM as unknown as Fetcher };
    const send = async (path: string, init: SendInit) => {
      const request = new Request(`https://kelvin.test${path}`, init) as Request<unknown, IncomingRequestCfProperties>;
      return await worker.fetch(request, env, createExecutionContext());
    };
    return new Api(send, ADMIN_KEY);
  }

  test.each([204, 500])("is overwritten after the erasure, where it can be; which may end in %i", async (status) => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    const mark = marker();
    const left: string[][] = [];
    const api = deployed({
      async fetch() {
        left.push(await placesOf(mark));
        return new Response(null, { status });
      },
    });
    const site = await api.createSite(PLAIN_RULES);
    await site.post([identify(mark, `${mark}@mail.example`)]);
    expect((await erase(site, `visitor:${mark}`)).status).toBe(204);
    expect((await erase(site, `visitor:${mark}`)).status).toBe(404);
    expect(left).toEqual([[]]);
    expect(logged).toHaveBeenCalledTimes(status === 500 ? 1 : 0);
    vi.restoreAllMocks();
  });
});
