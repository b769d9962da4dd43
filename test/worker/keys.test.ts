/** Secret keys and tokens of an identity provider: what each opens, and what opens nothing (contract §7). */
import { createLocalJWKSet, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { SCOPES, type Scope } from "../../worker/db/keys";
import { hasKnownKey } from "../../worker/http/caller";
import { SESSION_COOKIE } from "../../worker/http/session";
import { KeySetUnavailable, keySetAt } from "../../worker/jwks";
import { KEY_MAX_AGE_MS, USE_NOTED_EVERY_MS } from "../../worker/keys";
import { CLOCK_TOLERANCE_S } from "../../worker/provider";
import { type Api, type List, PLAIN_RULES, type Problem, page, type Site, unique } from "../support/api";
import { FaultyDatabase } from "../support/faults";
import { ADMIN_KEY, DB, startApi, startIsolate } from "./app";

interface KeyInfo {
  id: string;
  name: string;
  scopes: Scope[];
  createdAt: string;
  lastUsedAt: string | null;
}
type MadeKey = KeyInfo & { key: string };

const api = startApi();
let site: Site;
beforeAll(async () => {
  site = await api.createSite(PLAIN_RULES);
});

async function makeKey(scopes: Scope[] = ["read"], by: Api = api): Promise<MadeKey> {
  const { status, body } = await by.rest<MadeKey>("/v1/keys", { body: { name: unique("key"), scopes } });
  if (status !== 201) throw new Error(`no key: ${status} ${JSON.stringify(body)}`);
  return body;
}

async function remove(id: string, by: Api = api): Promise<number> {
  return (await by.call(`/v1/keys/${id}`, { method: "DELETE", key: ADMIN_KEY })).status;
}

const rules = () => `/v1/rules?site=${site.id}`;
const statusOf = async (key: string, path = rules(), by: Api = api) => (await by.call(path, { key })).status;

describe("made, listed, deleted", () => {
  test("a key is shown once, opens, and is over when it is deleted", async () => {
    const { status, body } = await api.rest<MadeKey>("/v1/keys", { body: { name: "CRM", scopes: ["read", "write"] } });
    expect(status).toBe(201);
    const { key, ...info } = body;
    expect(key).toBe(`kelvin_${info.id}_${/_([0-9a-f]{64})$/.exec(key)?.[1]}`);
    expect(info).toEqual({
      id: expect.stringMatching(/^key_/),
      name: "CRM",
      scopes: ["read", "write"],
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
      lastUsedAt: null,
    });
    const listed = await api.rest<List<KeyInfo>>("/v1/keys");
    expect(listed.body.data.find(({ id }) => id === info.id)).toEqual(info);
    expect(JSON.stringify(listed.body)).not.toContain(key.slice(-64));
    expect(await statusOf(key)).toBe(200);
    expect(await remove(info.id)).toBe(204);
    expect(await statusOf(key)).toBe(401);
    expect(await remove(info.id)).toBe(404);
    expect((await api.rest<List<KeyInfo>>("/v1/keys")).body.data.map(({ id }) => id)).not.toContain(info.id);
  });

  test("of the secret only the SHA-256 is in the database, whatever the table", async () => {
    const { id, key } = await makeKey();
    await statusOf(key);
    const secret = key.slice(-64);
    const { results } = await DB.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all<{ name: string }>();
    const tables = results.map(({ name }) => name).filter((name) => !/^(_cf_|sqlite_)/.test(name));
    const all = await Promise.all(
      tables.map(async (name) => (await DB.prepare(`SELECT * FROM "${name}"`).all()).results),
    );
    const text = JSON.stringify(all);
    expect(text).toContain(id);
    expect(text).not.toContain(secret);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret)));
    const hash = await DB.prepare("SELECT hash FROM keys WHERE id = ?").bind(id).first("hash");
    expect(hash).toBe([...digest].map((byte) => byte.toString(16).padStart(2, "0")).join(""));
  });

  test("lists page by a cursor, latest first, and none twice", async () => {
    const made = [await makeKey(), await makeKey(), await makeKey()].map(({ id }) => id);
    const seen: string[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const path: string = `/v1/keys?limit=2${cursor && `&cursor=${cursor}`}`;
      const { body } = await api.rest<List<KeyInfo>>(path);
      expect(body.data.length).toBeGreaterThan(0);
      seen.push(...body.data.map(({ id }) => id));
      cursor = body.nextCursor;
    }
    expect(seen).toEqual((await api.rest<List<KeyInfo>>("/v1/keys?limit=200")).body.data.map(({ id }) => id));
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(expect.arrayContaining(made));
  });

  test.each<[unknown, string]>([
    [{ scopes: ["read"] }, "name: must be a text"],
    [{ name: "", scopes: ["read"] }, "name: must not be empty"],
    [{ name: "A" }, "scopes: must be an array of one or more of read, write, admin"],
    [{ name: "A", scopes: [] }, "scopes: must be an array of one or more of read, write, admin"],
    [{ name: "A", scopes: "read" }, "scopes: must be an array of one or more of read, write, admin"],
    [{ name: "A", scopes: ["read", "all"] }, "scopes/1: must be one of read, write, admin"],
    [{ name: "A", scopes: ["Read"] }, "scopes/0: must be one of read, write, admin"],
    [{ name: "A", scopes: ["read", "read"] }, "scopes: must name each scope once"],
    [{ name: "A", scopes: ["read"], key: "mine" }, "key: unknown field"],
    [[], "must be an object"],
  ])("%j: 400", async (body, right) => {
    const keys = await DB.prepare("SELECT count(*) n FROM keys").first("n");
    const answer = await api.rest<Problem>("/v1/keys", { body });
    expect(answer).toMatchObject({ status: 400, body: { detail: expect.stringContaining(right) } });
    expect(await DB.prepare("SELECT count(*) n FROM keys").first("n")).toBe(keys);
  });

  test.each([
    ["GET", "/v1/keys?color=red", 400],
    ["GET", "/v1/keys?cursor=x", 400],
    ["GET", "/v1/keys?limit=201", 400],
    ["DELETE", "/v1/keys/key_none", 404],
    ["DELETE", "/v1/keys/key_none?color=red", 400],
    ["GET", "/v1/keys/key_none", 405],
  ])("%s %s: %i", async (method, path, status) => {
    expect((await api.rest<Problem>(path, { method })).status).toBe(status);
  });
});

