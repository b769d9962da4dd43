/** The session of somebody who signed in, and what keeps other sites from using it. */
import { describe, expect, it } from "vitest";
import { readSession, SESSION_COOKIE, SESSION_MAX_AGE_S, sessionScopes } from "../../worker/http/session";
import { ADMIN_KEY, startIsolate } from "./app";

const ORIGIN = "https://kelvin.test";
const OWN = { Origin: ORIGIN, "Sec-Fetch-Site": "same-origin" };
const FORM = { "Content-Type": "application/x-www-form-urlencoded" };

const { api, deps } = startIsolate();
const routes = { deps, adminKey: ADMIN_KEY, provider: null, operations: [] };
const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString();

async function post(path: string, fields: Record<string, string>, headers: Record<string, string> = OWN) {
  return await api.call(path, { method: "POST", headers: { ...FORM, ...headers }, body: form(fields) });
}

const signIn = (key: string, headers?: Record<string, string>) => post("/dashboard/sign-in", { key }, headers);

/** The cookie of a new session, as a request sends it. */
async function cookie(): Promise<string> {
  return (await signIn(ADMIN_KEY)).headers.get("Set-Cookie")?.split(";")[0] ?? "";
}

async function formToken(session: string): Promise<string> {
  const html = await (await api.call("/dashboard/sites/new", { headers: { Cookie: session } })).text();
  return /name="formToken" value="(\w+)"/.exec(html)?.[1] ?? "";
}

const asking = (session: string, method = "GET") => new Request(ORIGIN, { method, headers: { Cookie: session } });

describe("signing in", () => {
  it("sets a cookie that scripts, other sites and plain HTTP do not get", async () => {
    const answer = await signIn(ADMIN_KEY);
    expect(answer.status).toBe(303);
    expect(answer.headers.get("Location")).toBe("/dashboard");
    const set = answer.headers.get("Set-Cookie") ?? "";
    expect(set).toMatch(new RegExp(`^${SESSION_COOKIE}=`));
    for (const part of ["HttpOnly", "Secure", "SameSite=Lax", "Path=/", `Max-Age=${SESSION_MAX_AGE_S}`]) {
      expect(set.split("; ")).toContain(part);
    }
    expect(set).not.toContain(ADMIN_KEY);
  });

  it.each(["", "wrong", `${ADMIN_KEY}x`, `${ADMIN_KEY} x`, "ключ", "a\nb"])("refuses the key %j", async (key) => {
    const answer = await signIn(key);
    expect(answer.status).toBe(401);
    expect(answer.headers.get("Set-Cookie")).toBeNull();
    expect(await answer.text()).toContain("No such key");
  });

  it("leads on to pages of the dashboard only", async () => {
    const go = async (next: string) =>
      (await post("/dashboard/sign-in", { key: ADMIN_KEY, next })).headers.get("Location");
    expect(await go("/dashboard/rules?site=x")).toBe("/dashboard/rules?site=x");
    for (const next of ["https://evil.example", "//evil.example", "/dashboard.evil.example", "javascript:alert(1)"]) {
      expect(await go(next)).toBe("/dashboard");
    }
  });
});

