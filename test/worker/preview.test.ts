/** `POST /v1/rules/check` and `/v1/rules/preview` (contract §7): what publishing would do, with nothing written. */
import fc from "fast-check";
import { beforeAll, describe, expect, test, vi } from "vitest";
import {
  type Explanation,
  type Lead,
  type List,
  type Message,
  type Problem,
  page,
  type Site,
  track,
} from "../support/api";
import { arbitraryCase } from "../support/arbitraries";
import { DAY, DB, startApi } from "./app";

const RUNS = Number(process.env.KELVIN_RUNS ?? 15);
const START = Date.parse("2026-03-02T10:00:00Z");
let now = START;
const api = startApi({ clock: () => now });
const iso = (ms: number) => new Date(ms).toISOString();

type Counts = Record<string, Record<string, number>>;
interface Preview {
  before: Counts;
  after: Counts;
  movers: {
    id: string;
    email: string | null;
    before: { score: number; levels: Record<string, string> };
    after: { score: number; levels: Record<string, string> };
    because: { id: string; before: number; after: number }[];
  }[];
  sampled: number;
}

const preview = async (site: Site, body: unknown) => await site.rest<Preview>("/v1/rules/preview", { body });

/** Every row of every table, once what publishing began is done. */
async function dump(): Promise<string> {
  const left = DB.prepare("SELECT count(*) n FROM rule_versions WHERE finished_at IS NULL");
  await vi.waitFor(async () => expect(await left.first("n")).toBe(0), 10_000);
  const { results } = await DB.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all<{ name: string }>();
  const rows = await Promise.all(
    results
      .filter(({ name }) => !/^(_cf|sqlite_)/.test(name))
      .map(async ({ name }) => [name, (await DB.prepare(`SELECT * FROM "${name}"`).all()).results]),
  );
  return JSON.stringify(rows);
}

async function allLeads(site: Site): Promise<Lead[]> {
  const leads: Lead[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const path: string = `/v1/leads?limit=200&disqualified=true${cursor && `&cursor=${cursor}`}`;
    const { body } = await site.rest<List<Lead>>(path);
    leads.push(...body.data);
    cursor = body.nextCursor;
  }
  return leads;
}

function counted(leads: Lead[], of: Counts): Counts {
  const counts: Counts = Object.fromEntries(
    Object.entries(of).map(([ladder, levels]) => [
      ladder,
      Object.fromEntries(Object.keys(levels).map((name) => [name, 0])),
    ]),
  );
  for (const { levels } of leads) {
    for (const [ladder, level] of Object.entries(levels)) {
      counts[ladder] = { ...counts[ladder], [level]: (counts[ladder]?.[level] ?? 0) + 1 };
    }
  }
  return counts;
}

async function pointsOf(site: Site, id: string): Promise<Map<string, number>> {
  const { body } = await site.rest<Explanation>(`/v1/leads/${id}/explanation`);
  return new Map(body.data.map(({ id, points }) => [id, points]));
}

test("random rules: counts, scores and movers are those that publishing then gives, and nothing is written", async () => {
  const drafts = arbitraryCase({ rules: { maxRules: 6 }, history: { maxEvents: 0 } });
  const cases = arbitraryCase({ history: { maxEvents: 25, features: { machine: false, sales: false, alias: false } } });
  await fc.assert(
    fc.asyncProperty(cases, drafts, fc.nat(40), async (one, draft, days) => {
      now = 0;
      const site = await api.createSite(one.rules);
      for (const {
        visitor,
        timestamp,
        country: _,
        verified: __,
        machine: ___,
        userId: ____,
        previousId: _____,
        ...event
      } of one.events) {
        now = Math.max(now, timestamp);
        await site.import([
          { ...event, traits: { ...event.traits, email: null }, anonymousId: visitor, timestamp: iso(timestamp) },
        ]);
      }
      // Some levels have changed by time since, and nobody has looked.
      now += days * DAY;
      const was = new Map((await allLeads(site)).map((lead) => [lead.id, lead]));
      const points = new Map<string, Map<string, number>>();
      for (const id of was.keys()) points.set(id, await pointsOf(site, id));
      const before = await dump();
      const { status, body } = await preview(site, draft.rules);
      expect(status).toBe(200);
      expect((await dump()) === before, "nothing is written").toBe(true);
      expect(body.sampled).toBe(was.size);
      expect(body.before).toEqual(counted([...was.values()], body.before));
      expect(Object.keys(body.before)).toEqual(Object.keys(one.rules.levels));
      await site.publish(draft.rules);
      const is = await allLeads(site);
      expect(body.after).toEqual(counted(is, body.after));
      expect(Object.keys(body.after)).toEqual(Object.keys(draft.rules.levels));
      const moved = is.filter((lead) => Math.abs(lead.exact.score - (was.get(lead.id)?.exact.score ?? 0)) > 1e-9);
      expect(body.movers.filter(({ before, after }) => Math.abs(after.score - before.score) > 1e-9)).toHaveLength(
        moved.length,
      );
      for (const mover of body.movers) {
        const [then, lead] = [was.get(mover.id), is.find(({ id }) => id === mover.id)];
        expect(mover.before.score).toBeCloseTo(then?.exact.score ?? Number.NaN, 6);
        expect(mover.after.score).toBeCloseTo(lead?.exact.score ?? Number.NaN, 6);
        expect([mover.before.levels, mover.after.levels]).toEqual([then?.levels, lead?.levels]);
        expect(mover.because.length).toBeGreaterThan(0);
        const later = await pointsOf(site, mover.id);
        for (const reason of mover.because.filter((each) => !("clamp" in each))) {
          expect(reason.before).toBeCloseTo(points.get(mover.id)?.get(reason.id) ?? 0, 6);
          expect(reason.after).toBeCloseTo(later.get(reason.id) ?? 0, 6);
          expect(reason.before).not.toBe(reason.after);
        }
      }
    }),
    { numRuns: RUNS, verbose: 1, endOnFailure: true },
  );
});

