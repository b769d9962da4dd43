/** Who is it (contract §6): tokens, the bound of what a visitor claims, and undoing a claimed join. */
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Rejection } from "../../snippet/wire";
import { CLAIMS_MAX } from "../../worker/core/identity";
import { KeySetUnavailable } from "../../worker/jwks";
import { type Lead, type List, type Message, PLAIN_RULES, type Problem, page, type Site, track } from "../support/api";
import { DAY, expectTheLaw, startIsolate } from "./app";

const HOUR_S = 3_600;
let now = Date.parse("2026-03-02T10:00:00Z");
const keysAt = new Map<string, Awaited<ReturnType<typeof generateKeyPair>>>();
const { api, deps } = startIsolate({ clock: () => now });
deps.keySetAt = (url) => async () => {
  const pair = keysAt.get(url);
  if (!pair) throw new KeySetUnavailable("it is gone");
  return pair.publicKey;
};
let site: Site;
let other: Site;
const sites: Site[] = [];
beforeAll(async () => {
  site = await api.createSite(PLAIN_RULES);
  other = await api.createSite(PLAIN_RULES);
  sites.push(site, other);
});
afterAll(async () => {
  for (const one of sites) await expectTheLaw(one.id);
});

const bytes = (text: string) => new TextEncoder().encode(text);
const nowS = () => Math.floor(now / 1000);
const sign = (claims: JWTPayload, secret = site.info.identitySecret, alg = "HS256") =>
  new SignJWT({ exp: nowS() + HOUR_S, ...claims }).setProtectedHeader({ alg }).sign(bytes(secret));
const identify = (anonymousId: string, more: Message, token?: string): Message => ({
  type: "identify",
  anonymousId,
  ...more,
  ...(token === undefined ? {} : { context: { token } }),
});
const notesOf = ({ body }: { body: { notes?: Rejection[] } }) => body.notes?.map(({ code }) => code);
const isVerified = async (visitor: string) => (await site.lead(`visitor:${visitor}`)).visitors[0]?.verified;

describe("a token proves", () => {
  test.each<[string, JWTPayload, Message, Partial<Lead>]>([
    ["its userId", { sub: "t1" }, {}, { userIds: ["t1"] }],
    ["its userId, stated too", { sub: "t2" }, { userId: "t2" }, { userIds: ["t2"] }],
    ["its address", { email: "t3@one.example" }, {}, { email: "t3@one.example" }],
    ["its address, stated in another case", { email: "t4@one.example" }, { traits: { email: "T4@One.example" } }, {}],
    ["both", { sub: "t5", email: "t5@one.example" }, { traits: { plan: "pro" } }, { email: "t5@one.example" }],
  ])("%s", async (name, claims, message, expected) => {
    const answer = await site.post([page(name), identify(name, message, await sign(claims))]);
    expect(answer).toMatchObject({ status: 200, body: { rejected: [] } });
    expect(answer.body.notes).toBeUndefined();
    expect(await site.lead(`visitor:${name}`)).toMatchObject({ verified: true, ...expected });
    expect(await isVerified(name)).toBe(true);
  });

  test("a clock a minute off is forgiven, and not two", async () => {
    const off = (seconds: number) => sign({ sub: "late", exp: nowS() - seconds });
    expect(notesOf(await site.post([identify("late-1", {}, await off(59))]))).toBeUndefined();
    expect(notesOf(await site.post([identify("late-2", {}, await off(61))]))).toEqual(["token_expired"]);
    const day = 24 * HOUR_S;
    const long = async (iat: number, exp: number) =>
      notesOf(
        await site.post([identify("long", {}, await sign({ sub: "late", iat: nowS() + iat, exp: nowS() + exp }))]),
      );
    expect(await long(0, day)).toBeUndefined();
    expect(await long(0, day + 61)).toEqual(["token_invalid"]);
    expect(await long(-20 * HOUR_S, 5 * HOUR_S)).toEqual(["token_invalid"]);
    expect(await long(62, HOUR_S)).toEqual(["token_invalid"]);
  });

  test("an address that it does not name is only claimed, whoever's it is", async () => {
    await site.import([
      identify("boss", { traits: { email: "boss@one.example" } }),
      track("boss", "Form Submitted", { form: "demo" }),
    ]);
    const token = await sign({ sub: "thief" });
    const { body } = await site.post([identify("thief", { traits: { email: "boss@one.example", plan: "x" } }, token)]);
    expect(body).toMatchObject({ score: 0, temperature: "cold" });
    expect((await site.lead("email:boss@one.example")).userIds).toEqual([]);
    expect((await site.lead("user:thief")).id).not.toBe((await site.lead("email:boss@one.example")).id);
    // Proof of it goes on counting for more than the claim.
    await site.import([identify("thief", { userId: "thief", traits: { email: "thief@one.example" } })]);
    await site.post([identify("thief", { traits: { email: "boss@one.example" } }, token)]);
    expect((await site.lead("user:thief")).email).toBe("thief@one.example");
  });
});

