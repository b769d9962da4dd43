/**
 * Joins of visitors (contract §6) under concurrency: the lead is the fold of the union of their events in accepted
 * order, a claimant is shown its own events only, and nothing in the database is left without an owner.
 */
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import type { LoggedEvent } from "../../worker/core/event";
import { VISITORS_MAX } from "../../worker/core/state";
import { type Api, type List, type Message, PLAIN_RULES, page, type Site, track } from "../support/api";
import { arbitraryCase, VISITORS } from "../support/arbitraries";
import { naive } from "../support/naive";
import { DAY, DB, expectNothingDangling, expectTheLaw, startApi } from "./app";

const RUNS = Number(process.env.KELVIN_RUNS ?? 15);
const START = Date.parse("2026-03-02T10:00:00Z");
let now = START;
const api = startApi({ clock: () => now });
const iso = (ms: number) => new Date(ms).toISOString();
const sites: Site[] = [];

async function siteWith(rules: unknown): Promise<Site> {
  const site = await api.createSite(rules);
  sites.push(site);
  return site;
}

afterAll(async () => {
  for (const site of sites) {
    await expectTheLaw(site.id);
    await expectNothingDangling(site.id);
  }
});

const identify = (anonymousId: string, who: Message): Message => ({ type: "identify", anonymousId, ...who });
const idOfVisitor = async (site: Site, visitor: string) => (await site.lead(`visitor:${visitor}`)).id;
const named = (visitor: string, email: string) => identify(visitor, { traits: { email } });

test.each([
  ["a claimant", false, identify("pc", { userId: "ann" })],
  ["who proves it", true, identify("pc", { userId: "ann" })],
  ["who goes up in another in between", true, page("pc")],
])("%s changes hands twice in one batch and is the last one's", async (_, isProved, before) => {
  const site = await siteWith({ rules: [{ id: "page", on: "page", points: 10 }], levels: PLAIN_RULES.levels });
  const key = isProved ? api.adminKey : null;
  const post = async (...batch: Message[]) => {
    const { status } = await api.json("/v1/batch", { body: { writeKey: site.writeKey, batch }, key });
    expect(status).toBe(200);
  };
  await post(identify("home-zoe", { userId: "zoe" }));
  await post(identify("home-ben", { userId: "ben" }));
  await post(before);
  // What a browser kept while it was offline; the order in which the leads are first met decides who is written last.
  await post(
    page("home-ben"),
    identify("pc", { userId: "zoe" }),
    page("pc"),
    identify("pc", { userId: "ben" }),
    page("pc"),
  );
  const userIds = async () => (await site.lead("visitor:pc")).userIds;
  expect(await userIds()).toEqual(["ben"]);
  await post(identify("pc", { userId: "dan" }));
  expect(await userIds()).toEqual(["dan"]);
});

const JOINS = {
  claimedUser: { trusted: false, who: { userId: "u" } },
  claimedEmail: { trusted: false, who: { traits: { email: "U@one.example" } } },
  provenUser: { trusted: true, who: { userId: "u" } },
  provenEmail: { trusted: true, who: { traits: { email: "u@one.example" } } },
};
type Join = keyof typeof JOINS;

/** Posts an event as its visitor would, until it is accepted: two isolates at once may say "come again". */
async function post(site: Site, by: Api, { timestamp, visitor, verified, ...event }: LoggedEvent): Promise<void> {
  const body = { writeKey: site.writeKey, batch: [{ ...event, anonymousId: visitor, timestamp: iso(timestamp) }] };
  let status = 503;
  for (let tries = 0; tries < 20 && status === 503; tries++) {
    ({ status } = await by.json("/v1/batch", { body, key: verified ? api.adminKey : null }));
  }
  expect(status).toBe(200);
}

/** Takes out what says who somebody is, and what a public key may not send. */
function anonymous(event: LoggedEvent): LoggedEvent {
  const { userId: _, verified: __, country: ___, traits, ...rest } = event;
  const { email: ____, ...kept } = traits ?? {};
  return { ...rest, ...(traits === undefined ? {} : { traits: kept }) };
}

