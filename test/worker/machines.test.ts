/** Machines: told apart from people and from servers' libraries, recorded, and without any effect (contract §4, §5). */
import { beforeAll, describe, expect, test } from "vitest";
import { type AgentKind, agentKind } from "../../worker/http/machine";
import {
  type Api,
  type Lead,
  type List,
  type Message,
  PLAIN_RULES,
  page,
  type Site,
  track,
  unique,
} from "../support/api";
import { expectTheLaw, startApi } from "./app";

const CHROME =
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
const DRIVEN = CHROME.replace("Chrome/", "HeadlessChrome/");
const GOOGLE = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

const AGENTS: Record<AgentKind, string[]> = {
  person: [
    CHROME,
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
    "Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/125.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/468.0;FBDV/iPhone15,2]",
    "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
  ],
  library: [
    "",
    "curl/7.88.1",
    "Wget/1.20.3 (linux-gnu)",
    "node",
    "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)",
    "undici",
    "axios/0.27.2",
    "got (https://github.com/sindresorhus/got)",
    "Deno/1.43.1",
    "Bun/1.1.8",
    "python-requests/2.32.3",
    "Python-urllib/3.12",
    "Python/3.12 aiohttp/3.9.5",
    "python-httpx/0.27.0",
    "Go-http-client/2.0",
    "okhttp/5.0.0-alpha.14",
    "Java/17.0.11",
    "Java-http-client/17.0.11",
    "Apache-HttpClient/5.3.1 (Java/21)",
    "Ruby",
    "Faraday v2.9.0",
    "PHP/8.3.6",
    "GuzzleHttp/7",
    "WordPress/6.5.3; https://www.acme.example",
    "PostmanRuntime/7.39.0",
    "insomnia/9.2.0",
    "HTTPie/3.2.2",
    "analytics-node/1.1.3",
    "@segment/analytics-node/1.1.4",
    "analytics-python/2.3.2",
    "rudder-sdk-node/3.0.13",
    "libwww-perl/6.77",
    "reqwest/0.12.4",
    "RestSharp/111.2.0.0",
    "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/AP1A)",
    "Shop/12 CFNetwork/1494.0.7 Darwin/23.4.0",
  ],
  machine: [
    GOOGLE,
    "Googlebot/2.1 (+http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Slack-ImgProxy (+https://api.slack.com/robots)",
    "Twitterbot/1.0",
    "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
    "TelegramBot (like TwitterBot)",
    "WhatsApp/2.24.11.78",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "Mozilla/5.0 (compatible; Bytespider; spider-feedback@bytedance.com)",
    "Baiduspider+(+http://www.baidu.com/search/spider.htm)",
    "DuckDuckBot/1.1; (+http://duckduckgo.com/duckduckbot.html)",
    "CCBot/2.0 (https://commoncrawl.org/faq/)",
    "Screaming Frog SEO Spider/20.1",
    "Mimecast",
    "Barracuda Sentinel (EE)",
    "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
    "Mozilla/5.0",
    "Scrapy/2.11.2 (+https://scrapy.org)",
    "Embedly/0.2; snap; +http://embed.ly/",
    "masscan/1.3 (https://github.com/robertdavidgraham/masscan)",
    "sqlmap/1.8.5#stable (https://sqlmap.org)",
    "Mozilla/5.00 (Nikto/2.1.6) (Evasions:None) (Test:Port Check)",
    "Mozilla/5.0 zgrab/0.x",
    "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "Mozilla/5.0 (Linux; Android 11; moto g power (2022)) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.0.0 Mobile Safari/537.36 Chrome-Lighthouse",
    "Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1 Safari/538.1",
    DRIVEN,
  ],
};

describe.each(Object.entries(AGENTS))("a %s", (kind, agents) => {
  test.each(agents)("%s", (agent) => expect(agentKind(agent)).toBe(kind));
});

test("an agent of any length is judged at once", () => {
  const began = performance.now();
  for (const part of ["a", "1.", " ", "(", "Mozilla/5.0 ", "http", "bo"]) agentKind(part.repeat(200_000 / part.length));
  expect(performance.now() - began).toBeLessThan(1_000);
});