describe("a token that does not hold leaves a claim", () => {
  const VICTIM = { userId: "victim", traits: { email: "victim@one.example" } };
  beforeAll(async () => {
    await site.import([
      identify("victim-browser", VICTIM),
      track("victim-browser", "Form Submitted", { form: "demo" }),
    ]);
  });
  const TOKENS: [string, string, () => Promise<string> | string][] = [
    [
      "signed by nobody (alg none)",
      "token_invalid",
      () => new UnsecuredJWT({ sub: "victim", exp: nowS() + HOUR_S }).encode(),
    ],
    ["another site's", "token_invalid", () => sign({ sub: "victim" }, other.info.identitySecret)],
    ["signed with another algorithm", "token_invalid", () => sign({ sub: "victim" }, undefined, "HS512")],
    ["expired", "token_expired", () => sign({ sub: "victim", exp: nowS() - HOUR_S })],
    ["without end", "token_invalid", () => sign({ sub: "victim", exp: undefined })],
    ["that lives for a month", "token_invalid", () => sign({ sub: "victim", exp: nowS() + 30 * 24 * HOUR_S })],
    ["not valid yet", "token_invalid", () => sign({ sub: "victim", nbf: nowS() + HOUR_S })],
    ["that names nobody", "token_invalid", () => sign({})],
    ["that names somebody else", "token_mismatch", () => sign({ sub: "me" })],
    ["of an address only", "token_mismatch", () => sign({ email: "victim@one.example" })],
    ["of another address", "token_mismatch", () => sign({ sub: "victim", email: "me@one.example" })],
    ["cut short", "token_invalid", async () => (await sign({ sub: "victim" })).slice(0, -3)],
    ["no token at all", "token_invalid", () => "let me in"],
    ["empty", "token_invalid", () => ""],
    [
      "signed with a key of its own",
      "token_invalid",
      async () => {
        const { privateKey, publicKey } = await generateKeyPair("ES256");
        const header = { alg: "ES256", jwk: await exportJWK(publicKey) };
        return await new SignJWT({ sub: "victim", exp: nowS() + HOUR_S }).setProtectedHeader(header).sign(privateKey);
      },
    ],
  ];

  test.each(TOKENS)("%s: %s", async (name, code, make) => {
    const visitor = `claimant ${name}`;
    const answer = await site.post([page(visitor), identify(visitor, VICTIM, await make())]);
    expect(answer).toMatchObject({ status: 200, body: { score: 1, temperature: "cold", rejected: [] } });
    expect(answer.body.notes).toMatchObject([{ index: 1, code, detail: expect.stringContaining("claim") }]);
    expect((await site.me("victim-browser")).score).toBe(70);
    const lead = await site.lead("user:victim");
    expect(lead.visitors.find(({ id }) => id === visitor)).toMatchObject({ verified: false });
  });

  test("what a claimant is told is what is told of somebody who does not exist", async () => {
    const ask = async (who: string, message: Message) => {
      const visitor = `asks ${who}`;
      const answers = [
        await site.post([page(visitor)]),
        await site.post([identify(visitor, message)]),
        await site.post([{ type: "alias", anonymousId: visitor, previousId: message.userId }]),
        await site.post([page(visitor)]),
      ];
      const told = [...answers.map(({ status, body }) => ({ status, body })), await site.me(visitor)];
      return JSON.parse(JSON.stringify(told).replaceAll(visitor, "…")) as unknown;
    };
    const nobody = { userId: "no-such-user", traits: { email: "nobody@one.example" } };
    expect(await ask("victim", VICTIM)).toEqual(await ask("nobody", nobody));
  });

  test("on anything but an identify it proves nothing", async () => {
    const token = await sign({ sub: "victim" });
    await site.post([page("p", "/", { userId: "victim", context: { token } })]);
    await site.post([{ type: "alias", anonymousId: "a", previousId: "victim", context: { token } }]);
    const { visitors } = await site.lead("user:victim");
    for (const id of ["p", "a"]) expect(visitors.find((one) => one.id === id)?.verified, id).toBe(false);
    expect((await site.me("p")).score).toBe(1);
  });
});

