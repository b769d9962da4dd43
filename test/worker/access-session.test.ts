/** Signing in by the identity provider: people whom Cloudflare Access lets in need no key, and nobody borrows their way in. */
import { createLocalJWKSet, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { beforeAll, describe, expect, test } from "vitest";
import { SESSION_COOKIE } from "../../worker/http/session";
import { KeySetUnavailable } from "../../worker/jwks";
import { CLOCK_TOLERANCE_S } from "../../worker/provider";
import { ADMIN_KEY, startApi, startIsolate } from "./app";

const ORIGIN = "https://kelvin.test";
const OWN = { Origin: ORIGIN, "Sec-Fetch-Site": "same-origin" };
const FORM = { "Content-Type": "application/x-www-form-urlencoded" };
const AUDIENCE = "kelvin-at-acme";
const env = { ACCESS_JWKS_URL: "https://acme.example/cdn-cgi/access/certs", ACCESS_AUDIENCE: AUDIENCE };
const { api, deps } = startIsolate({ env });
const now = () => Math.floor(Date.now() / 1000);

let key: CryptoKey;
beforeAll(async () => {
  const pair = await generateKeyPair("ES256", { extractable: true });
  key = pair.privateKey;
  const set = createLocalJWKSet({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: "k", alg: "ES256" }] });
  deps.keySetAt = () => set;
  await api.createSite();
});

async function token(claims: JWTPayload = {}, by = key): Promise<string> {
  return await new SignJWT({ sub: "ann", aud: [AUDIENCE], exp: now() + 600, ...claims })
    .setProtectedHeader({ alg: "ES256", kid: "k" })
    .sign(by);
}

const header = (text: string): Record<string, string> => ({ "Cf-Access-Jwt-Assertion": text });
const cookie = (text: string): Record<string, string> => ({ Cookie: `CF_Authorization=${text}` });
const open = (headers: Record<string, string>, path = "/dashboard/sites/new") => api.call(path, { headers });
const formTokenIn = (html: string) => /name="formToken" value="(\w+)"/.exec(html)?.[1] ?? "";

async function post(path: string, fields: Record<string, string>, headers: Record<string, string>) {
  const body = new URLSearchParams(fields).toString();
  return await api.call(path, { method: "POST", headers: { ...FORM, ...headers }, body });
}

describe("somebody whom Access lets in", () => {
  test.each([
    ["by its header", header],
    ["by its cookie", cookie],
  ])("is in the dashboard without a key, %s", async (_, sent) => {
    const answer = await open(sent(await token()));
    expect(answer.status).toBe(200);
    expect(answer.headers.get("Set-Cookie")).toBeNull();
    const door = await open(sent(await token()), "/dashboard/sign-in?next=/dashboard/rules");
    expect([door.status, door.headers.get("Location")]).toEqual([303, "/dashboard/rules"]);
  });

  test("sends forms with a token of their own, which holds when Access renews its token", async () => {
    const formToken = formTokenIn(await (await open(header(await token()))).text());
    const fields = { name: "Made", origins: "", formToken };
    const renewed = header(await token({ exp: now() + 900 }));
    expect((await post("/dashboard/sites/new", fields, { ...OWN, ...renewed })).status).toBe(201);
    const elsewhere: Record<string, string>[] = [
      {},
      { Origin: "https://evil.example", "Sec-Fetch-Site": "cross-site" },
      { Origin: "https://blog.kelvin.test", "Sec-Fetch-Site": "same-site" },
    ];
    for (const headers of elsewhere) {
      expect((await post("/dashboard/sites/new", fields, { ...headers, ...renewed })).status).toBe(403);
    }
    for (const stated of ["", "0".repeat(64)]) {
      const forged = { ...fields, formToken: stated };
      expect((await post("/dashboard/sites/new", forged, { ...OWN, ...renewed })).status).toBe(403);
    }
    const eve = header(await token({ sub: "eve" }));
    expect((await post("/dashboard/sites/new", fields, { ...OWN, ...eve })).status, "another person's").toBe(403);
  });

  test("cannot have a session signed by a subject that reads like one", async () => {
    const part = (value: object) => btoa(JSON.stringify(value)).replaceAll("=", "");
    const claims = {
      scopes: ["read", "write", "admin"],
      key: null,
      form: "x",
      aud: "kelvin-dashboard",
      exp: now() + 600,
    };
    const sub = `${part({ alg: "HS256" })}.${part(claims)}`;
    const formToken = formTokenIn(await (await open(header(await token({ sub, scope: "read" })), "/dashboard")).text());
    const bytes = (formToken.match(/../g) ?? []).map((pair) => String.fromCharCode(Number.parseInt(pair, 16)));
    const signature = btoa(bytes.join("")).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    expect(formToken).toHaveLength(64);
    expect((await open({ Cookie: `${SESSION_COOKIE}=${sub}.${signature}` })).status).toBe(303);
  });

  test("may do what the token's scopes say", async () => {
    const reader = header(await token({ scope: "read" }));
    const html = await (await open(reader, "/dashboard")).text();
    expect(html).not.toContain("/dashboard/sites/new");
    const fields = { name: "Made", origins: "", formToken: formTokenIn(html) };
    expect((await post("/dashboard/sites/new", fields, { ...OWN, ...reader })).status).toBe(403);
    const writer = header(await token({ scope: "write" }));
    expect((await open(writer, "/dashboard")).headers.get("Location")).toBe("/dashboard/sign-in");
    const door = await open(writer, "/dashboard/sign-in");
    expect([door.status, await door.text()]).toEqual([200, expect.stringContaining("lacks the scope")]);
  });

  test("reads by the API what the dashboard offers, and from no page of another origin", async () => {
    const read = async (headers: Record<string, string>, method = "GET") =>
      (await api.call("/v1/sites", { method, headers: { ...cookie(await token()), ...headers } })).status;
    expect(await read({ "Sec-Fetch-Site": "same-origin" })).toBe(200);
    expect(await read({ "Sec-Fetch-Site": "none" })).toBe(200);
    expect(await read({ "Sec-Fetch-Site": "same-site" })).toBe(401);
    expect(await read({ "Sec-Fetch-Site": "cross-site" })).toBe(401);
    expect(await read({ "Sec-Fetch-Site": "same-origin" }, "POST")).toBe(401);
  });

  test("leaves by Access' own way out", async () => {
    const sent = header(await token());
    const formToken = formTokenIn(await (await open(sent)).text());
    const answer = await post("/dashboard/sign-out", { formToken }, { ...OWN, ...sent });
    expect([answer.status, answer.headers.get("Location")]).toEqual([303, "/cdn-cgi/access/logout"]);
  });
});