const joinings = fc.record({
  kinds: fc.tuple(...VISITORS.map(() => fc.constantFrom(...(Object.keys(JOINS) as Join[])))),
  /** In which round each joins. */
  rounds: fc.tuple(...VISITORS.map(() => fc.nat(3))),
  isolates: fc.integer({ min: 1, max: 2 }),
});

test("joined in any way and order, at the same time: the fold of the union, and of their own for claimants", async () => {
  const cases = arbitraryCase({
    rules: { features: { hysteresis: false } },
    history: { maxEvents: 24, features: { machine: false, sales: false, alias: false, verified: false, late: false } },
  });
  await fc.assert(
    fc.asyncProperty(cases, joinings, async (one, { kinds, rounds, isolates }) => {
      now = Math.min(START, ...one.events.map(({ timestamp }) => timestamp));
      const site = await siteWith(one.rules);
      const apis = [api, startApi({ clock: () => now })].slice(0, isolates);
      const sent = new Map<string, LoggedEvent>();
      const ids = new Set<string>();
      // All that happens in a round happens at once.
      const happen = async (events: LoggedEvent[]) => {
        for (const event of events)
          if (event.verified || event.timestamp >= now - 30 * DAY) sent.set(event.messageId, event);
        await Promise.all(events.map((event, i) => post(site, apis[i % isolates] ?? api, event)));
      };
      const joining = (visitor: string, { trusted, who }: (typeof JOINS)[Join]): LoggedEvent => {
        const event = { messageId: `join-${visitor}`, type: "identify" as const, visitor, timestamp: now, ...who };
        return trusted ? { ...event, verified: true } : event;
      };
      await happen([joining("home", { trusted: true, who: { userId: "u", traits: { email: "u@one.example" } } })]);
      const events = one.events.map(anonymous);
      const size = Math.ceil(events.length / 4);
      for (let round = 0; round < 4; round++) {
        const mine = events.slice(round * size, (round + 1) * size);
        now = Math.max(now, ...mine.map(({ timestamp }) => timestamp));
        const joins = VISITORS.flatMap((visitor, i) =>
          rounds[i] === round ? [joining(visitor, JOINS[kinds[i] ?? "claimedUser"])] : [],
        );
        await happen(mine.flatMap((event, i) => [event, ...joins.splice(0, i % 2)]).concat(joins));
        for (const id of VISITORS.map((visitor) => `visitor:${visitor}`)) {
          if ((await site.leadStatus(id)) === 200) ids.add((await site.lead(id)).id);
        }
      }
      const accepted = (await site.events("user:u")).flatMap(({ messageId }) => sent.get(messageId) ?? []);
      expect(accepted.length).toBe(sent.size);
      const at = Math.max(now, one.at);
      const lead = await site.lead("user:u", `?at=${iso(at)}`);
      const { score, levels, disqualified, visits, pageviews } = naive(one.rules, accepted, at);
      expect(lead.exact.score).toBeCloseTo(score, 6);
      expect(lead).toMatchObject({ levels, disqualified, visits, pageviews, userIds: ["u"], email: "u@one.example" });
      for (const id of ids) expect((await site.lead(id)).id).toBe(lead.id);
      // What each browser is shown.
      const claimants: string[] = VISITORS.filter((_, i) => kinds[i]?.startsWith("claimed"));
      for (const visitor of VISITORS) {
        const isClaim = claimants.includes(visitor);
        const seen = accepted.filter((event) =>
          isClaim ? event.visitor === visitor : !claimants.includes(event.visitor),
        );
        const shown = naive(one.rules, seen, now);
        const me = await site.me(visitor);
        expect(me.temperature, visitor).toBe(shown.levels.temperature);
        expect(Math.abs((me.score ?? Number.NaN) - shown.score)).toBeLessThanOrEqual(0.5 + 1e-6);
        const again = { ...page(visitor), messageId: `join-${visitor}` };
        expect((await site.post([again])).body).toMatchObject({ ...me, rejected: [] });
      }
    }),
    { numRuns: RUNS, verbose: 1, endOnFailure: true },
  );
});