/** A call of every kind, with the scope that it takes. */
const CALLS: [scope: Scope, method: string, path: string, body: () => unknown, status: number][] = [
  ["read", "GET", "/v1/leads?site=@", () => undefined, 200],
  ["read", "GET", "/v1/leads/visitor:known?site=@", () => undefined, 200],
  ["read", "GET", "/v1/leads/visitor:known/history?site=@", () => undefined, 200],
  ["read", "GET", "/v1/rules?site=@", () => undefined, 200],
  ["read", "GET", "/v1/rules/presets", () => undefined, 200],
  ["read", "POST", "/v1/rules/check?site=@", () => PLAIN_RULES, 200],
  ["write", "PUT", "/v1/rules?site=@", () => PLAIN_RULES, 200],
  ["write", "PATCH", "/v1/leads/visitor:known?site=@", () => ({ status: "open" }), 200],
  ["write", "POST", "/v1/leads/visitor:known/split?site=@", () => ({ visitor: "nobody" }), 404],
  ["write", "POST", "/v1/links?site=@", () => ({ email: "a@b.example", url: "https://shop.example/" }), 200],
  ["write", "POST", "/v1/batch?site=@", () => ({ batch: [page("known")] }), 200],
  ["admin", "GET", "/v1/sites", () => undefined, 200],
  ["admin", "POST", "/v1/sites", () => ({ name: "New", origins: [] }), 201],
  ["admin", "PATCH", "/v1/sites?site=@", () => ({ name: "Test" }), 200],
  ["admin", "POST", "/v1/sites/@/identity-secret", () => undefined, 200],
  ["admin", "GET", "/v1/keys", () => undefined, 200],
  ["admin", "POST", "/v1/keys", () => ({ name: "New", scopes: ["read"] }), 201],
];