describe("nobody gets in", () => {
  test.each<[string, () => Promise<string>]>([
    ["whose token is over", () => token({ exp: now() - CLOCK_TOLERANCE_S - 5 })],
    ["whose token has no end", () => token({ exp: undefined })],
    ["whose token is for another application", () => token({ aud: ["somebody-else"] })],
    ["whose token is signed by another key", async () => token({}, (await generateKeyPair("ES256")).privateKey)],
    [
      "whose token is not signed",
      async () => `${btoa('{"alg":"none"}').replaceAll("=", "")}.${(await token()).split(".")[1]}.`,
    ],
    ["who sends nonsense", async () => "nonsense"],
  ])("%s", async (_, made) => {
    const text = await made();
    for (const sent of [header(text), cookie(text)]) {
      const answer = await open(sent);
      expect([answer.status, answer.headers.get("Location")]).toEqual([303, expect.stringMatching(/\/sign-in\?next=/)]);
      const door = await open(sent, "/dashboard/sign-in");
      expect([door.status, await door.text()]).toEqual([200, expect.stringContaining("is not accepted")]);
      expect((await open(sent, "/v1/sites")).status).toBe(401);
    }
  });

  test.each([{}, { ACCESS_JWKS_URL: env.ACCESS_JWKS_URL }, { ACCESS_AUDIENCE: AUDIENCE }])(
    "where only %j is set up",
    async (variables) => {
      const other = startApi({ env: variables });
      expect((await other.call("/dashboard", { headers: header(await token()) })).status).toBe(303);
    },
  );
});

test("a key opens the door beside a token that does not, and while the provider cannot be reached", async () => {
  const cut = startIsolate({ env });
  cut.deps.keySetAt = () => async () => {
    throw new KeySetUnavailable("gone");
  };
  const sent = header(await token());
  expect((await cut.api.call("/dashboard", { headers: sent })).status).toBe(503);
  expect((await cut.api.call("/dashboard/sign-in", { headers: sent })).status).toBe(200);
  const body = new URLSearchParams({ key: ADMIN_KEY }).toString();
  const headers = { ...FORM, ...OWN, ...sent };
  const answer = await cut.api.call("/dashboard/sign-in", { method: "POST", headers, body });
  const Cookie = answer.headers.get("Set-Cookie")?.split(";")[0] ?? "";
  expect((await cut.api.call("/dashboard/sites/new", { headers: { ...sent, Cookie } })).status).toBe(200);
});
