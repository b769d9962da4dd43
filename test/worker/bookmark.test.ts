/** What marketers read comes from whichever copy is near, and is never older than what they wrote themselves. */
import { describe, expect, test } from "vitest";
import { PLAIN_RULES, type Problem, page, Site, type SiteInfo } from "../support/api";
import { FaultyDatabase } from "../support/faults";
import { ADMIN_KEY, DB, DB_1, startIsolate } from "./app";

const BOOKMARK = "X-Kelvin-Bookmark";
const FORM = /^DB\.[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/;

async function rig(database = "DB") {
  const [main, other] = [new FaultyDatabase(DB), new FaultyDatabase(DB_1)];
  const { api } = startIsolate({ db: main.db, env: { DB_1: other.db } });
  const made = await api.rest<SiteInfo>("/v1/sites", { body: { name: "Read", origins: [], database } });
  const site = new Site(api, made.body);
  await site.publish(PLAIN_RULES);
  await site.post([page("ann")]);
  const sessions = (one = main) => one.sessions.splice(0);
  for (const one of [main, other]) sessions(one);
  return { api, site, main, other, sessions };
}

test("reads begin anywhere, or where their bookmark says; every answer has one", async () => {
  const { site, sessions } = await rig();
  const first = await site.rest("/v1/leads");
  expect(sessions()).toEqual(["first-unconstrained"]);
  const bookmark = first.headers.get(BOOKMARK) ?? "";
  expect(bookmark).toMatch(FORM);
  for (const path of ["/v1/leads", "/v1/leads/visitor:ann", "/v1/rules", "/v1/reports/distribution", "/v1/webhooks"]) {
    const { status, headers } = await site.rest(path, { headers: { [BOOKMARK]: bookmark } });
    expect([path, status, sessions()]).toEqual([path, 200, [bookmark.slice("DB.".length)]]);
    expect(headers.get(BOOKMARK)).toMatch(FORM);
  }
  const csv = await site.api.call(`/v1/leads.csv?site=${site.id}`, { key: ADMIN_KEY });
  expect(csv.headers.get(BOOKMARK)).toMatch(FORM);
  expect((await csv.text()).split("\r\n")).toHaveLength(3);
});

test("writes are done in the primary and hand out how new they are", async () => {
  const { site, main, sessions } = await rig();
  const before = (await site.rest("/v1/leads")).headers.get(BOOKMARK) ?? "";
  sessions();
  const patched = await site.rest("/v1/leads/visitor:ann", { method: "PATCH", body: { status: "customer" } });
  expect(patched.status).toBe(200);
  expect(sessions()).toEqual(["first-primary"]);
  const after = patched.headers.get(BOOKMARK) ?? "";
  expect(after).toMatch(FORM);
  expect(after > before).toBe(true);
  // What was written is written, also where nobody can say how new it is.
  const { trips } = await main.measure(() =>
    site.rest("/v1/webhooks", { body: { url: "https://a.example/", events: ["lead.merged"] } }),
  );
  main.fail({ trip: trips, message: "Network connection lost.", when: "before" });
  const made = await site.rest("/v1/webhooks", { body: { url: "https://b.example/", events: ["lead.merged"] } });
  expect([made.status, made.headers.get(BOOKMARK), main.pending]).toEqual([201, null, 0]);
});

test("a bookmark of another database: the site has moved since, and the primary has it all", async () => {
  const { site, other, sessions } = await rig("DB_1");
  const bookmark = `DB.00000001-00000002-00000003-${"0".repeat(32)}`;
  const { status, headers } = await site.rest("/v1/leads", { headers: { [BOOKMARK]: bookmark } });
  expect([status, sessions(other)]).toEqual([200, ["first-primary"]]);
  expect(headers.get(BOOKMARK)).toMatch(/^DB_1\./);
  await site.rest("/v1/leads");
  expect(sessions(other)).toEqual(["first-unconstrained"]);
});

describe("what is no bookmark is refused", () => {
  const zeros = "0".repeat(32);
  test.each([
    "",
    "x",
    "first-primary",
    `00000001-00000002-00000003-${zeros}`,
    `DB.${zeros}`,
    `DB_0.00000001-00000002-00000003-${zeros}`,
    `DB.00000001-00000002-00000003-${zeros}, DB.1`,
    "DB.first-unconstrained",
  ])("%s", async (bookmark) => {
    const { site, sessions } = await rig();
    const { status, body } = await site.rest<Problem>("/v1/leads", { headers: { [BOOKMARK]: bookmark } });
    expect([status, body.detail]).toEqual([400, expect.stringContaining(BOOKMARK)]);
    expect(sessions()).toEqual([]);
  });
});

test("beacons and what is the account's ask the primary", async () => {
  const { api, site, sessions } = await rig();
  await site.post([page("ann")]);
  await site.import([page("ann")]);
  await site.me("ann");
  for (const path of ["/v1/sites", "/v1/keys"]) expect((await api.rest(path)).headers.get(BOOKMARK)).toBeNull();
  expect(sessions()).toEqual([]);
});

test("the dashboard reads near, and after a form what the form did", async () => {
  const { api, site, sessions } = await rig();
  const home = { Origin: "https://kelvin.test" };
  const form = (path: string, fields: Record<string, string>, cookie = "") =>
    api.call(path, {
      headers: { ...home, Cookie: cookie, "Content-Type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams(fields).toString(),
    });
  const cookieOf = (response: Response) =>
    response.headers
      .getSetCookie()
      .map((one) => one.split(";")[0])
      .join("; ");
  const session = cookieOf(await form("/dashboard/sign-in", { key: ADMIN_KEY }));
  const lead = `/dashboard/leads/visitor:ann?site=${site.id}`;
  const look = async (cookie: string) => {
    const response = await api.call(lead, { headers: { Cookie: cookie } });
    expect(response.status).toBe(200);
    return await response.text();
  };
  const formToken = /name="formToken" value="(\w+)"/.exec(await look(session))?.[1] ?? "";
  expect(sessions()).toEqual(["first-unconstrained"]);
  const done = await form(lead.replace("?", "/notes?"), { formToken, status: "customer", feedback: "" }, session);
  expect(done.status).toBe(303);
  expect(sessions()).toEqual(["first-primary"]);
  const kept = cookieOf(done);
  expect(kept).toMatch(/^kelvin_bookmark=DB\./);
  expect(done.headers.getSetCookie()[0]).toMatch(/Max-Age=60; Path=\/dashboard; HttpOnly; Secure; SameSite=Lax/);
  await look(`${session}; ${kept}`);
  expect(sessions()).toEqual([kept.slice("kelvin_bookmark=DB.".length)]);
  // A cookie that is none is none.
  await look(`${session}; kelvin_bookmark=DB.nonsense`);
  expect(sessions()).toEqual(["first-unconstrained"]);
});