describe.each(SCOPES)("a key with the scope %s alone", (held) => {
  let key = "";
  beforeAll(async () => {
    ({ key } = await makeKey([held]));
    await site.post([page("known")]);
  });

  test.each(CALLS)("a call that takes %s: %s %s", async (scope, method, path, body, status) => {
    const answer = await api.json<Problem>(path.replace("@", site.id), { method, body: body(), key });
    if (scope === held) return expect(answer.status, JSON.stringify(answer.body)).toBe(status);
    expect(answer).toMatchObject({ status: 403, body: { status: 403 } });
    expect(answer.body.detail).toContain(`scope "${scope}"`);
    expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
  });

  test("deletes keys only as admin", async () => {
    const { id } = await makeKey();
    const { status } = await api.call(`/v1/keys/${id}`, { method: "DELETE", key });
    expect(status).toBe(held === "admin" ? 204 : 403);
    expect(await remove(id)).toBe(held === "admin" ? 404 : 204);
  });
});

describe("a wrong key", () => {
  const changed = (text: string, at: number) =>
    `${text.slice(0, at)}${text[at] === "0" ? "1" : "0"}${text.slice(at + 1)}`;

  test("that is nearly right is 401 with WWW-Authenticate, at the public calls too", async () => {
    const { id, key } = await makeKey(["read", "write"]);
    const wrong = [
      ...[changed(key, key.length - 1), changed(key, key.length - 64), changed(key, 12), `${key}0`, key.slice(0, -1)],
      ...[key.toUpperCase(), id, key.slice(-64), `kelvin_${id}_`, `kelvin_${id}_${"0".repeat(64)}`],
      // What is in the database opens nothing.
      `kelvin_${id}_${await DB.prepare("SELECT hash FROM keys WHERE id = ?").bind(id).first("hash")}`,
    ];
    for (const text of wrong) {
      for (const path of [rules(), `/v1/me?writeKey=${site.writeKey}&anonymousId=v`]) {
        const answer = await api.call(path, { key: text });
        expect(answer.status, text).toBe(401);
        expect(answer.headers.get("WWW-Authenticate")).toMatch(/^Bearer/);
      }
    }
    expect(await statusOf(key)).toBe(200);
  });

  test("nobody has the admin key where there is none", async () => {
    for (const KELVIN_ADMIN_KEY of ["", undefined as unknown as string]) {
      const open = startApi({ env: { KELVIN_ADMIN_KEY } });
      for (const text of ["", "undefined", ADMIN_KEY]) expect(await statusOf(text, "/v1/sites", open)).toBe(401);
    }
  });
});

