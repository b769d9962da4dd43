/** Sites, and who may call what of the marketers' API (contract §7). */
import { beforeAll, describe, expect, test } from "vitest";
import { PLAIN_RULES, type Problem, page, type Site, type SiteInfo } from "../support/api";
import { DB, startApi } from "./app";

const api = startApi();
let site: Site;
beforeAll(async () => {
  site = await api.createSite(PLAIN_RULES);
});

describe("sites", () => {
  test("made, listed, changed; the identity secret is shown once", async () => {
    const { status, body } = await api.rest<SiteInfo>("/v1/sites", {
      body: { name: "Shop", origins: ["https://a.example", "http://localhost:3000"] },
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({ id: expect.any(String), writeKey: expect.any(String), name: "Shop" });
    expect(body.identitySecret.length).toBeGreaterThanOrEqual(32);
    const listed = await api.rest<{ data: SiteInfo[] }>("/v1/sites");
    expect(listed.body.data.find(({ id }) => id === body.id)).toMatchObject({ writeKey: body.writeKey });
    expect(JSON.stringify(listed.body)).not.toContain(body.identitySecret);
    const changed = await api.rest<SiteInfo>(`/v1/sites?site=${body.writeKey}`, {
      method: "PATCH",
      body: { origins: ["https://b.example"] },
    });
    expect(changed).toMatchObject({ status: 200, body: { name: "Shop", origins: ["https://b.example"] } });
    const send = (Origin: string) =>
      api.json("/v1/batch", { headers: { Origin }, body: { writeKey: body.writeKey, batch: [page("v")] } });
    expect((await send("https://a.example")).status).toBe(403);
    expect((await send("https://b.example")).status).toBe(200);
  });

  test.each([
    {},
    { name: "" },
    { name: 1, origins: [] },
    { name: "A", origins: "https://a.example" },
    { name: "A", origins: ["https://a.example/"] },
    { name: "A", origins: ["*"] },
    { name: "A", origins: ["https://*.a.example"] },
    { name: "A", origins: [], color: "red" },
    [],
    null,
  ])("%j: 400", async (body) => {
    const sites = await DB.prepare("SELECT count(*) n FROM sites").first("n");
    expect((await api.rest("/v1/sites", { method: "POST", body: JSON.stringify(body) })).status).toBe(400);
    expect(await DB.prepare("SELECT count(*) n FROM sites").first("n")).toBe(sites);
  });
});

describe("who may call", () => {
  const CALLS: [string, string][] = [
    ["GET", "/v1/leads"],
    ["GET", "/v1/leads/lead_x"],
    ["GET", "/v1/leads/lead_x/explanation"],
    ["GET", "/v1/leads/lead_x/events"],
    ["GET", "/v1/rules"],
    ["PUT", "/v1/rules"],
    ["GET", "/v1/sites"],
    ["POST", "/v1/sites"],
    ["PATCH", "/v1/sites"],
  ];
  const KEYS: [string, Record<string, string>][] = [
    ["no key", {}],
    ["a wrong key", { Authorization: "Bearer wrong" }],
    ["an empty key", { Authorization: "Bearer " }],
    ["a key that only begins right", { Authorization: `Bearer ${api.adminKey}x` }],
    ["the key without its scheme", { Authorization: api.adminKey }],
    ["the key as a Basic user name", { Authorization: `Basic ${btoa(`${api.adminKey}:`)}` }],
  ];
  test.each(CALLS.flatMap(([method, path]) => KEYS.map(([name, headers]) => ({ method, path, name, headers }))))(
    "$method $path with $name: 401",
    async ({ method, path, headers }) => {
      const body = method === "GET" ? {} : { body: "{}" };
      const answer = await api.json<Problem>(path, { method, headers, ...body });
      expect(answer).toMatchObject({
        status: 401,
        body: { status: 401, type: expect.any(String), title: expect.any(String) },
      });
      expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
      expect(answer.headers.get("WWW-Authenticate")).toMatch(/^Bearer/);
    },
  );

  test("a write key opens nothing", async () => {
    expect((await api.json(`/v1/leads?site=${site.id}`, { key: site.writeKey })).status).toBe(401);
  });

  test.each([
    ["GET", "/v1/leads?site=nowhere", 404],
    ["GET", "/v1/leads", 400],
    ["GET", "/v1/nothing", 404],
    ["POST", "/v1/nothing", 404],
    ["GET", "/v1/rules?color=red&site=@", 400],
    ["GET", "/v1/sites?color=red", 400],
  ])("%s %s: %i", async (method, path, status) => {
    const answer = await api.rest<Problem>(path.replace("@", site.id), { method });
    expect(answer).toMatchObject({ status, body: { status } });
    expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
  });

  test("a site is named by its id or its write key", async () => {
    for (const name of [site.id, site.writeKey]) expect((await api.rest(`/v1/rules?site=${name}`)).status).toBe(200);
  });
});

test.each([
  ["POST", "/v1/leads", "GET"],
  ["GET", "/v1/batch", "POST"],
  ["DELETE", "/v1/rules", "GET, PUT"],
  ["POST", "/v1/leads/some/history", "GET"],
])("%s %s is told which methods there are", async (method, path, allowed) => {
  const answer = await api.call(path, { method });
  expect({ status: answer.status, allow: answer.headers.get("Allow") }).toEqual({ status: 405, allow: allowed });
});
