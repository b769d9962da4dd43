/**
 * Random sequences of whatever can happen to a site: beacons, some of them late, resends, claims, aliases, joins, splits, erasures, notes, rules,
 * time; isolates that die, a database and a queue that fail, letters that come again, die and are replayed. After each
 * step the law holds: every lead is what the naive model finds in its log, no message counts twice, and what was
 * acknowledged is in a log or still waits.
 */
import fc from "fast-check";
import { beforeAll, expect, test, vi } from "vitest";
import { findLeads } from "../../worker/db/leads";
import { readingAgain } from "../../worker/db/refusal";
import { buryAll } from "../../worker/dead";
import type { Deps } from "../../worker/deps";
import { refoldAll } from "../../worker/refold";
import { sweep } from "../../worker/sweep";
import { type Api, type Message, page, type Site, track } from "../support/api";
import { D1_ERRORS, FaultyDatabase } from "../support/faults";
import type { RulesDocument } from "../support/naive";
import { DAY, DB, expectNothingDangling, expectTheLawAfterErasing, MINUTE, startApi, startIsolate } from "./app";
import { expectEverybodyNaive, logsOf } from "./everybody";
import { TestQueue } from "./queue";

const RUNS = Number(process.env.KELVIN_RUNS ?? 12);
const VISITORS = ["v1", "v2", "v3", "v4"] as const;
const USERS = ["ann", "bob", "cyd"] as const;
const EMAILS = ["ann@acme.example", "bob@acme.example", "cyd@acme.example"] as const;
const OVERLOADED = "D1 DB is overloaded. Requests queued for too long.";
/** More than anybody tries. */
const TRIPS_AWAY = 60;
const TEXTS = [...D1_ERRORS, "database disk image is malformed"];

/** What fails on purpose, and what waits, need not be read in the test's output. */
beforeAll(() => {
  for (const say of ["error", "log"] as const) vi.spyOn(console, say).mockImplementation(() => {});
});

const BASE: RulesDocument = {
  dimensions: { engagement: { decay: { halfLife: "7d" }, max: 60 }, fit: { max: 20 } },
  groups: { few: { max: 4 } },
  counters: { pages: { on: "page", within: "3d" } },
  rules: [
    { id: "first", on: "page", points: 9, limit: { times: 1 } },
    { id: "page", group: "few", on: "page", points: 1 },
    { id: "daily", on: "page", where: { path: "/pricing" }, points: 8, limit: { times: 1, per: "day" } },
    {
      id: "form",
      on: "Form Submitted",
      points: 20,
      limit: { times: 2, by: "properties.form" },
      decay: { expires: "2d" },
    },
    { id: "many", dimension: "fit", while: { "counters.pages": { gte: 3 } }, points: 5 },
    { id: "known", dimension: "fit", while: { known: true }, points: 7 },
    { id: "quiet", while: { inactive: { gte: "2d" } }, points: -6 },
    { id: "recycled", on: "Sales Feedback Given", where: { "properties.feedback": "notReady" }, reset: ["engagement"] },
    { id: "customer", while: { status: "customer" }, disqualify: "customer" },
  ],
  levels: {
    temperature: [
      { name: "cold" },
      { name: "warm", when: { score: { gte: 12 } } },
      { name: "hot", when: { score: { gte: 30 } } },
    ],
  },
};
const VERSIONS: RulesDocument[] = [
  BASE,
  { ...BASE, rules: BASE.rules.filter(({ id }) => id !== "quiet"), hysteresis: { temperature: 4 } },
  {
    ...BASE,
    rules: BASE.rules.map((rule) => (rule.id === "first" ? { ...rule, points: 25, limit: undefined } : rule)),
  },
].map((document) => JSON.parse(JSON.stringify(document)) as RulesDocument);

// ---- What can happen -----------------------------------------------------------------------------------------------