describe("what an isolate remembers", () => {
  const faulty = new FaultyDatabase(DB);
  let now = Date.UTC(2026, 5, 1);
  let isolate = startIsolate();
  beforeEach(() => {
    faulty.heal();
    isolate = startIsolate({ db: faulty.db, clock: () => now });
  });
  const call = (key: string, path = rules()) => statusOf(key, path, isolate.api);
  const lastUsed = (id: string) =>
    DB.prepare("SELECT last_used_at FROM keys WHERE id = ?").bind(id).first<number | null>("last_used_at");

  test("a beacon under a known key takes one trip; the note of its use is no part of that", async () => {
    const { id, key } = await makeKey(["write"]);
    const send = () =>
      isolate.api.json("/v1/batch", { body: { writeKey: site.writeKey, batch: [page("importer")] }, key });
    expect((await send()).status).toBe(200);
    await vi.waitFor(async () => expect(await lastUsed(id)).toBe(now));
    expect(await faulty.measure(send)).toMatchObject({ trips: 1 });
  });

  test("a wrong key is looked up once, and one that cannot be ours never", async () => {
    const wrong = `kelvin_key_${"0".repeat(32)}_${"0".repeat(64)}`;
    expect(await faulty.measure(() => call(wrong))).toMatchObject({ trips: 1 });
    const many = () => Promise.all(Array.from({ length: 50 }, () => call(wrong)));
    expect(await faulty.measure(many)).toMatchObject({ trips: 0 });
    for (const text of ["x", "kelvin_key_1_2", `${wrong}0`, "eyJ.eyJ.x"])
      expect(await faulty.measure(() => call(text)), text).toMatchObject({ trips: 0 });
    const { id } = await makeKey();
    const guess = () => call(`kelvin_${id}_${"0".repeat(64)}`);
    expect(await faulty.measure(guess)).toMatchObject({ trips: 1 });
    expect(await faulty.measure(guess)).toMatchObject({ trips: 0 });
  });

  test("many unknown ids do not push out a key that is right", async () => {
    const { key } = await makeKey();
    expect(await call(key)).toBe(200);
    const unknown = Array.from(
      { length: 600 },
      (_, n) => `kelvin_key_${String(n).padStart(32, "0")}_${"0".repeat(64)}`,
    );
    expect(await Promise.all(unknown.map((text) => isolate.deps.keys.find(text)))).toEqual(unknown.map(() => null));
    expect(await faulty.measure(() => isolate.deps.keys.find(key))).toMatchObject({ trips: 0 });
  });

  test("a key deleted elsewhere opens for ten seconds more and no longer", async () => {
    const { id, key } = await makeKey();
    expect(await call(key)).toBe(200);
    await remove(id);
    now += KEY_MAX_AGE_MS - 1;
    expect(await call(key)).toBe(200);
    now += 1;
    expect(await call(key)).toBe(401);
  });

  test("a key read just before it was deleted here is not kept", async () => {
    const { id, key } = await makeKey();
    const [read] = await Promise.all([isolate.deps.keys.find(key), remove(id, isolate.api)]);
    expect([null, id]).toContain(read?.id ?? null);
    expect(await call(key)).toBe(401);
  });

  test("a key whose deletion was done but not told is over too", async () => {
    const { id, key } = await makeKey();
    expect(await call(key)).toBe(200);
    await vi.waitFor(async () => expect(await lastUsed(id)).toBe(now));
    faulty.fail({ trip: 1, message: "Network connection lost.", when: "after" });
    expect(await remove(id, isolate.api)).toBe(503);
    expect(await call(key)).toBe(401);
  });

  test("knows at once which keys it has found right", async () => {
    const { id, key } = await makeKey(["write"]);
    const knows = (text: string) =>
      hasKnownKey(
        { deps: isolate.deps, adminKey: ADMIN_KEY, provider: null, operations: [] },
        new Request("https://kelvin.test", { headers: { Authorization: `Bearer ${text}` } }),
      );
    expect([knows(ADMIN_KEY), knows("wrong"), knows(key)]).toEqual([true, false, false]);
    // A wrong secret makes the id known, not the key.
    await isolate.deps.keys.find(`kelvin_${id}_${"0".repeat(64)}`);
    expect(knows(key)).toBe(false);
    await isolate.deps.keys.find(key);
    expect([knows(key), knows(`kelvin_${id}_${"0".repeat(64)}`)]).toEqual([true, false]);
    now += KEY_MAX_AGE_MS;
    expect(knows(key)).toBe(false);
  });

  test("the last use is noted at most once a minute, by whatever isolate", async () => {
    const { id, key } = await makeKey();
    const other = startApi({ clock: () => now });
    const first = now;
    expect(await call(key)).toBe(200);
    await vi.waitFor(async () => expect(await lastUsed(id)).toBe(first));
    now += USE_NOTED_EVERY_MS - 1;
    const both = async () => {
      expect([await call(key), await statusOf(key, rules(), other)]).toEqual([200, 200]);
    };
    expect(await faulty.measure(both)).toMatchObject({ rowsWritten: 0 });
    now += 1;
    await both();
    await vi.waitFor(async () => expect(await lastUsed(id)).toBe(now));
    expect(new Date(now).toISOString()).toBe(
      (await api.rest<List<KeyInfo>>("/v1/keys")).body.data.find((one) => one.id === id)?.lastUsedAt,
    );
  });

  test("a note of use that fails fails nothing else", async () => {
    const { id, key } = await makeKey();
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    // Key, then the note of its use.
    faulty.fail({ trip: 2, message: "D1 DB is overloaded.", when: "before" });
    expect(await call(key, "/v1/rules/presets")).toBe(200);
    await vi.waitFor(() => expect(logged).toHaveBeenCalledOnce());
    logged.mockRestore();
    expect([faulty.pending, await lastUsed(id)]).toEqual([0, null]);
    now += KEY_MAX_AGE_MS;
    expect(await call(key, "/v1/rules/presets")).toBe(200);
    await vi.waitFor(async () => expect(await lastUsed(id)).toBe(now));
  });

  test("a database that does not answer makes the key neither right nor wrong: 503", async () => {
    const { key } = await makeKey();
    faulty.fail({ trip: 1, message: "D1 DB is overloaded.", when: "before" });
    expect(await call(key)).toBe(503);
    expect(await call(key)).toBe(200);
  });
});