describe("what a claim may not do", () => {
  const PROOF = { userId: "ann", traits: { email: "ann@one.example" } };
  const CLAIMS: [string, (x: string) => Message][] = [
    ["a userId", (x) => identify(x, { userId: "ann" })],
    ["an address", (x) => named(x, "Ann@one.example")],
    ["an alias of the userId", (x) => ({ type: "alias", anonymousId: x, previousId: "ann" })],
    ["an alias of the visitor", (x) => ({ type: "alias", anonymousId: x, previousId: "ann-browser" })],
    ["an alias with both", (x) => ({ type: "alias", anonymousId: x, userId: "ann", previousId: "ann-browser" })],
    ["a userId on a page", (x) => page(x, "/", { userId: "ann" })],
  ];

  test.each(CLAIMS)("%s: what is shown is the claimant's own, and nobody else's page moves", async (_, claim) => {
    const site = await siteWith(PLAIN_RULES);
    await site.import([track("ann-browser", "Form Submitted", { form: "demo" }), identify("ann-browser", PROOF)]);
    await site.import([identify("ann-phone", { userId: "ann" }), page("ann-phone")]);
    await site.post([page("x"), page("x", "/careers")]);
    const message = claim("x");
    const own = -8 + (message.type === "page" ? 1 : 0);
    const { body } = await site.post([message]);
    expect(body).toMatchObject({ score: own, temperature: "cold" });
    expect(await site.me("x")).toMatchObject({ score: own, temperature: "cold" });
    for (const visitor of ["ann-browser", "ann-phone"]) expect((await site.me(visitor)).score).toBe(71);
    // The marketer sees it all.
    expect((await site.lead("user:ann")).score).toBe(71 + own);
    expect((await site.post([page("x")])).body.score).toBe(own + 1);
  });

  test("an anonymous visitor named by somebody's alias keeps its page", async () => {
    const site = await siteWith(PLAIN_RULES);
    await site.post([track("v", "Form Submitted", { form: "demo" })]);
    await site.post([page("x", "/careers"), { type: "alias", anonymousId: "x", previousId: "v" }]);
    expect([(await site.me("v")).score, (await site.me("x")).score]).toEqual([70, -9]);
    expect((await site.post([page("v")])).body.score).toBe(71);
  });

  test("join two verified userIds, by address, alias or userId", async () => {
    const site = await siteWith(PLAIN_RULES);
    await site.import([page("a"), identify("a", PROOF)]);
    await site.import([page("b"), identify("b", { userId: "bob", traits: { email: "bob@one.example" } })]);
    const [ann, bob] = [(await site.lead("user:ann")).id, (await site.lead("user:bob")).id];
    for (const [one, other] of [
      ["a", "bob"],
      ["b", "ann"],
    ] as const) {
      await site.post([
        identify(one, { traits: { email: `${other}@one.example`, plan: "mine" } }),
        identify(one, { userId: other }),
        { type: "alias", anonymousId: one, previousId: other },
        { type: "alias", userId: one === "a" ? "ann" : "bob", previousId: other },
      ]);
    }
    await site.post([page("c"), identify("c", { userId: "ann" }), named("c", "bob@one.example")]);
    expect([(await site.lead("user:ann")).id, (await site.lead("user:bob")).id]).toEqual([ann, bob]);
    expect(await site.lead("user:ann")).toMatchObject({ email: "ann@one.example" });
    expect(await site.lead("user:bob")).toMatchObject({ email: "bob@one.example" });
    expect([(await site.lead("visitor:a")).id, (await site.lead("visitor:b")).id]).toEqual([ann, bob]);
  });
});

