/** The list of leads (contract §7): order, filters, pages, and what is refused. */
import { beforeAll, describe, expect, test } from "vitest";
import { type Lead, type List, PLAIN_RULES, page, Site, track, unique } from "../support/api";
import { FaultyDatabase } from "../support/faults";
import { DAY, DB, expectTheLaw, MINUTE, startApi } from "./app";

const NOW = Date.parse("2026-11-22T12:00:00Z");
let now = NOW;
const iso = (ms: number) => new Date(ms).toISOString();
const api = startApi({ clock: () => now });

/** Half-life of 30 days but for pages, two ladders, one reason to be left out. */
const RULES = {
  dimensions: { engagement: { decay: { halfLife: "30d" } } },
  rules: [
    { id: "demo", on: "Form Submitted", points: 70, limit: { times: 1 } },
    { id: "page", on: "page", points: 1, decay: null },
    { id: "rival", while: { "email.domain": "rival.example" }, disqualify: "competitor" },
  ],
  levels: { ...PLAIN_RULES.levels, stage: [{ name: "lead" }, { name: "mql", when: { score: { gte: 35 } } }] },
};

describe("the list", () => {
  let crowd: Site;
  const score = (i: number) => (i * 7) % 60;
  beforeAll(async () => {
    crowd = await api.createSite(RULES);
    for (let i = 0; i < 60; i++) {
      const pages = Array.from({ length: score(i) }, () => page(`v${i}`, "/", { timestamp: iso(NOW - i * MINUTE) }));
      await crowd.post([...pages, track(`v${i}`, "E", {}, { timestamp: iso(NOW - i * MINUTE) })]);
    }
    await crowd.post([{ type: "identify", anonymousId: "v1", userId: "ann", traits: { email: "ann@acme.example" } }]);
    await crowd.post([{ type: "identify", anonymousId: "v2", traits: { email: "bob@rival.example" } }]);
  });
  const list = async (query: string) => (await crowd.rest<List<Lead>>(`/v1/leads?${query}`)).body;
  const names = (leads: Lead[]) => leads.map(({ visitors }) => visitors[0]?.id);
  const scores = (leads: Lead[]) => leads.map((lead) => lead.exact.score);

  test.each([
    ["sort=-score", (a: Lead, b: Lead) => b.exact.score - a.exact.score],
    ["", (a: Lead, b: Lead) => b.exact.score - a.exact.score],
    [
      "sort=-scores.engagement",
      (a: Lead, b: Lead) => (b.exact.scores.engagement ?? 0) - (a.exact.scores.engagement ?? 0),
    ],
    ["sort=score", (a: Lead, b: Lead) => a.exact.score - b.exact.score],
    ["sort=-lastSeen", (a: Lead, b: Lead) => Date.parse(b.lastSeen) - Date.parse(a.lastSeen)],
    ["sort=id", (a: Lead, b: Lead) => (a.id < b.id ? -1 : 1)],
  ])("%s", async (query, order) => {
    const { data } = await list(`${query}&limit=200`);
    expect(data).toHaveLength(59);
    expect(data.map(({ id }) => id)).toEqual([...data].sort(order).map(({ id }) => id));
  });

  test.each<[string, (lead: Lead) => boolean]>([
    ["temperature=cold", ({ temperature }) => temperature === "cold"],
    ["temperature=warm", ({ temperature }) => temperature === "warm"],
    ["temperature=hot", ({ temperature }) => temperature === "hot"],
    ["stage=lead", ({ levels }) => levels.stage === "lead"],
    ["stage=mql", ({ levels }) => levels.stage === "mql"],
    ["known=true", ({ known }) => known],
    ["known=false", ({ known }) => !known],
    ["minScore=30", ({ exact }) => exact.score >= 30],
    ["maxScore=30", ({ exact }) => exact.score <= 30],
    ["dimension=engagement&minScore=30", ({ exact }) => (exact.scores.engagement ?? 0) >= 30],
    ["q=ann@acme", ({ email }) => email === "ann@acme.example"],
    ["account=acme.example", ({ account }) => account === "acme.example"],
    ["status=open", ({ status }) => status === "open"],
    [`activeSince=${iso(NOW - 10 * MINUTE)}`, ({ lastSeen }) => Date.parse(lastSeen) >= NOW - 10 * MINUTE],
    ["minScore=10&maxScore=12&temperature=cold", ({ exact }) => exact.score >= 10 && exact.score <= 12],
  ])("%s", async (query, wanted) => {
    const { data } = await list("limit=200");
    const expected = data.filter(wanted);
    expect(names((await list(`limit=200&${query}`)).data)).toEqual(names(expected));
    if (query !== "temperature=hot") expect(expected.length).toBeGreaterThan(0);
  });

  test("all filters at once, on a later page", async () => {
    const levels = `temperature=cold&stage=lead&status=open&activeSince=${iso(NOW - DAY)}`;
    const ranges = "dimension=engagement&minScore=0&maxScore=90";
    const person = "known=true&account=acme.example&q=ANN";
    expect(names((await list(`${levels}&${ranges}&${person}`)).data)).toEqual(["v1"]);
    expect((await list(`${levels}&${ranges}&known=true&account=acme.example&q=Özlem`)).data).toEqual([]);
    const all = (await list(`${levels}&${ranges}&limit=200`)).data;
    const first = await list(`${levels}&${ranges}&limit=1`);
    const rest = await list(`${levels}&${ranges}&limit=200&cursor=${first.nextCursor}`);
    expect(names([...first.data, ...rest.data])).toEqual(names(all));
    expect(all.length).toBeGreaterThan(1);
  });

  test("a cursor is for the list it came with, in pages of any length", async () => {
    const { nextCursor } = await list("limit=1&temperature=cold");
    const status = async (query: string) => (await crowd.rest(`/v1/leads?${query}&cursor=${nextCursor}`)).status;
    expect(await status("limit=7&temperature=cold")).toBe(200);
    for (const query of ["temperature=cold&sort=id", "temperature=cold&sort=score", "", "temperature=cold&known=true"])
      expect(await status(query), query).toBe(400);
    const other = await api.createSite(RULES);
    expect((await other.rest(`/v1/leads?temperature=cold&cursor=${nextCursor}`)).status).toBe(400);
  });

  test("leaves out the disqualified unless asked for", async () => {
    expect(names((await list("limit=200")).data)).not.toContain("v2");
    expect(names((await list("limit=200&disqualified=false")).data)).not.toContain("v2");
    expect(names((await list("limit=200&disqualified=true")).data)).toContain("v2");
    expect(await crowd.lead("visitor:v2")).toMatchObject({
      disqualified: "competitor",
      score: score(2),
      levels: { temperature: "cold", stage: "lead" },
    });
  });

  test.each(["-score", "score", "-lastSeen"])("a walk by cursor sorted by %s, while others write", async (sort) => {
    const seen: Lead[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const { data, nextCursor } = await list(`limit=7&sort=${sort}${cursor && `&cursor=${cursor}`}`);
      expect(data.length).toBeLessThanOrEqual(7);
      seen.push(...data);
      cursor = nextCursor;
      await crowd.post([page(unique("newcomer")), page(unique("newcomer"))]);
    }
    const walked = names(seen).filter((name) => !name?.startsWith("newcomer"));
    expect(new Set(walked).size, "none twice").toBe(walked.length);
    expect(walked, "none left out").toHaveLength(59);
    const inOrder = sort === "-lastSeen" ? seen.map(({ lastSeen }) => Date.parse(lastSeen)) : scores(seen);
    const sorted = [...inOrder].sort((a, b) => (sort === "score" ? a - b : b - a));
    expect(inOrder).toEqual(sorted);
  });

  test("who was there last comes first, to the millisecond, though entries of the index lag behind; a page reads no more for it", async () => {
    const faulty = new FaultyDatabase(DB);
    const { info } = await api.createSite(RULES);
    const site = new Site(startApi({ clock: () => now, db: faulty.db }), info);
    // Visits of up to four minutes, most of them inside one another; and people who were there long before.
    const seconds = Array.from({ length: 40 }, (_, i) => [(i * 37) % 200, ((i * 37) % 200) + ((i * 61) % 240)]);
    const visits = seconds.map((ends, i) =>
      ends.map((s) => page(`l${i}`, "/", { timestamp: iso(NOW - DAY + s * 1_000) })),
    );
    await site.import(visits.flatMap(([first]) => first ?? []));
    await site.import(visits.flatMap(([, second]) => second ?? []));
    const before = Array.from({ length: 300 }, (_, i) =>
      page(`b${i}`, "/", { timestamp: iso(NOW - 2 * DAY - i * MINUTE) }),
    );
    await site.import(before);
    const last = seconds.map(([, s = 0], i) => ({ name: `l${i}`, s })).sort((a, b) => b.s - a.s);
    const walked: Lead[] = [];
    const read: number[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const path: string = `/v1/leads?limit=20&sort=-lastSeen${cursor && `&cursor=${cursor}`}`;
      const { rowsRead } = await faulty.measure(async () => {
        const { data, nextCursor } = (await site.rest<List<Lead>>(path)).body;
        walked.push(...data);
        cursor = nextCursor;
      });
      read.push(rowsRead);
    }
    expect(walked).toHaveLength(340);
    const times = walked.map(({ lastSeen }) => Date.parse(lastSeen));
    expect(times).toEqual([...times].sort((a, b) => b - a));
    expect(times.slice(0, 40)).toEqual(last.map(({ s }) => NOW - DAY + s * 1_000));
    for (const rows of read.slice(3)) expect(rows).toBeLessThanOrEqual(3 * 20);
  });

  test("an account is a company's, whatever the address", async () => {
    const site = await api.createSite(RULES);
    const addresses = ["a@gmail.com", "b@sub.acme.example", "c@ACME.example", "d@notacme.example"];
    await site.import(
      addresses.map((email, i) => ({
        type: "identify",
        messageId: unique("m"),
        anonymousId: `v${i}`,
        traits: { email },
      })),
    );
    const of = async (account: string) => {
      const { data } = (await site.rest<List<Lead>>(`/v1/leads?account=${account}`)).body;
      return data.map((lead) => [lead.email, lead.account]);
    };
    expect(await of("acme.example")).toEqual([["c@ACME.example", "acme.example"]]);
    expect(await of("Acme.Example")).toEqual([["c@ACME.example", "acme.example"]]);
    expect(await of("sub.acme.example")).toEqual([["b@sub.acme.example", "sub.acme.example"]]);
    expect(await of("gmail.com"), "which is nobody's").toEqual([]);
  });

  test("an account, and who a search is for, are found among many leads without going through them, however it is sorted", async () => {
    const faulty = new FaultyDatabase<D1Database>(DB);
    faulty.countsRaw = true;
    const { info } = await api.createSite(RULES);
    const site = new Site(startApi({ clock: () => now, db: faulty.db }), info);
    // Of 1,500 leads every third is known, of one of 25 accounts.
    const messages = Array.from({ length: 1_500 }, (_, i) => ({
      ...(i % 3
        ? page(`v${i}`)
        : { type: "identify", anonymousId: `v${i}`, traits: { email: `p${i}@c${i % 25}.example` } }),
      messageId: unique("m"),
    }));
    for (let at = 0; at < messages.length; at += 500) await site.import(messages.slice(at, at + 500));
    const known = 500;
    const sorts = ["", "sort=score", "sort=-lastSeen", "sort=-scores.engagement", "sort=id", "temperature=cold"];
    for (const [by, most] of [
      ["account=c7.example", 3 * 20 + 10],
      // A search looks at the names of all who have one, each an entry of an index.
      ["q=@c7.example", known + 3 * 20 + 10],
      ["account=c7.example&q=@c7", 3 * 20 + 10],
    ] as const) {
      for (const query of sorts.map((sort) => `${by}&limit=50&${sort}`)) {
        let found: List<Lead> = { data: [], nextCursor: null };
        const { rowsRead } = await faulty.measure(async () => {
          found = (await site.rest<List<Lead>>(`/v1/leads?${query}`)).body;
        });
        expect(found.data.map(({ account }) => account)).toEqual(Array(20).fill("c7.example"));
        expect(rowsRead, query).toBeLessThanOrEqual(most);
      }
    }
  });

  test.each([
    ["öz", ["Özlem Öz", "ÖZLEM"]],
    ["ÖZLEM", ["Özlem Öz", "ÖZLEM"]],
    ["özlem ö", ["Özlem Öz"]],
    ["ozlem", []],
    ["100%", ["100% Wool"]],
    ["o'b", ["O'Brian"]],
    ["user-7", ["by userId"]],
    ["ER-7", ["by userId"]],
    ["ada lov", ["by both names"]],
    ["ada", ["by both names"]],
    ["engines", ["by company"]],
    ["an object's ltd", ["by a company that is an object"]],
    ["ada@", []],
    ["secret", []],
  ])("q=%s, no case, in letters of any kind", async (q, found) => {
    const site = await api.createSite(RULES);
    const all: [traits: object, userId?: string][] = [
      ...["Özlem Öz", "ÖZLEM", "100% Wool", "O'Brian"].map((name): [object] => [{ name }]),
      [{ name: "by userId" }, "User-7"],
      [{ name: "by both names", firstName: "Ada", lastName: "Lovelace" }],
      [{ name: "by company", company: "Engines" }],
      [{ name: "by a company that is an object", company: { name: "An Object's Ltd" } }],
      [{ name: "by nothing else", title: "secret" }],
    ];
    await site.import(
      all.map(([traits, userId], i) => ({
        type: "identify",
        messageId: unique("m"),
        anonymousId: `v${i}`,
        userId,
        traits,
      })),
    );
    const { data } = (await site.rest<List<Lead>>(`/v1/leads?q=${encodeURIComponent(q)}`)).body;
    expect(data.map(({ traits }) => traits.name).toSorted()).toEqual(found.toSorted());
  });

  test("level filters are exact when time alone has changed the level", async () => {
    const cooling = await api.createSite(RULES);
    await cooling.post([track("a", "Form Submitted")]);
    const hot = async () => (await cooling.rest<List<Lead>>("/v1/leads?temperature=hot")).body.data.length;
    const warm = async () => (await cooling.rest<List<Lead>>("/v1/leads?temperature=warm")).body.data.length;
    expect([await hot(), await warm()]).toEqual([1, 0]);
    now = NOW + 5 * DAY;
    expect([await hot(), await warm()]).toEqual([0, 1]);
    now = NOW;
  });

  test("and when a new version of the rules has", async () => {
    const changing = await api.createSite(RULES);
    await changing.post([track("a", "Form Submitted")]);
    await changing.post([{ type: "identify", anonymousId: "b", traits: { email: "b@acme.example" } }]);
    const rules = structuredClone(RULES);
    rules.rules[0] = { id: "demo", on: "Form Submitted", points: 40, limit: { times: 1 } };
    rules.rules[2] = { id: "rival", while: { "email.domain": "acme.example" }, disqualify: "competitor" };
    expect((await changing.publish(rules)).status).toBe(200);
    const listed = async (query: string) => names((await changing.rest<List<Lead>>(`/v1/leads?${query}`)).body.data);
    expect(await listed("temperature=hot")).toEqual([]);
    expect(await listed("temperature=warm")).toEqual(["a"]);
    expect(await listed("")).toEqual(["a"]);
    await expectTheLaw(changing.id);
  });

  test.each([
    "limit=201",
    "limit=0",
    "limit=-1",
    "limit=1.5",
    "limit=ten",
    "sort=name",
    "sort=-scores.nothing",
    "temperature=boiling",
    "stage=vip",
    "known=maybe",
    "disqualified=1",
    "minScore=many",
    "status=nonsense",
    "activeSince=yesterday",
    "dimension=nowhere",
    "cursor=nonsense",
    "cursor=eyJ9",
    "page=2",
  ])("?%s: 400", async (query) => {
    const answer = await crowd.rest(`/v1/leads?${query}`);
    expect(answer).toMatchObject({ status: 400, body: { status: 400, detail: expect.any(String) } });
    expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
  });

  test.each(["/v1/leads/visitor:v1", "/v1/leads/visitor:v1/explanation", "/v1/leads/visitor:v1/events"])(
    "%s with an unknown parameter: 400",
    async (path) => {
      expect((await crowd.rest(`${path}?nothing=1`)).status).toBe(400);
      expect((await crowd.rest(path)).status).toBe(200);
    },
  );

  test("the law", () => expectTheLaw(crowd.id));
});