let api: Api;
let site: Site;
beforeAll(async () => {
  api = startApi();
  site = await api.createSite(PLAIN_RULES);
});

const send = (batch: Message[], agent: string | null, more: { key?: string; context?: Message } = {}) =>
  site.post(batch, more.context ? { context: more.context } : {}, {
    key: more.key ?? null,
    headers: agent === null ? {} : { "User-Agent": agent },
  });

/** Whether the only event of a new visitor, sent so, was taken for a machine's. */
async function isTaken(agent: string | null, more: { key?: string; context?: Message } = {}, where = site) {
  const visitor = unique("v");
  const headers: Record<string, string> = agent === null ? {} : { "User-Agent": agent };
  const body = { writeKey: where.writeKey, batch: [page(visitor)], ...(more.context ? { context: more.context } : {}) };
  const { status } = await where.api.json("/v1/batch", { body, headers, key: more.key ?? null });
  expect(status).toBe(200);
  const [event] = await where.events(`visitor:${visitor}`);
  return event?.machine === true;
}

describe("which agent is judged", () => {
  test.each<[string, string | null, Message | undefined, "key" | null, boolean]>([
    ["a crawler's request", GOOGLE, undefined, null, true],
    ["a person's request", CHROME, undefined, null, false],
    ["a library's request", "curl/8.5.0", undefined, null, false],
    ["a request without", null, undefined, null, false],
    ["a crawler's, told by a server", "curl/8.5.0", { userAgent: GOOGLE }, null, true],
    ["a person's, told by a server that calls itself so", "Acme-bot/1.0", { userAgent: CHROME }, null, false],
    ["with a secret key the one that is told", "curl/8.5.0", { userAgent: GOOGLE }, "key", true],
    ["with a secret key not the request's", GOOGLE, undefined, "key", false],
    ["one that is no text", GOOGLE, { userAgent: { a: 1 } }, null, true],
    ["a driven browser's", DRIVEN, undefined, null, true],
    ["a browser that says it is driven", CHROME, { automated: true }, null, true],
    ["one that says it is not", CHROME, { automated: false }, null, false],
    ["one that says something else", CHROME, { automated: "yes" }, null, false],
  ])("%s", async (_, agent, context, key, expected) => {
    const more = { ...(context ? { context } : {}), ...(key ? { key: api.adminKey } : {}) };
    expect(await isTaken(agent, more)).toBe(expected);
  });

  test("by each message of a batch for itself", async () => {
    const [person, crawler] = [unique("v"), unique("v")];
    await send(
      [page(person, "/", { context: { userAgent: CHROME } }), page(crawler, "/", { context: { userAgent: GOOGLE } })],
      "curl/8.5.0",
    );
    expect((await site.lead(`visitor:${person}`)).pageviews).toBe(1);
    expect((await site.lead(`visitor:${crawler}`)).pageviews).toBe(0);
  });

  test("the pixel's too", async () => {
    const visitor = unique("v");
    const query = new URLSearchParams({ writeKey: site.writeKey, event: "page", anonymousId: visitor });
    await api.call(`/v1/pixel.gif?${query}`, { headers: { "User-Agent": GOOGLE } });
    expect((await site.lead(`visitor:${visitor}`)).pageviews).toBe(0);
  });

  test("locally driven browsers are people's, crawlers are not", async () => {
    const local = startApi({ env: { KELVIN_LOCAL: "1" } });
    const there = await local.createSite(PLAIN_RULES);
    expect(await isTaken(DRIVEN, { context: { automated: true } }, there)).toBe(false);
    expect(await isTaken(GOOGLE, {}, there)).toBe(true);
    expect(await isTaken(`${DRIVEN} (compatible; Googlebot/2.1)`, { context: { automated: true } }, there)).toBe(true);
  });
});

