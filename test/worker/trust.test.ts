/**
 * What a claim opens (contract §6): nothing, in whatever order it comes with proof of something else. Each of these once
 * let somebody in, or told them something.
 */
import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Message, PLAIN_RULES, page, type Site, track, unique } from "../support/api";
import { expectTheLaw, startApi } from "./app";

const api = startApi();
const ORIGIN = "https://shop.example";
const AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/153.0.0.0 Safari/537.36";
let site: Site;
beforeAll(async () => {
  site = await api.createSite(PLAIN_RULES);
});
afterAll(() => expectTheLaw(site.id));

const identify = (anonymousId: string, who: Message): Message => ({ type: "identify", anonymousId, ...who });
const demo = (visitor: string) => track(visitor, "Form Submitted", { form: "demo" });
async function proof(visitor: string, claims: { sub?: string; email?: string }, more: Message = {}): Promise<Message> {
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(site.info.identitySecret));
  return identify(visitor, { ...more, context: { token } });
}
async function click(visitor: string, wanted: Message): Promise<void> {
  const { body } = await site.rest<{ click: string }>("/v1/links", { body: { url: `${ORIGIN}/`, ...wanted } });
  const answer = await api.call(new URL(body.click).pathname, { headers: { "User-Agent": AGENT } });
  await site.post([{ ...page(visitor), properties: { url: answer.headers.get("Location") } }]);
}
const score = async (visitor: string) => (await site.me(visitor)).score;
const lead = (id: string) => site.lead(id);

/** Somebody verified, who scores 70. */
async function person(): Promise<{ id: string; email: string; browser: string }> {
  const [id, browser] = [unique("u"), unique("b")];
  const email = `${id}@one.example`;
  await site.post([demo(browser), await proof(browser, { sub: id, email }, { traits: { title: "Chief" } })]);
  return { id, email, browser };
}

describe("who claimed to be somebody and then proves to be another", () => {
  const CLAIMS: [string, (v: string, who: { id: string; email: string }) => Message][] = [
    ["the address", (v, { email }) => identify(v, { traits: { email } })],
    ["the userId", (v, { id }) => identify(v, { userId: id })],
    ["an alias", (v, { id }) => ({ type: "alias", anonymousId: v, previousId: id })],
  ];
  const PROOFS: [string, (v: string, self: string) => Promise<unknown>][] = [
    ["an address", async (v, self) => site.post([await proof(v, { email: `${self}@evil.example` })])],
    ["a userId", async (v, self) => site.post([await proof(v, { sub: self })])],
    ["a click on a mail of one's own", async (v, self) => click(v, { email: `${self}@evil.example` })],
  ];
  test.each(CLAIMS.flatMap(([by, claim]) => PROOFS.map(([what, prove]) => ({ by, what, claim, prove }))))(
    "by $by, by $what: leaves with its own events, and nothing else changes",
    async ({ claim, prove }) => {
      const who = await person();
      const [v, self] = [unique("x"), unique("self")];
      await site.post([page(v), page(v, "/careers"), claim(v, who)]);
      await prove(v, self);
      await site.post([identify(v, { traits: { title: "pwned" } })]);
      const own = await lead(`visitor:${v}`);
      expect(own.id).not.toBe((await lead(`user:${who.id}`)).id);
      expect(own.visitors.map(({ id }) => id)).toEqual([v]);
      expect(await score(v)).toBe(own.score);
      expect(own.score).toBeLessThan(0);
      const theirs = await lead(`user:${who.id}`);
      expect(theirs).toMatchObject({ email: who.email, score: 70, traits: { title: "Chief" } });
      expect(theirs.visitors.map(({ id }) => id)).toEqual([who.browser]);
      expect(await score(who.browser)).toBe(70);
    },
  );

  test("what sales noted of a browser comes along when it proves who it is, and not what was proved of somebody else", async () => {
    const [v, u] = [unique("v"), unique("u")];
    await site.post([page(v), identify(v, { traits: { email: `${v}@one.example` } })]);
    await site.rest(`/v1/leads/visitor:${v}`, { method: "PATCH", body: { status: "opportunity" } });
    await site.post([await proof(v, { sub: u })]);
    expect(await lead(`user:${u}`)).toMatchObject({ status: "opportunity", pageviews: 1 });
    expect((await lead(`email:${v}@one.example`)).id).toBe((await lead(`user:${u}`)).id);
    const [w, known] = [unique("w"), unique("known")];
    await site.import([{ type: "track", userId: known, event: "Form Submitted", properties: { form: "demo" } }]);
    await site.post([page(w), identify(w, { userId: known })]);
    await site.post([await proof(w, { sub: unique("self") })]);
    expect([await score(w), (await lead(`user:${known}`)).visitors]).toEqual([1, []]);
  });

  test("an alias of somebody's browser does not show what that did", async () => {
    const [q1, q2, u] = [unique("q"), unique("q"), unique("u")];
    await site.post([demo(q1)]);
    await site.post([{ type: "alias", anonymousId: q2, userId: u, previousId: q1 }]);
    await site.post([await proof(q2, { sub: u })]);
    expect([await score(q1), await score(q2)]).toEqual([70, 0]);
  });

  test("two who only claimed an address: each proof goes its own way, nobody loses and nobody gains", async () => {
    const [v, a] = [unique("v"), unique("a")];
    const email = `${v}@one.example`;
    await site.post([demo(v), identify(v, { traits: { email } })]);
    await site.post([page(a), identify(a, { traits: { email } })]);
    await site.post([await proof(a, { sub: `self-${a}` })]);
    await site.post([await proof(v, { sub: `self-${v}`, email })]);
    expect([await score(v), await score(a)]).toEqual([70, 1]);
    expect((await lead(`email:${email}`)).userIds).toEqual([`self-${v}`]);
  });

  test("who proves to be the one claimed is let in", async () => {
    const who = await person();
    const v = unique("x");
    await site.post([page(v), identify(v, { traits: { email: who.email } })]);
    await site.post([await proof(v, { email: who.email })]);
    expect([await score(v), await score(who.browser)]).toEqual([71, 71]);
    const other = unique("x");
    await site.post([identify(other, { userId: who.id })]);
    await click(other, { lead: `user:${who.id}` });
    expect(await score(other)).toBe(72);
  });
});