const LEVELS = {
  temperature: [
    { name: "cold" },
    { name: "warm", when: { score: { gte: 35 } } },
    { name: "hot", when: { score: { gte: 65 } } },
  ],
};
const RULES = {
  dimensions: { engagement: { max: 100 } },
  rules: [
    { id: "page", on: "page", points: 10 },
    { id: "job", on: "page", where: { path: "/careers*" }, points: -15 },
  ],
  levels: LEVELS,
};

describe("movers", () => {
  let site: Site;
  beforeAll(async () => {
    now = START;
    site = await api.createSite(RULES);
    // v0 has one page, v11 twelve; v11's are over the clamp.
    await site.import(Array.from({ length: 12 }, (_, i) => Array.from({ length: i + 1 }, () => page(`v${i}`))).flat());
    await site.import([
      page("seeker", "/careers"),
      { type: "identify", anonymousId: "seeker", traits: { email: "s@one.example" } },
    ]);
  });

  test("are the biggest, furthest first, at most ten, with the rules that moved them", async () => {
    const { body } = await preview(site, { ...RULES, rules: [{ id: "page", on: "page", points: 1 }] });
    expect(body.sampled).toBe(13);
    expect(body.before).toEqual({ temperature: { cold: 4, warm: 3, hot: 6 } });
    expect(body.after).toEqual({ temperature: { cold: 13, warm: 0, hot: 0 } });
    const by = body.movers.map(({ before, after }) => Math.abs(after.score - before.score));
    expect(by).toEqual([90, 89, 88, 81, 72, 63, 54, 45, 36, 27]);
    expect(body.movers.find(({ before }) => before.score === 80)?.because).toEqual([
      { id: "page", before: 80, after: 8 },
    ]);
  });

  test("name rules that are gone, and those that are new", async () => {
    const draft = { ...RULES, rules: [{ id: "view", on: "page", points: 10 }] };
    const { body } = await preview(site, draft);
    // The sum moved for one only.
    expect(body.movers).toMatchObject([{ email: "s@one.example", before: { score: -5 }, after: { score: 10 } }]);
    expect(body.movers[0]?.because).toEqual(
      expect.arrayContaining([
        { id: "job", before: -15, after: 0 },
        { id: "page", before: 10, after: 0 },
        { id: "view", before: 0, after: 10 },
      ]),
    );
  });

  test("have a reason also where only the end of a dimension moved them", async () => {
    const { body } = await preview(site, { ...RULES, dimensions: { engagement: { max: 20 } } });
    expect(body.movers.length).toBe(10);
    for (const { because } of body.movers) expect(because).toMatchObject([{ id: "engagement" }]);
  });

  test("of a draft that changes nothing: nobody", async () => {
    expect((await preview(site, RULES)).body).toMatchObject({ movers: [], sampled: 13 });
  });

  test("of a site without leads: counts of nothing", async () => {
    const empty = await api.createSite(RULES);
    const none = { temperature: { cold: 0, warm: 0, hot: 0 } };
    expect((await preview(empty, RULES)).body).toEqual({ before: none, after: none, movers: [], sampled: 0 });
  });
});

