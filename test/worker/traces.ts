/** What the tests of erasure share: somebody whose every text holds a marker, and where a text stands in the database. */
import { expect } from "vitest";
import { type Message, PLAIN_RULES, type Problem, page, type Site, track, unique } from "../support/api";
import { type AppOptions, DB, startApi, startIsolate } from "./app";

export const RULES = {
  ...PLAIN_RULES,
  dimensions: { engagement: { decay: { halfLife: "30d" } } },
  counters: { pages: { on: "page", within: "7d" }, sum: { on: "Seen", sum: "properties.seconds" } },
  rules: [
    ...PLAIN_RULES.rules,
    {
      id: "file",
      on: "File Downloaded",
      points: 3,
      limit: { times: 1, by: "properties.file" },
      decay: { expires: "9d" },
    },
    { id: "quiet", while: { "since.file downloaded": { gte: "30d" } }, points: -1 },
    { id: "titled", while: { "traits.title": { exists: true } }, points: 5 },
  ],
};

export const at = (id: string, more = "") => `/v1/leads/${encodeURIComponent(id)}${more}`;
export const erase = (site: Site, id: string, query = "") =>
  site.rest<Problem | null>(at(id, query), { method: "DELETE" });
export const identify = (anonymousId: string, email: string, more: Message = {}): Message => ({
  type: "identify",
  messageId: unique("m"),
  anonymousId,
  traits: { email },
  ...more,
});

export const marker = () => unique("zebra").replaceAll("-", "");

export type Row = Record<string, unknown>;

/** Every row of every table. */
export async function everything(): Promise<{ table: string; row: Row }[]> {
  const { results } = await DB.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all<{ name: string }>();
  const tables = results.map(({ name }) => name).filter((name) => !/^(_cf_|sqlite_|d1_)/.test(name));
  expect(tables.length).toBeGreaterThan(8);
  const rows = await Promise.all(
    tables.map(async (table) => (await DB.prepare(`SELECT * FROM ${table}`).all<Row>()).results),
  );
  return tables.flatMap((table, i) => (rows[i] ?? []).map((row) => ({ table, row })));
}

/** Where a text stands in the database, as `table.column`. */
export async function placesOf(text: string): Promise<string[]> {
  const wanted = text.toLowerCase();
  return (await everything()).flatMap(({ table, row }) =>
    Object.entries(row)
      .filter(([, value]) => String(value).toLowerCase().includes(wanted))
      .map(([column]) => `${table}.${column}`),
  );
}

/** Somebody whose every text holds a marker: two visitors, merged, with a full log, crossings, and a PATCH. */
export async function somebody(site: Site, marker: string): Promise<Message[]> {
  const [one, other] = [`${marker}-v1`, `${marker}-v2`];
  const id = (n: number) => ({ messageId: `${marker}-m${n}` });
  const sent = [
    ...Array.from({ length: 40 }, (_, i) => page(one, `/${marker}/${i}`, id(i))),
    track(one, "Form Submitted", { form: "demo", note: marker }, id(100)),
    track(one, "File Downloaded", { file: `${marker}.pdf` }, id(101)),
    page(other, `/${marker}`, { ...id(102), context: { page: { title: marker }, campaign: { name: marker } } }),
    track(other, "Seen", { seconds: 7 }, id(103)),
    identify(one, `${marker}@mail.example`, { ...id(104), traits: { email: `${marker}@mail.example`, title: marker } }),
    identify(other, `${marker.toUpperCase()}@mail.example`, id(105)),
  ];
  for (const message of [sent.slice(0, 42), ...sent.slice(42).map((one) => [one])]) {
    expect((await site.post(message)).body.rejected).toEqual([]);
  }
  await site.import([identify(one, `${marker}@mail.example`, { ...id(106), userId: `${marker}-u` })]);
  await site.rest(at(`user:${marker}-u`), { method: "PATCH", body: { traits: { note: marker }, status: "customer" } });
  return sent;
}

/** Two isolates: `site` is called in one, and of the other (`api`, `deps`) the n-th batch from now waits for some work. */
export async function held(env: AppOptions["env"] = {}) {
  let left = -1;
  let work = async () => {};
  const db = new Proxy(DB, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (name !== "batch") return typeof value === "function" ? value.bind(target) : value;
      return async (statements: D1PreparedStatement[]) => {
        if (left-- === 0) await work();
        return await target.batch(statements);
      };
    },
  });
  const site = await startApi({ env }).createSite(PLAIN_RULES);
  const hook = (n: number, what: () => Promise<void>) => {
    left = n;
    work = what;
  };
  return { ...startIsolate({ db, env }), site, hook };
}