describe("two people who are both proved stay two", () => {
  test("with one address, from the first message on", async () => {
    const [p1, p2] = [unique("p"), unique("p")];
    const email = `${p1}@family.example`;
    for (const p of [p1, p2]) {
      await site.post([...(p === p1 ? [demo(p)] : []), await proof(p, { sub: `u-${p}`, email })]);
    }
    expect([await score(p1), await score(p2)]).toEqual([70, 0]);
    const third = unique("p");
    await site.import([identify(third, { userId: `u-${third}`, traits: { email } })]);
    expect(await score(third)).toBe(0);
  });

  test("when a mail is passed on, by whatever each was proved", async () => {
    const [cat, who] = [await person(), unique("m")];
    const byAddress = unique("dan");
    await site.post([demo(byAddress), await proof(byAddress, { email: `${byAddress}@one.example` })]);
    for (const [browser, before] of [
      [cat.browser, 70],
      [byAddress, 70],
    ] as const) {
      await click(browser, { email: `${who}@one.example` });
      expect(await score(browser)).toBe(before + 1);
    }
    await click(byAddress, { lead: `user:${cat.id}` });
    expect([await score(byAddress), await score(cat.browser)]).toEqual([72, 71]);
    expect((await lead(`user:${cat.id}`)).email).toBe(cat.email);
    expect((await lead(`visitor:${byAddress}`)).email).toBe(`${byAddress}@one.example`);
  });

  test("proved by their addresses in turn, in one browser: what came before stays with the first", async () => {
    const v = unique("v");
    const address = (n: number) => `${v}-${n}@one.example`;
    await site.post([demo(v), await proof(v, { email: address(1) })]);
    await site.post([await proof(v, { email: address(2) }), page(v)]);
    expect(await score(v)).toBe(1);
    expect([(await lead(`email:${address(1)}`)).score, (await lead(`email:${address(2)}`)).score]).toEqual([70, 1]);
  });
});