describe("a session", () => {
  const OWN = { Origin: "https://kelvin.test", "Content-Type": "application/x-www-form-urlencoded" };
  const signIn = (key: string) =>
    api.call("/dashboard/sign-in", { method: "POST", headers: OWN, body: new URLSearchParams({ key }).toString() });
  const cookieOf = (answer: Response) => answer.headers.get("Set-Cookie")?.split(";")[0] ?? "";
  const get = async (path: string, Cookie: string, by: Api = api) =>
    (await by.call(path, { headers: { Cookie } })).status;

  test("made with a key has its scopes and ends when that key is deleted", async () => {
    const { id, key } = await makeKey(["read"]);
    const session = cookieOf(await signIn(key));
    expect(session).toMatch(new RegExp(`^${SESSION_COOKIE}=`));
    const admin = cookieOf(await signIn(ADMIN_KEY));
    expect([await get("/dashboard", session), await get(rules(), session)]).toEqual([200, 200]);
    expect([await get("/v1/keys", session), await get("/v1/keys", admin)]).toEqual([403, 200]);
    expect(await remove(id)).toBe(204);
    expect([await get("/dashboard", session), await get(rules(), session)]).toEqual([303, 401]);
    expect([await get("/dashboard", admin), await get(rules(), admin)]).toEqual([200, 200]);
  });

  test("ends elsewhere ten seconds later at most", async () => {
    let now = Date.now();
    const other = startApi({ clock: () => now });
    const { id, key } = await makeKey(["read"]);
    const session = cookieOf(await signIn(key));
    expect(await get(rules(), session, other)).toBe(200);
    await remove(id);
    now += KEY_MAX_AGE_MS;
    expect(await get(rules(), session, other)).toBe(401);
  });

  test("needs the scope read; a form of it what the form does", async () => {
    const { key: writing } = await makeKey(["write", "admin"]);
    const refused = await signIn(writing);
    expect([refused.status, refused.headers.get("Set-Cookie")]).toEqual([403, null]);
    expect(await refused.text()).toContain("lacks the scope");
    const { key: reading } = await makeKey(["read"]);
    const Cookie = cookieOf(await signIn(reading));
    const html = await (await api.call("/dashboard", { headers: { Cookie } })).text();
    const formToken = /name="formToken" value="(\w+)"/.exec(html)?.[1] ?? "";
    expect(formToken).not.toBe("");
    const body = new URLSearchParams({ name: "Mine", origins: "", formToken }).toString();
    const answer = await api.call("/dashboard/sites/new", { method: "POST", headers: { ...OWN, Cookie }, body });
    expect(answer.status).toBe(403);
  });
});