describe("rotation of the identity secret", () => {
  const rotate = (body?: unknown, key = api.adminKey) =>
    api.json<{ identitySecret: string; previousUntil: string } & Problem>(`/v1/sites/${other.id}/identity-secret`, {
      method: "POST",
      key,
      ...(body === undefined ? {} : { body }),
    });
  const holds = async (secret: string) => {
    const { body } = await other.post([identify(`r${Math.random()}`, {}, await sign({ sub: "r" }, secret))]);
    return body.notes === undefined;
  };

  test("both hold until the overlap is over; a secret before those is gone", async () => {
    const first = other.info.identitySecret;
    const { status, body } = await rotate();
    expect(status).toBe(200);
    expect(Date.parse(body.previousUntil)).toBe(now + DAY);
    expect([await holds(first), await holds(body.identitySecret)]).toEqual([true, true]);
    now += DAY - 1;
    expect(await holds(first)).toBe(true);
    now += 1;
    expect([await holds(first), await holds(body.identitySecret)]).toEqual([false, true]);
    const second = await rotate({ overlap: "2h" });
    expect(Date.parse(second.body.previousUntil)).toBe(now + 2 * HOUR_S * 1000);
    expect([await holds(first), await holds(body.identitySecret)]).toEqual([false, true]);
    const third = await rotate({ overlap: null });
    expect([await holds(second.body.identitySecret), await holds(third.body.identitySecret)]).toEqual([false, true]);
  });

  test.each([{ overlap: "0s" }, { overlap: 5 }, { overlap: "1y" }, { over: "1h" }, []])("%j: 400", async (body) => {
    expect((await rotate(body)).status).toBe(400);
  });

  test("is for administrators, and of sites that there are", async () => {
    expect((await rotate(undefined, "wrong")).status).toBe(401);
    expect((await api.rest("/v1/sites/nowhere/identity-secret", { method: "POST" })).status).toBe(404);
  });
});

describe("a site's own identity provider", () => {
  const URLS = ["https://idp.example/keys", "https://idp.example/gone"] as const;
  let mine: Site;
  let privateKey: CryptoKey;
  const token = async (claims: JWTPayload, alg = "ES256") =>
    await new SignJWT({ sub: "p", exp: nowS() + HOUR_S, aud: "shop", ...claims })
      .setProtectedHeader({ alg })
      .sign(privateKey);
  const settle = (settings: Message) => api.rest(`/v1/sites/${mine.id}`, { method: "PATCH", body: settings });
  const notes = async (text: string) => notesOf(await mine.post([identify(`p${Math.random()}`, {}, text)]));
  beforeAll(async () => {
    mine = await api.createSite(PLAIN_RULES);
    sites.push(mine);
    const pair = await generateKeyPair("ES256");
    keysAt.set(URLS[0], pair);
    ({ privateKey } = pair);
    expect((await settle({ jwksUrl: URLS[0], jwksAudience: "shop" })).status).toBe(200);
  });

  test("its tokens are taken beside those under the secret, for the audience named", async () => {
    expect(await notes(await token({}))).toBeUndefined();
    expect(await notes(await token({ aud: "another" }))).toEqual(["token_invalid"]);
    expect(await notes(await token({ aud: undefined }))).toEqual(["token_invalid"]);
    expect(await notes(await sign({ sub: "p" }, mine.info.identitySecret))).toBeUndefined();
    expect((await mine.lead("user:p")).verified).toBe(true);
  });

  test("out of reach: the message is a claim, and the answer comes all the same", async () => {
    await settle({ jwksUrl: URLS[1] });
    expect(await notes(await token({}))).toEqual(["token_unchecked"]);
    await settle({ jwksUrl: null });
    expect(await notes(await token({}))).toEqual(["token_invalid"]);
  });

  test.each([{ jwksUrl: "idp" }, { jwksUrl: "ftp://idp.example" }, { jwksAudience: "" }])(
    "%j: 400",
    async (settings) => {
      expect((await settle(settings)).status).toBe(400);
    },
  );
});

