/** E-mail links (contract §7, "E-mail"): opens, clicks, scanners, and nowhere else to go. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TICKET_MAX_AGE_S } from "../../worker/links";
import { type Lead, type Message, type Problem, page, type Site, track } from "../support/api";
import { DB, expectTheLawAfterErasing, startIsolate } from "./app";

let now = Date.parse("2026-03-02T10:00:00Z");
const { api } = startIsolate({ clock: () => now });
const ORIGIN = "https://shop.example";
const LANDING = `${ORIGIN}/spring?size=4#top`;
const BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/153.0.0.0 Safari/537.36";
const RULES = {
  rules: [
    { id: "page", on: "page", points: 1 },
    { id: "open", on: "Email Opened", points: 5 },
    { id: "click", on: "Email Link Clicked", where: { "properties.campaign": "spring" }, points: 40 },
  ],
  levels: { temperature: [{ name: "cold" }, { name: "warm", when: { score: { gte: 35 } } }] },
};
let site: Site;
let other: Site;
beforeAll(async () => {
  site = await api.createSite(RULES);
  other = await api.createSite(RULES);
});
const erased: string[] = [];
afterAll(() => expectTheLawAfterErasing(site.id, erased));

interface Made {
  click: string;
  open: string;
}
const make = (body: unknown, key: string | null = api.adminKey) =>
  api.json<Made & { links: Made[] } & Problem>(`/v1/links?site=${site.id}`, { body, key });
const made = async (wanted: Message) => {
  const { status, body } = await make({ url: LANDING, campaign: "spring", ...wanted });
  expect(status).toBe(200);
  return { click: new URL(body.click).pathname, open: new URL(body.open).pathname };
};
const follow = (path: string, headers: Record<string, string> = {}, method = "GET") =>
  api.call(path, { method, headers: { "User-Agent": BROWSER, ...headers } });
const target = async (path: string, headers?: Record<string, string>) =>
  (await follow(path, headers)).headers.get("Location") ?? "";
const land = (visitor: string, url: string, more: Message = {}) =>
  site.post([{ ...page(visitor), properties: { path: "/spring", url }, ...more }]);
const named = async (visitor: string, who: Message) => {
  await site.import([{ type: "identify", anonymousId: visitor, ...who }]);
};
const timeline = async (id: string) =>
  (await site.events(id)).map(({ type, event, machine }) => `${event ?? type}${machine ? " by a machine" : ""}`);

describe("an open", () => {
  test("is an event of the lead, as often as it happens", async () => {
    await named("o1", { userId: "o1", traits: { email: "o1@one.example" } });
    const { open } = await made({ lead: "user:o1" });
    for (let n = 0; n < 2; n++) {
      const answer = await follow(open);
      expect(answer).toMatchObject({ status: 200 });
      expect(answer.headers.get("Content-Type")).toBe("image/gif");
      expect(answer.headers.get("Cache-Control")).toContain("no-store");
    }
    expect(await site.lead("user:o1")).toMatchObject({ score: 10 });
    expect((await site.me("o1")).score).toBe(10);
  });

  test("of an address that nobody had makes a lead of it", async () => {
    const { open } = await made({ email: "New@one.example" });
    expect(await site.leadStatus("email:new@one.example")).toBe(404);
    await follow(open);
    await follow(open);
    expect(await site.lead("email:new@one.example")).toMatchObject({
      score: 10,
      email: "New@one.example",
      known: true,
    });
    expect(await timeline("email:new@one.example")).toEqual(["identify", "Email Opened", "Email Opened"]);
  });

  test.each([
    [
      "Gmail's proxy",
      { "User-Agent": "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)" },
    ],
    ["Apple's proxy", { "User-Agent": "Mozilla/5.0" }],
    ["Yahoo's proxy", { "User-Agent": "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html" }],
    ["a scanner", { "User-Agent": "Barracuda Sentinel (EE)" }],
    ["a prefetcher", { Purpose: "prefetch" }],
  ])("by %s is a machine's and earns nothing", async (name, headers) => {
    const email = `${name.replaceAll(/\W/g, "")}@two.example`;
    await named(`of ${name}`, { traits: { email } });
    const { open } = await made({ email });
    expect((await follow(open, headers)).status).toBe(200);
    expect(await site.lead(`email:${email}`)).toMatchObject({ score: 0 });
    expect(await timeline(`email:${email}`)).toEqual(["identify", "Email Opened by a machine"]);
  });

  test("whatever is wrong, there is a picture and nothing else", async () => {
    const { open } = await made({ email: "w@one.example" });
    const rows = await DB.prepare("SELECT count(*) n FROM leads").first("n");
    for (const path of [
      open.replace(/.{9}\.gif$/, "AAAAAAAAA.gif"),
      "/o/x.gif",
      `${open}.gif`,
      "/o/a.b.c.d.e.gif",
      "/o/%00.gif",
    ]) {
      const answer = await follow(path);
      expect([answer.status, answer.headers.get("Content-Type")], path).toEqual([200, "image/gif"]);
    }
    expect(await follow(open, { "Sec-GPC": "1" })).toMatchObject({ status: 200 });
    expect(await DB.prepare("SELECT count(*) n FROM leads").first("n")).toBe(rows);
  });
});

describe("a click", () => {
  test("leads to the link's own address, and counts when the landing page shows a person", async () => {
    await named("c1-desk", { userId: "c1", traits: { email: "c1@one.example" } });
    const { click } = await made({ lead: "email:c1@one.example" });
    const answer = await follow(click);
    expect(answer.status).toBe(302);
    expect(answer.headers.get("Cache-Control")).toBe("no-store");
    const url = answer.headers.get("Location") ?? "";
    expect(url).toMatch(/^https:\/\/shop\.example\/spring\?size=4&kelvin=[\w.-]+#top$/);
    expect(await site.lead("user:c1")).toMatchObject({ score: 0 });

    now += 5_000;
    const { body } = await land("c1-phone", url);
    expect(body).toMatchObject({ visitor: "c1-phone", score: 41, temperature: "warm", rejected: [] });
    const lead = await site.lead("user:c1");
    expect(lead).toMatchObject({ score: 41, verified: true, visits: 1 });
    expect(lead.visitors.find(({ id }) => id === "c1-phone")).toMatchObject({ verified: true });
    // Its other browsers are shown the same.
    expect((await site.me("c1-desk")).temperature).toBe("warm");
    expect(JSON.stringify(await site.events("user:c1"))).not.toContain("kelvin=");
  });

  test("verifies the address, also one that nobody had", async () => {
    const { click } = await made({ email: "fresh@one.example" });
    await land("fresh", await target(click));
    expect(await site.lead("email:fresh@one.example")).toMatchObject({ verified: true, score: 41 });
    // So that a claim of it takes nothing over.
    await site.post([page("liar"), { type: "identify", anonymousId: "liar", traits: { email: "fresh@one.example" } }]);
    expect((await site.me("liar")).score).toBe(1);
    expect((await site.me("fresh")).score).toBe(41);
  });

  test("counts once, for whoever comes first, within the hour", async () => {
    await named("once", { userId: "once", traits: { email: "once@one.example" } });
    const { click } = await made({ lead: "user:once" });
    const url = await target(click);
    await land("once", url);
    await land("once", url);
    const { body } = await land("a friend", url);
    expect(body).toMatchObject({ score: 1, temperature: "cold" });
    expect(await site.lead("user:once")).toMatchObject({ score: 42, pageviews: 2 });
    const late = await target(click);
    now += TICKET_MAX_AGE_S * 1000 + 1_000;
    await land("once", late);
    expect(await site.lead("user:once")).toMatchObject({ score: 43 });
    // Another click is another event.
    await land("once", await target(click));
    expect(await site.lead("user:once")).toMatchObject({ score: 84 });
  });

  test.each([
    ["HEAD", "HEAD", {}],
    ["a scanner", "GET", { "User-Agent": "Mimecast" }],
    ["a previewer", "GET", { "User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)" }],
    ["a prefetcher", "GET", { "Sec-Purpose": "prefetch;prerender" }],
  ])("by %s is a machine's: recorded, led on, and worth nothing", async (name, method, headers) => {
    const email = `c-${name.replaceAll(/\W/g, "")}@two.example`;
    await named(`c of ${name}`, { traits: { email } });
    const { click } = await made({ email });
    const answer = await follow(click, headers, method);
    expect([answer.status, answer.headers.get("Location")]).toEqual([302, LANDING]);
    await land(`by ${name}`, LANDING);
    expect(await site.lead(`email:${email}`)).toMatchObject({ score: 0 });
    expect(await timeline(`email:${email}`)).toEqual(["identify", "Email Link Clicked by a machine"]);
  });

  test("a landing page looked at by a machine takes no points and no ticket", async () => {
    const { click } = await made({ email: "scanned@one.example" });
    const url = await target(click);
    await land("scanner", url, { context: { automated: true } });
    expect(await site.leadStatus("email:scanned@one.example")).toBe(404);
    expect((await land("scanned", url)).body.score).toBe(41);
  });

  test("somebody who is proved to be another person stays who they are", async () => {
    await named("bob", { userId: "bob", traits: { email: "bob@one.example" } });
    await named("amy", { userId: "amy", traits: { email: "amy@one.example" } });
    const { click } = await made({ lead: "user:amy" });
    expect((await land("bob", await target(click))).body.score).toBe(1);
    expect(await site.lead("user:bob")).toMatchObject({ email: "bob@one.example", score: 1 });
    expect(await site.lead("user:amy")).toMatchObject({ email: "amy@one.example", score: 0 });
  });

  test("tickets stay on the site's own pages", async () => {
    for (const url of ["https://elsewhere.example/x", "https://shop.example.evil.example/", "http://shop.example/"]) {
      const { click } = await made({ email: "t@one.example", url });
      expect(await target(click)).toBe(url);
    }
  });

  test("with Sec-GPC nothing is recorded and no ticket given", async () => {
    const { click } = await made({ email: "gpc@one.example" });
    expect(await target(click, { "Sec-GPC": "1" })).toBe(LANDING);
    expect(await site.leadStatus("email:gpc@one.example")).toBe(404);
  });

  test("changed on its way, or made for something else: a plain page and nowhere to go", async () => {
    const { click, open } = await made({ email: "x@one.example" });
    const token = click.slice("/c/".length);
    const parts = token.split(".");
    const elsewhere = btoa(JSON.stringify({ alg: "dir", enc: "A128GCM", kid: other.id })).replaceAll("=", "");
    const ticket = new URL(await target(click)).searchParams.get("kelvin");
    const wrong = [
      `${token}x`,
      token.slice(0, -2),
      [elsewhere, ...parts.slice(1)].join("."),
      open.slice("/o/".length, -".gif".length),
      String(ticket),
      "https%3A%2F%2Fevil.example",
      "e30.e30.e30",
      "%E0%A4%A",
    ];
    for (const one of wrong) {
      const answer = await follow(`/c/${one}`);
      expect(answer.status, one).toBe(404);
      expect(answer.headers.get("Location")).toBeNull();
      expect(answer.headers.get("Content-Type")).toMatch(/^text\/plain/);
    }
    expect((await follow(`/c/${token}?url=https://evil.example`)).headers.get("Location")).toMatch(
      /^https:\/\/shop\.example\/spring/,
    );
    // Nor does one thing serve as another on a landing page.
    for (const one of [token, parts.toReversed().join("."), "x"]) {
      expect((await land("x", `${ORIGIN}/?kelvin=${one}`)).status).toBe(200);
    }
    expect(await site.leadStatus("email:x@one.example")).toBe(404);
    await other.post([{ ...page("x2"), properties: { url: `${ORIGIN}/?kelvin=${ticket}` } }]);
    expect((await site.rest(`/v1/leads/email:x@one.example`)).status).toBe(404);
  });
});

test("a landing page's ticket is found however its name is written", async () => {
  const { click } = await made({ email: "esc@one.example" });
  const url = (await target(click)).replace("kelvin=", "%6Belvin=");
  expect(url).toContain("%6Belvin=");
  await land("esc", url);
  expect(await site.lead("visitor:esc")).toMatchObject({ verified: true, email: "esc@one.example" });
});

describe("links are made", () => {
  test("many at a time, in order", async () => {
    const wanted = Array.from({ length: 300 }, (_, n) => ({ email: `n${n}@many.example`, url: `${ORIGIN}/?n=${n}` }));
    const { status, body } = await make({ links: wanted });
    expect(status).toBe(200);
    expect(body.links).toHaveLength(300);
    for (const n of [0, 299]) {
      const path = new URL(body.links[n]?.click ?? "").pathname;
      expect(await target(path)).toMatch(`${ORIGIN}/?n=${n}&kelvin=`);
    }
    expect(JSON.stringify(body)).not.toContain("many.example");
  });

  test("and are not to be read, nor told from one another", async () => {
    const links = await Promise.all(["a@one.example", "a@one.example"].map((email) => made({ email })));
    expect(links[0]?.click).not.toBe(links[1]?.click);
    const [header = ""] = (links[0]?.click ?? "").slice(3).split(".");
    expect(JSON.parse(atob(header))).toEqual({ alg: "dir", enc: "A128GCM", kid: site.id });
  });

  test.each<[unknown, number]>([
    [{ email: "a@one.example" }, 400],
    [{ url: ORIGIN }, 400],
    [{ email: "a@one.example", lead: "user:a", url: ORIGIN }, 400],
    [{ email: "nobody", url: ORIGIN }, 400],
    [{ email: "a@one.example", url: "javascript:alert(1)" }, 400],
    [{ email: "a@one.example", url: "//evil.example" }, 400],
    [{ email: "a@one.example", url: "/spring" }, 400],
    [{ email: "a@one.example", url: ORIGIN, campaign: 4 }, 400],
    [{ email: "a@one.example", url: ORIGIN, colour: "red" }, 400],
    [{ links: [] }, 400],
    [{ links: Array.from({ length: 1_001 }, () => ({ email: "a@one.example", url: ORIGIN })) }, 400],
    [{ lead: "user:no-such-user", url: ORIGIN }, 404],
    [
      {
        links: [
          { email: "a@one.example", url: ORIGIN },
          { lead: "lead_x", url: ORIGIN },
        ],
      },
      404,
    ],
    [[], 400],
  ])("%j: %i", async (body, status) => {
    expect((await make(body)).status).toBe(status);
  });

  test("with a key", async () => {
    expect((await make({ email: "a@one.example", url: ORIGIN }, null)).status).toBe(401);
    expect((await make({ email: "a@one.example", url: ORIGIN }, site.writeKey)).status).toBe(401);
  });
});

test("an old mail does not bring back whose address was erased", async () => {
  const email = "once@one.example";
  const { open, click } = await made({ email });
  await follow(open);
  erased.push(...(await site.events(`email:${email}`)).map(({ messageId }) => messageId));
  expect((await site.rest(`/v1/leads/email:${email}`, { method: "DELETE" })).status).toBe(204);
  for (const again of [open, open]) expect((await follow(again)).status).toBe(200);
  expect((await follow(click, { "User-Agent": "curl/8.0" })).status).toBe(302);
  expect(await site.leadStatus(`email:${email}`)).toBe(404);
});

test("a lead that is gone takes no opens and no clicks, and its links still lead somewhere", async () => {
  await named("gone", { userId: "gone", traits: { email: "gone@one.example" } });
  const { open, click } = await made({ lead: "user:gone" });
  erased.push(...(await site.events("user:gone")).map(({ messageId }) => messageId));
  expect((await site.rest("/v1/leads/user:gone", { method: "DELETE" })).status).toBe(204);
  expect((await follow(open)).status).toBe(200);
  expect((await land("stranger", await target(click))).body.score).toBe(1);
  expect(await site.leadStatus("email:gone@one.example")).toBe(404);
  await site.post([track("stranger", "Anything")]);
  const lead: Lead = await site.lead("visitor:stranger");
  expect(lead).toMatchObject({ known: false, pageviews: 1 });
});