describe("a token of the organisation's identity provider", () => {
  const AUDIENCE = "kelvin-at-acme";
  const env = { ACCESS_JWKS_URL: "https://idp.example/certs", ACCESS_AUDIENCE: AUDIENCE };
  const { api: provided, deps: providedDeps } = startIsolate({ env });
  const keys = new Map<string, CryptoKey>();
  const now = () => Math.floor(Date.now() / 1000);

  beforeAll(async () => {
    const published = [];
    for (const alg of ["RS256", "PS256", "ES256", "EdDSA"]) {
      const pair = await generateKeyPair(alg, { extractable: true });
      keys.set(alg, pair.privateKey);
      published.push({ ...(await exportJWK(pair.publicKey)), kid: alg, alg });
    }
    const set = createLocalJWKSet({ keys: published });
    providedDeps.keySetAt = (url) => {
      expect(url).toBe(env.ACCESS_JWKS_URL);
      return set;
    };
  });

  /** A token as the provider makes it, but for what is stated. */
  async function token(claims: JWTPayload = {}, alg = "ES256", key = keys.get(alg), kid = alg): Promise<string> {
    if (!key) throw new Error(`no key for ${alg}`);
    return await new SignJWT({ sub: "ann", aud: AUDIENCE, exp: now() + 600, ...claims })
      .setProtectedHeader({ alg, kid })
      .sign(key);
  }
  const opened = async (text: string, by: Api = provided) => {
    const calls = [rules(), "/v1/me?anonymousId=v&writeKey=", "/v1/keys"].map((path) =>
      path.replace(/=$/, `=${site.writeKey}`),
    );
    const statuses = await Promise.all(calls.map((path) => statusOf(text, path, by)));
    expect(statuses.every((status) => status === 200 || status === 403)).toBe(true);
    return SCOPES.filter((_, i) => statuses[i] === 200);
  };

  test.each(["RS256", "PS256", "ES256", "EdDSA"])("signed with %s is taken", async (alg) => {
    expect(await opened(await token({}, alg))).toEqual(["read", "write", "admin"]);
  });

  test.each<[JWTPayload, Scope[]]>([
    [{ scope: "openid profile" }, ["read", "write", "admin"]],
    [{ scope: "openid read" }, ["read"]],
    [{ scopes: ["write", "email"] }, ["write"]],
    [{ scope: "read", scopes: ["admin"] }, ["read", "admin"]],
    [{ scopes: [] }, ["read", "write", "admin"]],
    [{ scope: 1 }, ["read", "write", "admin"]],
  ])("with %j opens %j", async (claims, scopes) => {
    expect(await opened(await token(claims))).toEqual(scopes);
  });

  test.each<[string, () => Promise<string>]>([
    ["expired", () => token({ exp: now() - CLOCK_TOLERANCE_S - 5 })],
    ["not valid yet", () => token({ nbf: now() + CLOCK_TOLERANCE_S + 60 })],
    ["without an end", () => token({ exp: undefined })],
    ["for another audience", () => token({ aud: "somebody-else" })],
    ["without an audience", () => token({ aud: undefined })],
    ["signed by another key", async () => token({}, "ES256", (await generateKeyPair("ES256")).privateKey)],
    ["of a key that the set has not", async () => token({}, "ES256", keys.get("ES256"), "other")],
    [
      "signed with an HMAC of what is public",
      () =>
        new SignJWT({ aud: AUDIENCE, exp: now() + 600 })
          .setProtectedHeader({ alg: "HS256", kid: "ES256" })
          .sign(new TextEncoder().encode(AUDIENCE.padEnd(32, "x"))),
    ],
    [
      "unsigned",
      async () => {
        const [, body] = (await token()).split(".");
        return `${btoa('{"alg":"none"}').replaceAll("=", "")}.${body}.`;
      },
    ],
    [
      "altered",
      async () => {
        const [head, , signature] = (await token()).split(".");
        return `${head}.${btoa(JSON.stringify({ aud: AUDIENCE, exp: now() + 9e5 })).replaceAll("=", "")}.${signature}`;
      },
    ],
    ["that is none", async () => "eyJ.eyJ.eyJ"],
  ])("%s: 401", async (_, made) => {
    const text = await made();
    const answer = await provided.json<Problem>(rules(), { key: text });
    expect(answer).toMatchObject({ status: 401, body: { status: 401 } });
    expect(answer.headers.get("WWW-Authenticate")).toMatch(/^Bearer/);
    const ingest = { body: { writeKey: site.writeKey, batch: [page("v")] }, key: text };
    expect((await provided.json("/v1/batch", ingest)).status).toBe(401);
  });

  test("is taken within the clock's tolerance", async () => {
    expect(await statusOf(await token({ exp: now() - CLOCK_TOLERANCE_S + 20 }), rules(), provided)).toBe(200);
  });

  test.each([{}, { ACCESS_JWKS_URL: env.ACCESS_JWKS_URL }, { ACCESS_AUDIENCE: AUDIENCE }])(
    "is nothing where %j is set up",
    async (variables) => {
      expect(await statusOf(await token(), rules(), startApi({ env: variables }))).toBe(401);
    },
  );

  test("keys go on opening beside it; it does not sign in", async () => {
    const { key } = await makeKey();
    for (const text of [key, ADMIN_KEY]) expect(await statusOf(text, rules(), provided)).toBe(200);
    const headers = { Origin: "https://kelvin.test", "Content-Type": "application/x-www-form-urlencoded" };
    const body = new URLSearchParams({ key: await token() }).toString();
    expect((await provided.call("/dashboard/sign-in", { method: "POST", headers, body })).status).toBe(401);
  });

  test.each(["https://down.example/certs", "no address"])("where its keys cannot be had at %s: 503", async (url) => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    const fetched = vi.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("Network connection lost."));
    const cut = startApi({ env: { ...env, ACCESS_JWKS_URL: url } });
    const answer = await cut.json<Problem>(rules(), { key: await token() });
    expect(answer).toMatchObject({ status: 503, body: { type: "/docs/errors#busy" } });
    expect(answer.headers.get("Retry-After")).toBe("5");
    expect(logged.mock.calls.join()).toContain(url);
    expect(await statusOf(ADMIN_KEY, rules(), cut)).toBe(200);
    fetched.mockRestore();
    logged.mockRestore();
  });
});