const isolate = fc.nat(1);
const visitor = fc.constantFrom(...VISITORS);
const what = fc.constantFrom("page", "pricing", "form");
/** How long ago, in ms, a beacon's messages happened. */
const ago = fc.constantFrom(0, 0, 0, 50 * MINUTE, DAY, 9 * DAY);

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      does: fc.constant("beacon" as const),
      isolate,
      visitor,
      whats: fc.array(what, { minLength: 1, maxLength: 3 }),
      ago,
      /** The same to the other isolate at the same time. */
      isTwice: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ does: fc.constant("resend" as const), isolate, which: fc.nat(20) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant("identify" as const),
      isolate,
      visitor,
      who: fc.nat(USERS.length - 1),
      by: fc.constantFrom("user", "email"),
      isProved: fc.boolean(),
    }),
  },
  {
    weight: 4,
    /** People take turns at one browser, all of it in one batch, as after an hour without network. */
    arbitrary: fc.record({
      does: fc.constant("turns" as const),
      isolate,
      visitor,
      whos: fc.array(fc.nat(USERS.length - 1), { minLength: 2, maxLength: 4 }),
      isProved: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constant("alias" as const),
      isolate,
      visitor,
      /** Of a user, or of another visitor. */
      to: fc.constantFrom(...USERS, ...VISITORS),
      isProved: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("publish" as const), isolate, version: fc.nat(2) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constant("note" as const),
      isolate,
      visitor,
      body: fc.constantFrom<Message>({ status: "customer" }, { status: "open" }, { feedback: "notReady" }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("split" as const), isolate, visitor }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("erase" as const), isolate, visitor }) },
  {
    weight: 3,
    arbitrary: fc.record({
      does: fc.constant("pass" as const),
      ms: fc.constantFrom(20_000, 40 * MINUTE, DAY, 3 * DAY),
    }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("run" as const), isolate }) },
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant("bring" as const),
      isolate,
      most: fc.integer({ min: 1, max: 9 }),
      isReversed: fc.boolean(),
      loses: fc.nat(3),
      /** The round trip at which the database goes away meanwhile; 0: it does not. */
      breaksAt: fc.constantFrom(0, 0, 1, 2, 3, 4),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ does: fc.constant("die" as const), isolate, most: fc.integer({ min: 1, max: 2 }) }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("replay" as const), isolate }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("kill" as const), isolate }) },
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant("fail" as const),
      isolate,
      trip: fc.integer({ min: 1, max: 4 }),
      when: fc.constantFrom("before" as const, "after" as const),
      text: fc.constantFrom(...TEXTS),
    }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("failStatement" as const), isolate, n: fc.nat(8) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("break" as const), isolate }) },
  {
    weight: 7,
    arbitrary: fc.record({
      does: fc.constant("outage" as const),
      isolate,
      /** What comes while it lasts. */
      beacons: fc.array(fc.record({ visitor, whats: fc.array(what, { minLength: 1, maxLength: 2 }) }), {
        minLength: 1,
        maxLength: 3,
      }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constant("failQueue" as const),
      when: fc.constantFrom("before" as const, "after" as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ does: fc.constant("heal" as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

// ---- The world -----------------------------------------------------------------------------------------------------

/** `sent`: nobody knows what became of it; `maybe`: it waited while somebody it names was erased. */
type Fate = "sent" | "counted" | "queued" | "maybe" | "erased";

interface Isolate {
  faulty: FaultyDatabase<D1Database>;
  api: Api;
  deps: Deps;
}

class World {
  private now = Date.parse("2026-03-02T10:00:00Z");
  private readonly clock = () => this.now;
  readonly queue = new TestQueue(this.clock);
  private readonly isolates = [this.born(), this.born()];
  private readonly reader = startApi({ clock: this.clock });
  private readonly fates = new Map<string, Fate>();
  private readonly sent: { message: Message & { messageId: string }; isProved: boolean }[] = [];
  private site!: Site;

  static async create(): Promise<World> {
    const world = new World();
    world.site = await world.reader.createSite(BASE);
    return world;
  }

  private born(): Isolate {
    const faulty = new FaultyDatabase(DB);
    return { faulty, ...startIsolate({ db: faulty.db, clock: this.clock, env: { BEACONS: this.queue.binding } }) };
  }

  private at(index: number): Isolate {
    return this.isolates[index % this.isolates.length] ?? this.born();
  }

  async take(one: Step): Promise<void> {
    switch (one.does) {
      case "beacon": {
        const isolates = one.isTwice ? [one.isolate, one.isolate + 1] : [one.isolate];
        return await this.beacon(isolates, one.visitor, one.whats, one.ago);
      }
      case "resend": {
        const again = this.sent[one.which % Math.max(1, this.sent.length)];
        if (again) await this.post(one.isolate, [again.message], again.isProved);
        return;
      }
      case "identify": {
        const who = one.by === "user" ? { userId: USERS[one.who] } : { traits: { email: EMAILS[one.who] } };
        const message = { ...this.message(one.visitor, "page"), type: "identify", ...who };
        return await this.post(one.isolate, [message], one.isProved);
      }
      case "turns": {
        const batch = one.whos.flatMap((who) => [
          { ...this.message(one.visitor, "page"), type: "identify", userId: USERS[who] },
          this.message(one.visitor, "pricing"),
        ]);
        return await this.post(one.isolate, batch, one.isProved);
      }
      case "alias": {
        const { messageId } = this.message(one.visitor, "page");
        const now = (USERS as readonly string[]).includes(one.to) ? { userId: one.to } : { anonymousId: one.to };
        const alias = { type: "alias", messageId, previousId: one.visitor, ...now };
        return await this.post(one.isolate, [alias], one.isProved);
      }
      case "publish":
        return void (await this.rest(one.isolate, "/v1/rules", { method: "PUT", body: VERSIONS[one.version] }));
      case "note":
        return void (await this.rest(one.isolate, `/v1/leads/visitor:${one.visitor}`, {
          method: "PATCH",
          body: one.body,
        }));
      case "split":
        return void (await this.rest(one.isolate, `/v1/leads/visitor:${one.visitor}/split`, {
          body: { visitor: one.visitor },
        }));
      case "erase":
        return await this.erase(one.isolate, one.visitor);
      case "pass":
        this.now += one.ms;
        return;
      case "run": {
        const { deps } = this.at(one.isolate);
        await Promise.allSettled([sweep(deps), refoldAll(deps)]);
        return;
      }
      case "bring": {
        const { most, isReversed } = one;
        const loses = (ack: number) => one.loses > 0 && ack % 4 === one.loses;
        const { deps, faulty } = this.at(one.isolate);
        for (let n = 0; one.breaksAt > 0 && n < TRIPS_AWAY; n++)
          faulty.fail({ trip: one.breaksAt + n, when: "before", message: OVERLOADED });
        await this.queue.bring(deps, { most, isReversed, loses }).catch(() => {});
        return one.breaksAt > 0 ? faulty.heal() : undefined;
      }
      case "die":
        return await this.queue.bring(this.at(one.isolate).deps, { most: one.most, by: buryAll }).catch(() => {});
      case "replay":
        return void (await this.rest(one.isolate, "/v1/dead-letters/replay", { method: "POST" }));
      case "kill":
        this.isolates[one.isolate] = this.born();
        return;
      case "fail":
        return this.at(one.isolate).faulty.fail({ trip: one.trip, when: one.when, message: one.text });
      case "failStatement":
        return this.at(one.isolate).faulty.failStatement(one.n);
      case "break":
        return await this.break(one.isolate);
      case "outage":
        await this.break(one.isolate);
        for (const { visitor, whats } of one.beacons) await this.beacon([one.isolate], visitor, whats);
        return this.at(one.isolate).faulty.heal();
      case "failQueue":
        return this.queue.fail(1, one.when);
      case "heal":
        return this.heal();
    }
  }

  private async beacon(isolates: number[], visitor: string, whats: readonly string[], ago = 0): Promise<void> {
    const timestamp = new Date(this.now - ago).toISOString();
    const batch = whats.map((kind) => ({ ...this.message(visitor, kind), timestamp }));
    await Promise.all(isolates.map((isolate) => this.post(isolate, batch, false)));
  }

  /** The database is away; the isolate knows the site from before, so that beacons can wait. */
  private async break(isolate: number): Promise<void> {
    const { api, faulty } = this.at(isolate);
    await api.json(`/v1/me?writeKey=${this.site.writeKey}&anonymousId=nobody`);
    faulty.break(OVERLOADED);
  }

  private heal(): void {
    for (const { faulty } of this.isolates) faulty.heal();
    this.queue.heal();
  }

  private message(visitor: string, kind: string): Message & { messageId: string } {
    const messageId = `m${this.sent.length}-${this.fates.size}`;
    const more = { messageId };
    const form = { form: kind };
    const made = kind === "form" ? track(visitor, "Form Submitted", form, more) : page(visitor, `/${kind}`, more);
    this.fates.set(messageId, "sent");
    return { ...made, messageId };
  }

  /** Sends, and notes what was acknowledged. */
  private async post(isolate: number, batch: (Message & { messageId: string })[], isProved: boolean): Promise<void> {
    for (const message of batch)
      if (!this.sent.some((one) => one.message.messageId === message.messageId)) this.sent.push({ message, isProved });
    const { api } = this.at(isolate);
    const body = { writeKey: this.site.writeKey, batch };
    const answer = await api.json<{ rejected: unknown[] }>("/v1/batch", { body, key: isProved ? api.adminKey : null });
    const { status } = answer;
    expect([200, 202, 500, 503]).toContain(status);
    if (status > 202) return;
    expect(answer.body.rejected).toEqual([]);
    for (const { messageId } of batch) {
      const fate = this.fates.get(messageId);
      if (fate !== "erased" && fate !== "counted") this.fates.set(messageId, status === 200 ? "counted" : "queued");
    }
  }

  private async rest(isolate: number, path: string, options: object): Promise<number> {
    const { api } = this.at(isolate);
    return (await api.rest<unknown>(`${path}?site=${this.site.id}`, options)).status;
  }

  private async erase(isolate: number, visitor: string): Promise<void> {
    const before = await this.logged();
    const key = `visitor:${visitor}`;
    const row = (await findLeads(DB, this.site.id, [key])).get(key);
    const status = await this.rest(isolate, `/v1/leads/visitor:${visitor}`, { method: "DELETE" });
    // Letters accepted in the very millisecond of an erasure go with it, whoever wrote them: clocks differ by more.
    this.now += 1;
    const after = await this.logged();
    for (const id of before) if (!after.has(id)) this.fates.set(id, "erased");
    if (status !== 204 && before.size === after.size) return;
    // What names the lead and waits goes as well, and need not be in anybody's log.
    const keys = new Set(JSON.parse(row?.keys ?? "[]") as string[]);
    for (const { message } of this.sent) {
      const { messageId, anonymousId, previousId, userId, traits } = message;
      const named = [
        `visitor:${anonymousId}`,
        `visitor:${previousId}`,
        `user:${userId}`,
        `email:${(traits as Message | undefined)?.email}`,
      ];
      const isWaiting = this.fates.get(messageId) === "queued" && !after.has(messageId);
      if (isWaiting && named.some((key) => keys.has(key))) this.fates.set(messageId, "maybe");
    }
  }

  private async logged(): Promise<Set<string>> {
    const logs = await readingAgain(() => logsOf(this.site));
    return new Set([...logs.values()].flat().map(({ messageId }) => messageId));
  }

  /** The law, after each step; what goes on in the background meanwhile has it look again. */
  async check(what: string): Promise<void> {
    await readingAgain(() => this.look(what));
  }

  private async look(what: string): Promise<void> {
    const { rules } = (await this.site.rest<{ rules: RulesDocument }>("/v1/rules")).body;
    const logs = await expectEverybodyNaive(this.site, rules, this.now);
    const ids = [...logs.values()].flat().map(({ messageId }) => messageId);
    const counted = new Set(ids);
    expect(counted.size, `${what}: nothing counts twice`).toBe(ids.length);
    const waits = await this.waiting();
    for (const [id, fate] of this.fates) {
      if (fate === "counted") expect(counted, `${what}: ${id} was answered 200`).toContain(id);
      if (fate === "queued") expect(counted.has(id) || waits.has(id), `${what}: ${id} was answered 202`).toBe(true);
      if (fate === "erased") expect(counted, `${what}: ${id} was erased`).not.toContain(id);
    }
    const erased = [...this.fates].filter(([, fate]) => fate === "erased").map(([id]) => id);
    await expectTheLawAfterErasing(this.site.id, erased);
    await expectNothingDangling(this.site.id);
  }

  /** Ids in the queue and among the dead. */
  private async waiting(): Promise<Set<string>> {
    const { results } = await DB.prepare("SELECT events FROM dead_letters WHERE site_id = ?")
      .bind(this.site.id)
      .all<{ events: string }>();
    const dead = results.flatMap(({ events }) => JSON.parse(events) as { event: { messageId: string } }[]);
    const letters = this.queue.waiting.flatMap(({ body }) => body.events);
    return new Set([...dead, ...letters].map(({ event }) => event.messageId));
  }

  /** Nothing fails any more: all that waits is folded, and each lead's history is without a gap. */
  async end(): Promise<void> {
    this.heal();
    for (let round = 0; this.queue.waiting.length > 0 && round < 20; round++) {
      this.now += 10 * MINUTE;
      await this.queue.bring(this.at(0).deps);
    }
    const replayed = await this.site.rest<{ failed: unknown[] }>("/v1/dead-letters/replay", { method: "POST" });
    expect(replayed.body.failed).toEqual([]);
    expect(await this.waiting()).toEqual(new Set());
    await this.check("in the end");
    for (const id of (await logsOf(this.site)).keys()) {
      const { body } = await this.site.rest<{ data: { from: string; to: string }[] }>(`/v1/leads/${id}/history`);
      const oldestFirst = body.data.toReversed();
      for (const [i, { from }] of oldestFirst.entries()) if (i > 0) expect(oldestFirst[i - 1]?.to).toBe(from);
    }
  }
}

test("whatever happens in whatever order, the law holds after each step", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 30, size: "max" }), async (steps) => {
      const world = await World.create();
      for (const [i, one] of steps.entries()) {
        await world.take(one);
        if (one.does.startsWith("fail") || ["pass", "kill", "break", "heal"].includes(one.does)) continue;
        await world.check(`after step ${i}, ${one.does}`);
      }
      await world.end();
    }),
    { numRuns: RUNS, verbose: 1, endOnFailure: true },
  );
});