describe("a claimant cannot tell whether there is such a person", () => {
  const NOBODY = () => ({ id: unique("no"), email: `${unique("no")}@one.example` });
  const KINDS: [string, () => Promise<{ id: string; email: string }>][] = [
    ["verified", person],
    [
      "only claimed",
      async () => {
        const who = NOBODY();
        await site.post([page(unique("c")), identify(unique("c2"), { userId: who.id, traits: { email: who.email } })]);
        return who;
      },
    ],
    [
      "full",
      async () => {
        const who = await person();
        for (let n = 0; n < 3; n++) {
          await site.post(Array.from({ length: 20 }, () => identify(unique("g"), { userId: who.id })));
        }
        return who;
      },
    ],
  ];
  const id = (userId: string) => (v: string) => identify(v, { userId });
  type Who = { id: string; email: string };
  const SEQUENCES: [string, (who: Who, z: string) => ((v: string) => Message)[]][] = [
    ["userId, then another", (who, z) => [id(who.id), id(z), (v) => page(v)]],
    ["address, then a userId", ({ email }, z) => [(v) => identify(v, { traits: { email } }), id(z), (v) => page(v)]],
    [
      "userId, address, another userId",
      ({ email }, z) => [id(z), (v) => identify(v, { traits: { email } }), (v) => page(v, "/", { userId: `${z}2` })],
    ],
    ["there and back", (who, z) => [id(who.id), id(z), (v) => page(v), id(who.id), (v) => page(v), id(z)]],
    [
      "an alias that names both",
      (who, z) => [
        (v) => ({ type: "alias", anonymousId: v, userId: z, previousId: who.id }),
        (v) => page(v, "/", { userId: who.id }),
        (v) => page(v),
      ],
    ],
    [
      "an alias, then a userId",
      (who, z) => [(v) => ({ type: "alias", anonymousId: v, previousId: who.id }), (v) => page(v, "/", { userId: z })],
    ],
  ];
  test.each(KINDS.flatMap(([kind, make]) => SEQUENCES.map(([name, sequence]) => ({ kind, name, make, sequence }))))(
    "$kind: $name",
    async ({ make, sequence }) => {
      const ask = async (who: Who) => {
        const [v, z] = [unique("v"), unique("z")];
        const told: unknown[] = [(await site.post([page(v), page(v, "/careers")])).body];
        for (const say of sequence(who, z)) {
          told.push((await site.post([say(v)])).body, await site.me(v));
        }
        return JSON.parse(JSON.stringify(told).replaceAll(v, "v").replaceAll(z, "z")) as unknown;
      };
      expect(await ask(await make())).toEqual(await ask(NOBODY()));
    },
  );

  test("nor by a userId without a browser: that is answered without a score, but for servers with a key", async () => {
    const who = unique("server-side");
    await site.post([{ type: "track", userId: who, event: "Form Submitted", properties: { form: "demo" } }]);
    const { body } = await site.post([{ type: "identify", userId: who }]);
    expect(body).toEqual({ success: true, rejected: [] });
    expect((await site.import([{ type: "identify", userId: who }])).body.score).toBe(0);
    expect((await lead(`user:${who}`)).score).toBe(70);
  });
});

test("a split takes along what only the visitor called itself", async () => {
  const [bob, eve] = [unique("bob"), unique("eve")];
  const email = `${bob}@one.example`;
  await site.post([page(bob), identify(bob, { traits: { email } })]);
  await site.post([page(eve), identify(eve, { traits: { email } }), identify(eve, { userId: `u-${eve}` })]);
  await site.rest(`/v1/leads/email:${email}/split`, { body: { visitor: eve } });
  expect((await lead(`user:u-${eve}`)).id).toBe((await lead(`visitor:${eve}`)).id);
  expect((await lead(`email:${email}`)).visitors.map(({ id }) => id)).toEqual([bob]);
  await site.post([demo("later"), identify("later", { userId: `u-${eve}` })]);
  expect((await lead(`email:${email}`)).score).toBe(1);
});

test.each([{ sub: null, email: "z@x.example" }, { sub: ["a"] }, { sub: 4 }, { sub: "ok", email: ["z@x.example"] }])(
  "a token with %j does not sink its batch",
  async (claims) => {
    const v = unique("v");
    const message = await proof(v, claims as { sub?: string });
    const { status, body } = await site.post([page(v), message]);
    expect({ status, score: body.score, notes: body.notes?.map(({ code }) => code) }).toEqual({
      status: 200,
      score: 1,
      notes: ["token_invalid"],
    });
  },
);

test.each([`${ORIGIN}/\ud800`, `${ORIGIN}/é?q=привет`])("a link to %j has an answer", async (url) => {
  const { status, body } = await site.rest<{ click: string }>("/v1/links", { body: { email: "l@one.example", url } });
  if (status === 400) return expect(url.isWellFormed()).toBe(false);
  const answer = await api.call(new URL(body.click).pathname, { headers: { "User-Agent": "Mimecast" } });
  expect(answer.status).toBe(302);
  expect(decodeURI(answer.headers.get("Location") ?? "")).toBe(url);
});