describe("key sets", () => {
  const header = { alg: "ES256", kid: "one" };
  const jws = { payload: "", signature: "" };

  /** What an address answers, in turn; the last for ever. */
  function answering(...answers: (() => Response)[]) {
    let asked = 0;
    const spy = vi.spyOn(globalThis, "fetch").mockImplementation(async () => {
      const answer = answers[Math.min(asked++, answers.length - 1)];
      if (!answer) throw new Error("nothing to answer");
      return answer();
    });
    return { times: () => asked, stop: () => spy.mockRestore() };
  }

  test("are fetched once an address, and once more only after a while for a key they have not", async () => {
    const { publicKey } = await generateKeyPair("ES256", { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: "one" };
    const provider = answering(() => Response.json({ keys: [jwk] }));
    for (let n = 0; n < 3; n++) await keySetAt("https://a.example/certs")(header, jws);
    for (let n = 0; n < 3; n++) {
      const missing = keySetAt("https://a.example/certs")({ ...header, kid: "other" }, jws);
      await expect(missing).rejects.not.toBeInstanceOf(KeySetUnavailable);
    }
    expect(provider.times()).toBe(1);
    provider.stop();
  });

  test.each<[string, () => Response]>([
    ["an error", () => new Response("", { status: 500 })],
    ["a redirect", () => new Response(null, { status: 302, headers: { Location: "http://127.0.0.1/" } })],
    ["a page", () => new Response("<html>")],
    ["another document", () => Response.json({ keys: "none" })],
  ])("%s is none", async (name, answer) => {
    const provider = answering(answer);
    const url = `https://b.example/${encodeURIComponent(name)}`;
    await expect(keySetAt(url)(header, jws)).rejects.toBeInstanceOf(KeySetUnavailable);
    provider.stop();
  });

  test("that could not be had are not asked for again at once", async () => {
    const provider = answering(() => new Response("", { status: 500 }));
    const set = keySetAt("https://c.example/certs");
    for (let n = 0; n < 20; n++) await expect(set(header, jws)).rejects.toBeInstanceOf(KeySetUnavailable);
    expect(provider.times()).toBe(1);
    provider.stop();
  });
});