describe("a walk through 500 leads", () => {
  const LEADS = 500;
  const messages = (pages: (i: number) => number) =>
    Array.from({ length: LEADS }, (_, i) => Array.from({ length: pages(i) }, () => page(`v${i}`))).flat();
  async function crowded(): Promise<Site> {
    const site = await api.createSite(RULES);
    const all = messages((i) => 1 + ((i * 7) % 4));
    for (let at = 0; at < all.length; at += 1000) await site.import(all.slice(at, at + 1000));
    return site;
  }
  /** All pages, with something written after each; ids of leads in the order they came. */
  async function walk(site: Site, query: string, between: (round: number) => Promise<unknown>): Promise<Lead[]> {
    const seen: Lead[] = [];
    let round = 0;
    for (let cursor: string | null = ""; cursor !== null; round++) {
      const path: string = `/v1/leads?${query}${cursor && `&cursor=${cursor}`}`;
      const { status, body } = await site.rest<List<Lead>>(path);
      expect(status).toBe(200);
      seen.push(...body.data);
      cursor = body.nextCursor;
      await between(round);
    }
    return seen;
  }
  const visitors = (leads: Lead[]) =>
    leads.map(({ visitors }) => visitors[0]?.id ?? "").filter((id) => !id.startsWith("newcomer"));

  test("sorted by score: while others come and those who were there do what changes no score", async () => {
    const site = await crowded();
    const seen = await walk(site, "limit=50", (round) =>
      site.import([
        ...Array.from({ length: 30 }, (_, i) => page(`newcomer-${round}-${i}`)),
        ...Array.from({ length: 60 }, (_, i) => track(`v${(round * 60 + i * 11) % LEADS}`, "Nothing")),
      ]),
    );
    expect(new Set(visitors(seen)).size, "none twice").toBe(visitors(seen).length);
    expect(visitors(seen), "none left out").toHaveLength(LEADS);
  });

  test("sorted by id: whatever is written, scores that rise and fall past the cursor included", async () => {
    const site = await crowded();
    const seen = await walk(site, "limit=50&sort=id", (round) =>
      site.import([
        ...Array.from({ length: 30 }, (_, i) => page(`newcomer-${round}-${i}`)),
        ...Array.from({ length: 60 }, (_, i) => page(`v${(round * 60 + i * 11) % LEADS}`)),
        ...Array.from({ length: 20 }, (_, i) => track(`v${(round * 20 + i * 13) % LEADS}`, "Form Submitted")),
      ]),
    );
    expect(new Set(visitors(seen)).size, "none twice").toBe(visitors(seen).length);
    expect(visitors(seen), "none left out").toHaveLength(LEADS);
    expect(seen.map(({ id }) => id)).toEqual(seen.map(({ id }) => id).toSorted());
  });

  test("sorted by score: who rises past the cursor is passed by, who falls behind it comes again", async () => {
    const site = await crowded();
    const order = visitors(await walk(site, "limit=200", async () => {}));
    const [top = "", bottom = ""] = [order[0], order.at(-1)];
    const loss = { type: "track", event: "Sunk", messageId: unique("m"), anonymousId: top };
    const sinking = { ...RULES, rules: [...RULES.rules, { id: "sunk", on: "Sunk", points: -100 }] };
    expect((await site.publish(sinking)).status).toBe(200);
    await site.import([track(bottom, "Nothing"), track(top, "Nothing")]);
    const seen = visitors(
      await walk(site, "limit=100", async (round) => {
        if (round === 0) await site.import([loss, track(bottom, "Form Submitted")]);
      }),
    );
    expect(seen.filter((id) => id === top)).toHaveLength(2);
    expect(seen).not.toContain(bottom);
  });
});