describe("a session", () => {
  it("ends after its time", async () => {
    const request = asking(await cookie());
    const now = Date.now();
    const readAfter = (seconds: number) =>
      readSession({ ...routes, deps: startIsolate({ clock: () => now + seconds * 1000 }).deps }, request);
    expect(await readAfter(SESSION_MAX_AGE_S - 60)).not.toBeNull();
    expect(await readAfter(SESSION_MAX_AGE_S + 60)).toBeNull();
  });

  it("is worth nothing under another admin key, altered, or unsigned", async () => {
    const session = await cookie();
    expect(await readSession({ ...routes, adminKey: "another" }, asking(session))).toBeNull();
    expect(await readSession({ ...routes, adminKey: "" }, asking(session))).toBeNull();
    const [head = "", body = "", signature = ""] = session.slice(SESSION_COOKIE.length + 1).split(".");
    const none = btoa(JSON.stringify({ alg: "none" })).replaceAll("=", "");
    const forged = [`${head}.${body}.`, `${none}.${body}.`, `${none}.${body}.${signature}`, `${head}.e30.${signature}`];
    for (const token of forged) expect(await readSession(routes, asking(`${SESSION_COOKIE}=${token}`))).toBeNull();
  });

  it("opens the API for reading only", async () => {
    const session = await cookie();
    expect(await sessionScopes(routes, asking(session))).toEqual(["read", "write", "admin"]);
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      expect(await sessionScopes(routes, asking(session, method))).toBeNull();
    }
    expect(await sessionScopes(routes, asking(""))).toBeNull();
  });

  it("is over after signing out", async () => {
    const session = await cookie();
    const answer = await post(
      "/dashboard/sign-out",
      { formToken: await formToken(session) },
      { ...OWN, Cookie: session },
    );
    expect(answer.status).toBe(303);
    expect(answer.headers.get("Set-Cookie")).toMatch(new RegExp(`^${SESSION_COOKIE}=;.*Max-Age=0`));
  });
});

describe("without a session", () => {
  it.each(["", "/rules", "/rules/edit", "/setup", "/leads/lead_1", "/sites/new"])(
    "/dashboard%s asks for the key",
    async (path) => {
      const answer = await api.call(`/dashboard${path}`);
      expect(answer.status).toBe(303);
      expect(answer.headers.get("Location")).toMatch(/^\/dashboard\/sign-in/);
    },
  );

  it.each(["/rules/edit", "/rules/rollback", "/setup", "/sites/new"])(
    "a form to /dashboard%s is refused",
    async (path) => {
      expect((await post(`/dashboard${path}`, { formToken: "x" })).status).toBe(401);
    },
  );
});

it("gives back the text of rules that came after the session had ended", async () => {
  const answer = await post("/dashboard/rules/edit", { action: "publish", document: '{ "rules": "</pre><script>" }' });
  expect(answer.status).toBe(401);
  expect(await answer.text()).toContain("{ &quot;rules&quot;: &quot;&lt;/pre&gt;&lt;script&gt;&quot; }");
});

describe("a form from elsewhere", () => {
  const made = async (headers: Record<string, string>, token?: string) => {
    const session = await cookie();
    const fields = { name: "Made", origins: "", formToken: token ?? (await formToken(session)) };
    return (await post("/dashboard/sites/new", fields, { ...headers, Cookie: session })).status;
  };

  it("is taken from our own page", async () => {
    expect(await made(OWN)).toBe(201);
    // Browsers of before 2023 do not send Sec-Fetch-Site.
    expect(await made({ Origin: ORIGIN })).toBe(201);
  });

  it.each<[string, Record<string, string>]>([
    ["another site", { Origin: "https://evil.example", "Sec-Fetch-Site": "cross-site" }],
    ["another host of the same site", { Origin: "https://blog.kelvin.test", "Sec-Fetch-Site": "same-site" }],
    ["another scheme", { Origin: "http://kelvin.test", "Sec-Fetch-Site": "cross-site" }],
    ["an opaque origin", { Origin: "null", "Sec-Fetch-Site": "cross-site" }],
    ["nowhere", {}],
    ["a browser that contradicts itself", { Origin: ORIGIN, "Sec-Fetch-Site": "cross-site" }],
  ])("is refused from %s", async (_, headers) => {
    expect(await made(headers)).toBe(403);
    expect((await signIn(ADMIN_KEY, headers)).status).toBe(403);
  });

  it.each(["", "x", "0".repeat(32)])("is refused with the token %j", async (token) => {
    expect(await made(OWN, token)).toBe(403);
  });

  it("is refused with the token of another session", async () => {
    expect(await made(OWN, await formToken(await cookie()))).toBe(403);
  });
});

it("sends every page with headers that let nothing foreign or inline run", async () => {
  for (const path of ["/dashboard/sign-in", "/dashboard/none"]) {
    const { headers } = await api.call(path);
    const policy = headers.get("Content-Security-Policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(headers.get("Cache-Control")).toBe("no-store");
    expect(headers.get("X-Content-Type-Options")).toBe("nosniff");
  }
});