describe("an alias", () => {
  const alias = (previousId: string, who: Message): Message => ({ type: "alias", previousId, ...who });

  test.each([
    ["a claim", true],
    ["proof", false],
  ])("that names the user beside the visitor is %s of that as an identify is", async (_, isClaim) => {
    const site = await siteWith(PLAIN_RULES);
    await site.post([page("v")]);
    const message = alias("v", { anonymousId: "v", userId: "ann" });
    await (isClaim ? site.post([message]) : site.import([message]));
    await site.import([page("phone"), identify("phone", { userId: "ann" })]);
    const lead = await site.lead("user:ann");
    expect(lead).toMatchObject({ pageviews: 2, userIds: ["ann"] });
    expect(await idOfVisitor(site, "v")).toBe(lead.id);
  });

  test("with the secret key takes a visitor out of whose it only claims to be, with all it did", async () => {
    const site = await siteWith(PLAIN_RULES);
    await site.import([identify("own", { userId: "one" })]);
    await site.import([identify("bobs", { userId: "bob" })]);
    await site.post([page("v"), identify("v", { userId: "one" }), page("v")]);
    const [one, bob] = [await site.lead("user:one"), await site.lead("user:bob")];
    expect(one.pageviews).toBe(2);
    await site.import([alias("v", { userId: "bob" })]);
    expect(await site.lead("user:bob")).toMatchObject({ id: bob.id, pageviews: 2 });
    expect(await site.lead("user:one")).toMatchObject({ id: one.id, pageviews: 0, userIds: ["one"] });
    expect(await idOfVisitor(site, "v")).toBe(bob.id);
  });

  test("with the secret key leaves such a visitor by itself where there is no room", async () => {
    const site = await siteWith(PLAIN_RULES);
    await site.import([identify("own", { userId: "one" })]);
    await site.import(Array.from({ length: VISITORS_MAX }, (_, i) => identify(`pc-${i}`, { userId: "bob" })));
    await site.post([page("v"), identify("v", { userId: "one" }), page("v")]);
    await site.import([alias("v", { userId: "bob" })]);
    expect(await site.lead("visitor:v")).toMatchObject({ pageviews: 2 });
    expect((await site.lead("user:one")).pageviews).toBe(0);
  });

  test("with the secret key makes two userIds one person's; as a claim it does not", async () => {
    const site = await siteWith(PLAIN_RULES);
    await site.import([page("a"), identify("a", { userId: "old" }), page("b"), identify("b", { userId: "new" })]);
    await site.post([alias("old", { anonymousId: "b", userId: "new" })]);
    expect((await site.lead("user:old")).id).not.toBe((await site.lead("user:new")).id);
    await site.import([alias("old", { userId: "new" })]);
    const lead = await site.lead("user:new");
    expect(lead.userIds.toSorted()).toEqual(["new", "old"]);
    expect([lead.pageviews, (await site.lead("user:old")).id]).toEqual([2, lead.id]);
  });
});

test("A into B into C, at once or one by one: all ids answer with the survivor", async () => {
  const site = await siteWith(PLAIN_RULES);
  for (const v of ["a", "b", "c", "d"]) await site.import([page(v)]);
  const ids = await Promise.all(["a", "b", "c", "d"].map(async (v) => (await site.lead(`visitor:${v}`)).id));
  await site.import([identify("b", { userId: "one" })]);
  await site.import([named("c", "c@one.example"), named("d", "d@one.example")]);
  await site.import([identify("a", { userId: "one" })]);
  await site.import([named("a", "c@one.example"), named("c", "d@one.example")]);
  const survivor = await site.lead("user:one");
  expect(survivor).toMatchObject({ pageviews: 4, score: 4 });
  const names = [...ids, ...["a", "b", "c", "d"].map((v) => `visitor:${v}`), "email:c@one.example"];
  for (const name of names) expect((await site.lead(name)).id, name).toBe(survivor.id);
});

test("an isolate that holds an older row of the visitor joins it all the same", async () => {
  const site = await siteWith(PLAIN_RULES);
  const other = startApi({ clock: () => now });
  const elsewhere = async (message: Message) =>
    (await other.json("/v1/batch", { body: { writeKey: site.writeKey, batch: [message] } })).status;
  await site.import([identify("home", { userId: "u" })]);
  for (const who of [{ userId: "u" }, { userId: "u2" }]) {
    expect(await elsewhere(page("v"))).toBe(200);
    await site.post([page("v")]);
    expect(await elsewhere(identify("v", who))).toBe(200);
  }
  expect((await site.lead("user:u")).pageviews).toBe(4);
});