describe("an address as people type it", () => {
  test("is read without blanks and the dot at its end, and is the same person's", async () => {
    await site.post([identify("neat", { traits: { email: "typed@neat.example" } })]);
    await site.post([identify("blank", { traits: { email: " Typed@Neat.example. ", name: "Ty" } })]);
    const lead = await site.lead("visitor:blank");
    expect(lead).toMatchObject({ email: "Typed@Neat.example", account: "neat.example", traits: { name: "Ty" } });
    expect(lead.id).toBe((await site.lead("email:typed@neat.example")).id);
  });

  test.each(["not an email", "", "@", 7, { is: "none" }])("%j is none, and nothing else is lost", async (email) => {
    const visitor = `none-${JSON.stringify(email).length}`;
    const more = { traits: { email, plan: "pro" } };
    expect((await site.post([identify(visitor, more)])).body.rejected).toEqual([]);
    expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ known: false, email: null, traits: { plan: "pro" } });
    await site.post([identify(visitor, { traits: { email: `${visitor}@one.example` } }), identify(visitor, more)]);
    expect((await site.lead(`visitor:${visitor}`)).email).toBe(`${visitor}@one.example`);
  });

  test("is refused in a PATCH where it is none", async () => {
    const patch = (email: unknown) =>
      site.rest<Problem>("/v1/leads/visitor:neat", { method: "PATCH", body: { traits: { email } } });
    expect(await patch("nobody")).toMatchObject({ status: 400, body: { detail: expect.stringContaining("address") } });
    expect(await patch(" sales@neat.example ")).toMatchObject({ status: 200, body: { email: "sales@neat.example" } });
    expect(await patch(null)).toMatchObject({ status: 200, body: { email: null } });
  });

  test("that they had before is found by a search as well", async () => {
    for (const name of ["first", "second"])
      await site.post([identify("moved", { traits: { email: `${name}@moved.example` } })]);
    for (const q of ["first@moved", "second@moved"]) {
      const { data } = (await site.rest<List<Lead>>(`/v1/leads?q=${q}`)).body;
      expect(data.map(({ email }) => email)).toEqual(["second@moved.example"]);
    }
  });
});

describe("bounds of what is joined", () => {
  test(`a visitor claims ${CLAIMS_MAX} identities; one more is rejected, the others go on`, async () => {
    const claim = (n: number) => identify("bomb", { userId: `bomb-${n}`, messageId: `bomb-m${n}` });
    for (let n = 0; n < CLAIMS_MAX; n++) expect((await site.post([claim(n)])).body.rejected).toEqual([]);
    const { body } = await site.post([page("bomb"), claim(CLAIMS_MAX), claim(3)]);
    expect(body.rejected).toMatchObject([{ index: 1, messageId: `bomb-m${CLAIMS_MAX}`, code: "too_many_identities" }]);
    expect(await site.leadStatus(`user:bomb-${CLAIMS_MAX}`)).toBe(404);
    // The same for addresses, aliases and pages, and whether or not there is such a person.
    for (const more of [{ traits: { email: "new@one.example" } }, { userId: "victim" }, { userId: "t1" }]) {
      expect((await site.post([identify("bomb", more)])).body.rejected).toMatchObject([
        { code: "too_many_identities" },
      ]);
    }
    expect((await site.post([page("bomb", "/", { userId: "yet-another" })])).body.rejected).toHaveLength(1);
    // Its id is not used up, and proof is not bounded.
    expect((await site.import([claim(CLAIMS_MAX)])).body.rejected).toEqual([]);
    expect(await site.leadStatus(`user:bomb-${CLAIMS_MAX}`)).toBe(200);
  });

  test("past 50 visitors a lead takes no more; the time line says so, the claimant's answer does not", async () => {
    await site.import([identify("host", { userId: "crowded" })]);
    const claims = Array.from({ length: 60 }, (_, i) => identify(`guest-${i}`, { userId: "crowded" }));
    for (let at = 0; at < claims.length; at += 20) await site.post(claims.slice(at, at + 20));
    const { body } = await site.post([page("guest-late"), identify("guest-late", { userId: "crowded" })]);
    expect(body).toEqual({
      success: true,
      visitor: "guest-late",
      temperature: "cold",
      score: 1,
      validUntil: null,
      rejected: [],
    });
    expect((await site.lead("user:crowded")).visitors).toHaveLength(50);
    const [latest] = (await site.events("visitor:guest-late")).slice(-1);
    expect(latest).toMatchObject({ type: "identify", unjoined: "full" });
  });
});