describe("what a machine does", () => {
  test("is recorded and earns nothing; nobody is told that it was found out", async () => {
    const visitor = unique("v");
    const told = await send([track(visitor, "Form Submitted", { form: "demo" })], GOOGLE);
    const stranger = await site.me(unique("v"));
    expect(told.body).toEqual({ ...stranger, visitor, rejected: [] });
    expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ score: 0, known: false, lastSeen: null, visits: 0 });
    expect(await site.events(`visitor:${visitor}`)).toMatchObject([{ machine: true, awards: [] }]);
    expect((await site.rest(`/v1/leads/visitor:${visitor}/history`)).body).toMatchObject({ data: [], points: [] });
    expect((await site.rest(`/v1/leads/visitor:${visitor}/explanation`)).status).toBe(200);
  });

  test("nor does it differ from a stranger where strangers do not stand lowest", async () => {
    const warm = { name: "warm", when: { score: { gte: 0 } } };
    const other = await api.createSite({ ...PLAIN_RULES, levels: { temperature: [{ name: "cold" }, warm] } });
    const visitor = unique("v");
    const body = { writeKey: other.writeKey, batch: [page(visitor)] };
    await api.json("/v1/batch", { body, headers: { "User-Agent": GOOGLE } });
    expect(await other.me(visitor)).toEqual({ ...(await other.me(unique("v"))), visitor });
    expect(await other.me(visitor)).toMatchObject({ temperature: "warm" });
  });

  test("under a person's id changes nothing of theirs and learns nothing of them", async () => {
    const visitor = unique("v");
    await send([track(visitor, "Form Submitted", { form: "demo" })], CHROME);
    const before = await site.lead(`visitor:${visitor}`);
    const { body } = await send(
      [page(visitor), { ...page(visitor), type: "identify", traits: { title: "CEO" } }],
      GOOGLE,
    );
    expect(body).toMatchObject({ temperature: "cold", score: 0, validUntil: null });
    expect(await site.lead(`visitor:${visitor}`)).toEqual(before);
    expect((await send([page(visitor)], CHROME)).body).toMatchObject({ temperature: "hot", score: 71 });
    await expectTheLaw(site.id);
  });

  test("joins nobody, whatever it says it is", async () => {
    const [person, crawler, user, email] = [unique("v"), unique("v"), unique("u"), `${unique("a")}@b.example`];
    await send([{ ...page(person), type: "identify", userId: user, traits: { email } }], CHROME);
    const before = await site.lead(`visitor:${person}`);
    await send([{ ...page(crawler), type: "identify", userId: user, traits: { email } }], GOOGLE);
    await send([{ ...page(crawler), type: "alias", userId: user, previousId: person }], GOOGLE);
    expect(await site.lead(`email:${email}`)).toEqual(before);
    const lone = unique("u");
    await send([{ ...page(crawler), userId: lone }], GOOGLE);
    expect(await site.leadStatus(`user:${lone}`)).toBe(404);
    expect((await site.lead(`visitor:${crawler}`)).id).not.toBe(before.id);
  });

  test("is on no list, until a person comes", async () => {
    const own = await api.createSite(PLAIN_RULES);
    const post = (visitor: string, agent: string) =>
      own.post([page(visitor)], {}, { headers: { "User-Agent": agent } });
    await post("person", CHROME);
    await post("crawler", GOOGLE);
    const listed = async (query = "") => {
      const { body } = await own.rest<List<Lead>>(`/v1/leads${query}`);
      return body.data.flatMap(({ visitors }) => visitors.map(({ id }) => id)).sort();
    };
    for (const query of ["", "?sort=-lastSeen", "?temperature=cold", "?known=false", "?sort=score"])
      expect(await listed(query), query).toEqual(["person"]);
    expect((await own.rest<{ sampled: number }>("/v1/rules/preview", { body: PLAIN_RULES })).body.sampled).toBe(1);
    // New rules find nothing of it worth a history.
    const rules = { ...PLAIN_RULES, rules: [{ id: "new", while: { visits: { gte: 0 } }, points: 50 }] };
    expect((await own.publish(rules)).status).toBe(200);
    expect((await own.rest("/v1/leads/visitor:crawler/history")).body).toMatchObject({ data: [] });
    expect(await listed()).toEqual(["person"]);
    await post("crawler", CHROME);
    expect(await listed()).toEqual(["crawler", "person"]);
    const { body } = await own.rest<List<{ cause: string }>>("/v1/leads/visitor:crawler/history");
    expect(body.data.map(({ cause }) => cause)).toEqual(["event"]);
    await expectTheLaw(own.id);
  });
});