test("an isolate that reads a lead again finds it no more under what another isolate has given away since", async () => {
  const site = await siteWith(PLAIN_RULES);
  const elsewhere: Site = Object.create(site, { api: { value: startApi({ clock: () => now }) } });
  await site.import([identify("home", { userId: "ann" })]);
  await site.post([identify("pc", { userId: "ann" })]);
  await elsewhere.import([{ type: "alias", anonymousId: "phone", previousId: "pc" }]);
  await site.import([{ type: "track", event: "Called", userId: "ann" }]);
  await site.post([page("pc")]);
  const { visitors } = await site.lead("visitor:pc");
  expect(visitors.map(({ id }) => id)).toContain("phone");
  expect((await site.lead("user:ann")).pageviews).toBe(0);
});

test("a lead that comes back twice has none of the versions that it had: an isolate that holds one writes over nothing", async () => {
  const site = await siteWith(PLAIN_RULES);
  const elsewhere: Site = Object.create(site, { api: { value: startApi({ clock: () => now }) } });
  const split = async () =>
    expect((await elsewhere.rest("/v1/leads/user:w/split", { body: { visitor: "v" } })).status).toBe(200);
  await site.post([identify("own", { userId: "w", traits: { email: "w@acme.example" } })]);
  await site.post([page("v")]);
  await site.post([identify("v", { userId: "w" })]);
  await split();
  for (let i = 0; i < 8; i++) await site.post([page("v")]);
  await elsewhere.post([named("v", "w@acme.example")]);
  now += 4_000;
  await split();
  for (let i = 0; i < 4; i++) await elsewhere.post([page("v")]);
  await site.post([page("v")]);
  expect(await site.lead("visitor:v")).toMatchObject({ pageviews: 14, score: 14 });
});

test("an isolate that holds a full lead sees that there is nobody any more", async () => {
  const site = await api.createSite(PLAIN_RULES);
  const elsewhere: Site = Object.create(site, { api: { value: startApi({ clock: () => now }) } });
  for (let i = 0; i < 2; i++) await site.post([page("new-pc")]);
  await site.import(Array.from({ length: VISITORS_MAX }, (_, i) => identify(`pc-${i}`, { userId: "ann" })));
  expect((await elsewhere.rest("/v1/leads/user:ann", { method: "DELETE" })).status).toBe(204);
  await site.post([identify("new-pc", { userId: "ann" })]);
  expect((await site.lead("user:ann")).visitors.map(({ id }) => id)).toEqual(["new-pc"]);
});

test("a lead that went up in another is not found again under a key that comes later in the batch", async () => {
  const site = await siteWith(PLAIN_RULES);
  const conflicts = async () => (await site.rest<{ conflicts: number }>("/v1/status")).body.conflicts;
  const alias = (anonymousId: string, previousId: string) => ({ type: "alias", anonymousId, previousId });
  await site.import([page("tablet")]);
  await site.import([alias("pc", "tablet")]);
  await site.import([identify("home", { userId: "ann" })]);
  // Now the isolate holds all that a batch begins with.
  for (const visitor of ["phone", "phone", "pc"]) await site.post([page(visitor)]);
  const before = await conflicts();
  await site.import([identify("pc", { userId: "ann" }), alias("phone", "tablet")]);
  expect(await conflicts(), "nothing was tried twice").toBe(before);
  const idOf = (visitor: string) => idOfVisitor(site, visitor);
  expect([await idOf("pc"), await idOf("tablet")]).toEqual([await idOf("home"), await idOf("phone")]);
});