describe("split", () => {
  const split = (id: string, body: unknown, key: string | null = api.adminKey) =>
    api.json<Lead & { split: Lead } & Problem>(`/v1/leads/${encodeURIComponent(id)}/split?site=${site.id}`, {
      body,
      key,
    });

  test("both leads are what they would be without the join, under the ids they had", async () => {
    const form = (v: string) => track(v, "Form Submitted", { form: "demo" });
    await site.import([
      identify("ann", { userId: "ann", traits: { email: "ann@two.example" } }),
      form("ann"),
      page("ann"),
    ]);
    await site.post([page("eve"), form("eve"), page("eve", "/careers")]);
    const before = { ann: await site.lead("user:ann"), eve: await site.lead("visitor:eve") };
    await site.post([identify("eve", { traits: { email: "ann@two.example", plan: "mine" } })]);
    await site.post([page("eve")]);
    const joined = await site.lead("user:ann");
    expect(joined).toMatchObject({ id: before.ann.id, pageviews: 4, score: 64 });
    expect((await site.lead(before.eve.id)).id).toBe(before.ann.id);

    const { status, body } = await split("user:ann", { visitor: "eve" });
    expect(status).toBe(200);
    expect(body).toMatchObject({ id: before.ann.id, score: 71, pageviews: 1, email: "ann@two.example" });
    expect(body.visitors.map(({ id }) => id)).toEqual(["ann"]);
    expect(body.split).toMatchObject({ id: before.eve.id, score: 63, pageviews: 3, traits: { plan: "mine" } });
    expect(await site.lead("user:ann")).toEqual(
      Object.fromEntries(Object.entries(body).filter(([name]) => name !== "split")),
    );
    expect(await site.lead("visitor:eve")).toEqual(body.split);
    expect(await site.lead(before.eve.id)).toEqual(body.split);
    expect((await site.lead("email:ann@two.example")).id).toBe(before.ann.id);
    expect((await site.me("eve")).score).toBe(63);
    const history = await site.rest<List<{ cause: string; to: string }>>(`/v1/leads/${before.eve.id}/history`);
    expect(history.body.data).toMatchObject([{ cause: "split", to: "warm" }]);
  });

  test("the same claim does not join again, another one and proof do", async () => {
    const again = identify("eve", { traits: { email: "Ann@Two.example" } });
    await site.post([again, page("eve")]);
    const other = startIsolate({ clock: () => now }).api;
    await other.json("/v1/batch", { body: { writeKey: site.writeKey, batch: [{ ...again, messageId: "elsewhere" }] } });
    const [ann, eve] = [await site.lead("user:ann"), await site.lead("visitor:eve")];
    expect(eve.id).not.toBe(ann.id);
    expect(eve.pageviews).toBe(4);
    await site.post([identify("eve", { userId: "ann" })]);
    expect((await site.lead("visitor:eve")).id).toBe(ann.id);
    expect((await split("user:ann", { visitor: "eve" })).body.split.id).toBe(eve.id);
    for (const claim of [again, identify("eve", { userId: "ann" })])
      await site.post([{ ...claim, messageId: undefined }]);
    expect((await site.lead("visitor:eve")).id).toBe(eve.id);
    await site.import([identify("eve", { userId: "ann" })]);
    expect((await site.lead("visitor:eve")).id).toBe(ann.id);
  });

  test("is refused where there is no claim to undo", async () => {
    await site.import([identify("sure", { userId: "sure" })]);
    await site.post([page("alone")]);
    expect(await split("user:sure", { visitor: "sure" })).toMatchObject({ status: 409 });
    expect(await split("visitor:alone", { visitor: "alone" })).toMatchObject({ status: 409 });
    // What sales noted is nobody else.
    await site.post([identify("noted", { traits: { email: "noted@one.example" } })]);
    await site.rest("/v1/leads/visitor:noted", { method: "PATCH", body: { status: "customer" } });
    expect(await split("visitor:noted", { visitor: "noted" })).toMatchObject({ status: 409 });
    expect(await split("user:sure", { visitor: "alone" })).toMatchObject({ status: 404 });
    expect(await split("user:no-one", { visitor: "alone" })).toMatchObject({ status: 404 });
    for (const body of [{}, { visitor: 1 }, { visitor: "" }, { visitor: "sure", also: 1 }, []])
      expect(await split("user:sure", body), JSON.stringify(body)).toMatchObject({ status: 400 });
    expect(await split("user:sure", { visitor: "sure" }, null)).toMatchObject({ status: 401 });
  });

  test("a beacon at the same time is counted once, on whichever side", async () => {
    await site.import([identify("host2", { userId: "u2" })]);
    await site.post([page("guest"), identify("guest", { userId: "u2" })]);
    const done = await Promise.all([
      ...Array.from({ length: 10 }, () => site.post([page("guest")])),
      split("user:u2", { visitor: "guest" }),
      ...Array.from({ length: 10 }, () => site.post([page("guest")])),
    ]);
    expect(done.map(({ status }) => status)).toEqual(done.map(() => 200));
    expect((await site.lead("visitor:guest")).pageviews).toBe(21);
    expect((await site.lead("user:u2")).pageviews).toBe(0);
  });
});
