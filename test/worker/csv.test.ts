/** `GET /v1/leads.csv` (contract §7): what is in it, that spreadsheets run nothing of it, and that it is streamed. */
import { beforeAll, describe, expect, test } from "vitest";
import { PLAIN_RULES, page, type Site, track, unique } from "../support/api";
import { FaultyDatabase } from "../support/faults";
import { DB, startApi } from "./app";

const api = startApi();

/** The records of a CSV, by RFC 4180 and no more. */
function records(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, quoted, plain = "", end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    row.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === ",") continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

const csv = async (site: Site, query = "") => {
  const response = await site.api.call(`/v1/leads.csv?site=${site.id}${query}`, { key: site.api.adminKey });
  return { response, text: await response.text() };
};
/** Rows by the names of their columns. */
const table = (text: string) => {
  const [head = [], ...rows] = records(text);
  return rows.map((row) => Object.fromEntries(head.map((name, i) => [name, row[i]])));
};

describe("the columns", () => {
  test("of a site's ladders and dimensions, and a lead in them", async () => {
    const site = await api.createSite({
      ...PLAIN_RULES,
      dimensions: { engagement: {}, fit: {} },
      levels: {
        mood: [{ name: "calm" }],
        ...PLAIN_RULES.levels,
        stage: [{ name: "lead" }, { name: "mql", when: { score: { gte: 35 } } }],
      },
    });
    await site.import([
      { ...page("a", "/careers"), context: { campaign: { source: "x", medium: "email", name: "spring, 2026" } } },
      {
        type: "identify",
        anonymousId: "a",
        userId: "u1",
        traits: { email: "ann@acme.example", name: "Ann Lee", company: { name: "Acme" }, title: "=1" },
      },
    ]);
    const { response, text } = await csv(site);
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Type")).toBe("text/csv; charset=utf-8");
    expect(response.headers.get("Content-Disposition")).toMatch(/^attachment; filename="[^"]+\.csv"$/);
    expect(text.split("\r\n")[0]).toBe(
      "id,email,score,temperature,stage,mood,known,status,userIds,firstSeen,lastSeen,visits,pageviews,channel,campaign," +
        "account,scores.engagement,scores.fit,name,company,title",
    );
    const lead = await site.lead("visitor:a");
    expect(table(text)).toEqual([
      {
        id: lead.id,
        email: "ann@acme.example",
        // A number of ours, no formula.
        score: "-9",
        temperature: "cold",
        stage: "lead",
        mood: "calm",
        known: "true",
        status: "open",
        userIds: "u1",
        firstSeen: lead.firstSeen,
        lastSeen: lead.lastSeen,
        visits: "1",
        pageviews: "1",
        channel: "email",
        campaign: "spring, 2026",
        account: "acme.example",
        "scores.engagement": "-9",
        "scores.fit": "0",
        name: "Ann Lee",
        // Only texts have a column, and no formula.
        company: "",
        title: "'=1",
      },
    ]);
    expect(text).toContain('"spring, 2026"');
    expect(text.endsWith("\r\n")).toBe(true);
  });

  test("nobody yet: the header alone", async () => {
    const site = await api.createSite(PLAIN_RULES);
    const { text } = await csv(site);
    expect(records(text)).toHaveLength(1);
    expect(text.startsWith("id,email,score,temperature,")).toBe(true);
  });
});