test("two verified users in turn are two leads, also after one of them is merged", async () => {
  const site = await siteWith(PLAIN_RULES);
  await site.import([page("v"), identify("v", { userId: "first" })]);
  await site.import([identify("v", { userId: "second" }), page("v")]);
  await site.import([named("w", "first@one.example")]);
  await site.import([{ type: "identify", userId: "first", traits: { email: "first@one.example" } }]);
  expect((await site.lead("visitor:v")).userIds).toEqual(["second"]);
  await site.post([page("v")]);
  expect([(await site.lead("user:first")).pageviews, (await site.lead("user:second")).pageviews]).toEqual([1, 2]);
});

test("what time brought before a merge is told with its own instant and cause", async () => {
  now = START;
  const site = await siteWith({ ...PLAIN_RULES, dimensions: { e: { decay: { expires: "1d" } } } });
  await site.import([track("v", "Form Submitted", { form: "demo" }), identify("v", { userId: "u" })]);
  now += 10 * DAY;
  await site.import([page("w")]);
  await site.import([identify("w", { userId: "u" })]);
  const { body } = await site.rest<List<Message>>("/v1/leads/user:u/history");
  expect(body.data).toMatchObject([
    { from: "hot", to: "cold", cause: "time", at: iso(START + DAY) },
    { from: "cold", to: "hot", cause: "event", at: iso(START) },
  ]);
});

test("read while a merge rewrites its log, a lead is as it was before or after", async () => {
  let meanwhile: (() => Promise<unknown>) | null = null;
  /** Does something else just before a log is read, once. */
  const paused = (real: object, isLog = false): object =>
    new Proxy(real, {
      get: (_, name) => {
        const value: unknown = Reflect.get(real, name);
        if (typeof value !== "function") return value;
        return (...given: unknown[]) => {
          const go = () => value.apply(real, given) as object;
          if (name === "prepare") return paused(go(), /^\s*select[^;]* from log/i.test(String(given[0])));
          if (name === "bind") return paused(go(), isLog);
          const first = isLog ? meanwhile : null;
          meanwhile = isLog ? null : meanwhile;
          return first ? first().then(go) : go();
        };
      },
    });
  const slow = startApi({ db: paused(DB) as D1Database, clock: () => now });
  const site = await siteWith(PLAIN_RULES);
  const many = (visitor: string, path: string) => Array.from({ length: 40 }, () => page(visitor, path));
  await site.import([identify("home", { userId: "u" }), ...many("home", "/")]);
  await site.import(many("home", "/"));
  await site.post([page("c"), identify("c", { userId: "u" })]);
  await site.import(many("w", "/careers"));
  const query = new URLSearchParams({ writeKey: site.writeKey, anonymousId: "home" });
  meanwhile = () => site.import([identify("w", { userId: "u" })]);
  const { body } = await slow.json<{ score: number }>(`/v1/me?${query}`);
  expect([80, 80 - 9 * 40]).toContain(body.score);
});

test("the order of a batch over many visitors is the order of their union", async () => {
  const site = await siteWith(PLAIN_RULES);
  const many = Array.from({ length: 45 }, (_, i) => page(`n${i}`, "/", { messageId: `first-${i}` }));
  await site.import([...many, page("n0", "/", { messageId: "last" })]);
  await site.import([identify("n0", { userId: "u" })]);
  await site.import([identify("n44", { userId: "u" })]);
  const order = (await site.events("user:u")).map(({ messageId }) => messageId);
  expect(order.slice(0, 3)).toEqual(["first-0", "first-44", "last"]);
});

test("a visitor's id leads to its lead whatever signs are in it, from any isolate", async () => {
  const site = await siteWith(PLAIN_RULES);
  const ids = ['a"b', "a\\", 'a","visitor:b', "ä\u2028ö", "[a]", "x,", "%_'", "😀"];
  await site.post(ids.map((id) => page(id)));
  const elsewhere = startApi();
  for (const id of ids) {
    const body = { writeKey: site.writeKey, batch: [page(id)] };
    expect((await elsewhere.json("/v1/batch", { body })).body, id).toMatchObject({ visitor: id, score: 2 });
    expect(await site.lead(`visitor:${id}`), id).toMatchObject({ pageviews: 2 });
  }
});