test("of more leads than it scores, it says how many were", async () => {
  now = START;
  const site = await api.createSite(RULES);
  for (let i = 0; i < 6; i++) await site.import(Array.from({ length: 100 }, (_, n) => page(`v${i}-${n}`)));
  const { body } = await preview(site, { ...RULES, rules: [{ id: "page", on: "page", points: 40 }] });
  expect(body.sampled).toBeGreaterThanOrEqual(100);
  expect(body.after.temperature).toEqual({ cold: 0, warm: body.sampled, hot: 0 });
  expect(body.before.temperature).toEqual({ cold: body.sampled, warm: 0, hot: 0 });
});

const bad = (rule: object) => ({ ...RULES, rules: [{ id: "a", on: "page", points: 1, ...rule }] });
const leveled = (levels: unknown) => ({ ...RULES, levels });
const MALFORMED: [string, unknown, string][] = [
  ["no object", 5, "#"],
  ["nothing in it", {}, "#/levels"],
  ["no temperature", leveled({ stage: [{ name: "a" }] }), "#/levels"],
  ["an empty ladder", leveled({ temperature: [] }), "#/levels/temperature"],
  ["an unknown field of a rule", bad({ pts: 1 }), "#/rules/0/pts"],
  ["points as text", bad({ points: "1" }), "#/rules/0/points"],
  ["a zero duration", bad({ decay: { halfLife: "0d" } }), "#/rules/0/decay/halfLife"],
  ["a test of nothing", bad({ where: { path: null } }), "#/rules/0/where/path"],
  ["reversed ends", bad({ where: { "properties.n": { between: [2, 1] } } }), "#/rules/0/where/properties.n/between"],
  ["an unknown group", bad({ group: "x" }), "#/rules/0/group"],
  ["both triggers", bad({ while: { visits: 1 } }), "#/rules/0"],
  ["a score in while", { ...RULES, rules: [{ id: "a", while: { score: 1 }, points: 1 }] }, "#/rules/0/while/score"],
  ["a name with a slash", { ...RULES, dimensions: { "a/b": { max: "x" } } }, "#/dimensions/a~1b/max"],
];

describe("malformed documents are 422 with their place for PUT, check and preview alike", () => {
  let site: Site;
  beforeAll(async () => {
    now = START;
    site = await api.createSite(RULES);
  });

  test.each(MALFORMED)("%s", async (_, document, pointer) => {
    const before = await dump();
    const calls: [string, string][] = [
      ["PUT", "/v1/rules"],
      ["POST", "/v1/rules/check"],
      ["POST", "/v1/rules/preview"],
    ];
    const errors: unknown[] = [];
    for (const [method, path] of calls) {
      const { status, body, headers } = await site.rest<Problem>(path, { method, body: JSON.stringify(document) });
      expect(status, path).toBe(422);
      expect(headers.get("Content-Type")).toBe("application/problem+json");
      expect(
        body.errors?.map((each) => each.pointer).some((each) => each === pointer || each.startsWith(`${pointer}/`)),
        JSON.stringify(body.errors),
      ).toBe(true);
      for (const { detail } of body.errors ?? []) expect(detail.length).toBeGreaterThan(5);
      errors.push(body.errors);
    }
    expect(errors[1]).toEqual(errors[0]);
    expect(errors[2]).toEqual(errors[0]);
    expect((await dump()) === before, "nothing is written").toBe(true);
    // Unreadable is another thing.
    for (const [method, path] of calls) expect((await site.rest(path, { method, body: "{" })).status).toBe(400);
  });
});

test("check finds what is questionable, names the rules, and writes nothing", async () => {
  now = START;
  const site = await api.createSite(RULES);
  await site.post([page("v", "/pricing"), track("v", "Form Submitted")]);
  const before = await dump();
  const document = {
    ...RULES,
    rules: [
      { id: "all", on: "page", points: 5 },
      { id: "some", on: "page", where: { path: "/pricing*" }, points: 5 },
      { id: "never", on: "page", where: { path: "/nowhere-at-all*" }, points: 5 },
    ],
  };
  const { status, body } = await site.rest<{ valid: boolean; findings: Message[] }>("/v1/rules/check", {
    body: document,
  });
  expect(status).toBe(200);
  expect(body.valid).toBe(true);
  const said = body.findings.map((finding) => JSON.stringify(finding));
  expect(said.some((each) => each.includes('"all"') && each.includes('"some"'))).toBe(true);
  expect(said.some((each) => each.includes('"never"'))).toBe(true);
  expect((await dump()) === before, "nothing is written").toBe(true);
});