test.each([
  ['=HYPERLINK("https://evil.example","a")', '\'=HYPERLINK("https://evil.example","a")'],
  ["+1", "'+1"],
  ["-1+1", "'-1+1"],
  ["@SUM(A1)", "'@SUM(A1)"],
  ["\t=1", "'\t=1"],
  ["\r=1", "'\r=1"],
  ["＝1", "'＝1"],
  [" =1", "' =1"],
  ["a,=1", "a,=1"],
  ['=1,"+1"', '\'=1,"+1"'],
  ["a;=1", "a;'=1"],
  ["a; -1;b", "a;' -1;b"],
  ["a,b", "a,b"],
  ['say "hi"', 'say "hi"'],
  ["two\nlines", "two\nlines"],
  ["two\r\nlines, and more", "two\r\nlines, and more"],
  ["a=1", "a=1"],
])(
  "%j in a name and a campaign, and where it can be in an address, is one field, and no formula",
  async (text, shown) => {
    const site = await api.createSite(PLAIN_RULES);
    const isWord = !/\s|^@/.test(text);
    const email = isWord ? `${text}@acme.example` : "a@acme.example";
    await site.import([
      { ...page("a"), context: { campaign: { name: text, source: "x" } } },
      { type: "identify", anonymousId: "a", traits: { email, name: text } },
    ]);
    const [row, ...more] = table((await csv(site)).text);
    expect(more).toEqual([]);
    const address = isWord ? `${shown}@acme.example` : email;
    expect(row).toMatchObject({ campaign: shown, name: shown, email: address, visits: "1" });
  },
);

describe("many leads", () => {
  const LEADS = 230;
  let site: Site;
  beforeAll(async () => {
    site = await api.createSite(PLAIN_RULES);
    const all = Array.from({ length: LEADS }, (_, i) => page(`v${i}`));
    await site.import(all);
    await site.post([track("v7", "Form Submitted", { form: "demo" })]);
  });

  test("all of them, each once, in order; and those that a filter leaves", async () => {
    const rows = table((await csv(site)).text);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(LEADS);
    expect(rows).toHaveLength(LEADS);
    expect(rows[0]).toMatchObject({ score: "71", temperature: "hot" });
    expect(table((await csv(site, "&temperature=hot")).text)).toEqual([rows[0]]);
    expect(table((await csv(site, "&sort=score")).text).at(-1)).toEqual(rows[0]);
  });

  test("are read as they are taken: whoever stops reading costs no more", async () => {
    const faulty = new FaultyDatabase<D1Database>(DB);
    const other = startApi({ db: faulty.db });
    const response = await other.call(`/v1/leads.csv?site=${site.id}`, { key: other.adminKey });
    const reader = response.body?.getReader();
    const first = new TextDecoder().decode((await reader?.read())?.value);
    expect(records(first).length).toBeLessThan(LEADS / 2);
    const { trips } = faulty.meter;
    await reader?.cancel();
    expect(faulty.meter.trips).toBe(trips);
    await csv({ ...site, api: other } as Site);
    expect(faulty.meter.trips).toBeGreaterThan(2 * trips);
  });

  test("a failure in the middle breaks it off; at the beginning it is told", async () => {
    const faulty = new FaultyDatabase<D1Database>(DB);
    const other = startApi({ db: faulty.db });
    const get = () => other.call(`/v1/leads.csv?site=${site.id}`, { key: other.adminKey });
    const response = await get();
    faulty.fail({ trip: 2, message: "Network connection lost.", when: "before" });
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
    faulty.fail({ trip: 1, message: "Network connection lost.", when: "before" });
    expect((await get()).status).toBe(503);
    expect(records(await (await get()).text())).toHaveLength(LEADS + 1);
  });
});

describe("is refused before the first byte", () => {
  test.each([
    "limit=10",
    "cursor=eyJ9",
    "sort=name",
    "temperature=boiling",
    "dimension=nowhere",
    "minScore=many",
    "colour=red",
  ])("?%s: 400", async (query) => {
    const site = await api.createSite(PLAIN_RULES);
    const { response } = await csv(site, `&${query}`);
    expect(response.status).toBe(400);
    expect(response.headers.get("Content-Type")).toBe("application/problem+json");
    expect(response.headers.get("Content-Disposition")).toBeNull();
  });

  test("without a key, and with one that may not read", async () => {
    const site = await api.createSite(PLAIN_RULES);
    const { body } = await api.rest<{ key: string }>("/v1/keys", { body: { name: unique(), scopes: ["write"] } });
    const path = `/v1/leads.csv?site=${site.id}`;
    expect((await api.call(path)).status).toBe(401);
    expect((await api.call(path, { key: body.key })).status).toBe(403);
  });
});
