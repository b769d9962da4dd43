/**
 * What marketers' calls and the minute's run cost as leads grow in number. A few hundred leads come of visits like
 * people's; the others are copies of them, made by SQL, with ids, scores and times of their own.
 */
import type { Database } from "../../demo/runtime.ts";
import type { Call, LeadFigures } from "../figures.ts";
import { type Host, startEntry } from "../host.ts";
import { median } from "../load.ts";
import { Sessions } from "../sessions.ts";
import { difference } from "./cost.ts";
import { type BenchSite, countsOf, makeSite, runScheduled, send } from "./site.ts";

export interface LeadOptions {
  sizes: number[];
  /** Visits that the copied leads come of. */
  visits: number;
  /** Times that each call is made. */
  calls: number;
  /** Leads that become due at once. */
  due: number;
  /** Leads that are folded anew. */
  refolded: number;
}

const DAY_MS = 86_400_000;
/** Between the last visits of two copies, ms: a million in a year. */
const APART_MS = 31_536;
/** Rows of one statement. */
const COPIES = 5_000;
const PAGE = 50;

export async function measureLeads(options: LeadOptions) {
  const host = await startEntry("bench/entry.ts");
  try {
    const database = await host.database();
    const site = await makeSite(host);
    await populate(site, options.visits);
    // What time has changed since those visits is told first: the copies are due at other times.
    await runScheduled(site.client);
    await makeTemplates(database, "templates", site.id);
    const leads: LeadFigures[] = [];
    let copies = 0;
    for (const size of options.sizes) {
      const present = await count(database, site.id);
      await copy(database, "templates", { first: copies, count: size - present, dueAt: null });
      copies += Math.max(0, size - present);
      leads.push(await measureSize(host, site, size, options));
    }
    const refold = await measureRefold(host, options);
    site.client.close();
    return { leads, refold };
  } finally {
    await host.stop();
  }
}

async function populate(site: BenchSite, visits: number): Promise<void> {
  let at = Date.now() - 20 * DAY_MS;
  const sessions = new Sessions(4, "lead", () => at);
  for (let visit = 0; visit < visits; visit++) {
    at += (19 * DAY_MS) / visits;
    for (const { messages } of sessions.visit()) await send(site.client, site.beacon(messages));
  }
}

/** Rows to copy: leads whose log is in the row itself, by number. */
async function makeTemplates(database: Database, name: string, siteId: string): Promise<void> {
  await database.exec(
    `CREATE TABLE ${name} AS SELECT row_number() OVER (ORDER BY id) - 1 AS k, l.*,
      (SELECT substr(value, 9) FROM json_each(l.keys) WHERE value LIKE 'visitor:%' LIMIT 1) AS visitor,
      nullif(substr(search_text, 1, instr(search_text, char(10)) - 1), '') AS firm
      FROM leads l WHERE site_id = '${siteId}' AND logged = 0`.replaceAll(/\s+/g, " "),
  );
}

async function copy(
  database: Database,
  from: string,
  { first, count, dueAt }: { first: number; count: number; dueAt: number | null },
): Promise<void> {
  const sizes = Array.from({ length: Math.max(0, Math.ceil(count / COPIES)) }, (_, i) =>
    Math.min(COPIES, count - i * COPIES),
  );
  // Those that are due are written next, and then stand where they were seen by their own state.
  const apart = dueAt === null ? APART_MS : 0;
  for (const [i, size] of sizes.entries()) {
    const numbers = `WITH RECURSIVE n (i) AS (SELECT cast(?1 AS INTEGER) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1 + ?2),
      c AS (SELECT n.i, '${from}-' || n.i AS own, 'acme' || (n.i / 1000) || '.example' AS company, printf('lead_%08x', n.i * 2654435761 & 4294967295) || '-${from}-' || n.i AS lead, t.* FROM n JOIN ${from} t ON t.k = n.i % (SELECT count(*) FROM ${from}))`;
    const begin = first + i * COPIES;
    await database.batch([
      database
        .prepare(
          `${numbers} INSERT INTO leads (id, site_id, version, rules_version, state, told, keys, tail, logged, due_at, refresh_at,
             score, scores, oldest_at, known, disqualified, outcome_at, last_seen, seen_at, search_text)
           SELECT lead, site_id, 1, rules_version, replace(replace(state, visitor, own), ifnull('@' || firm, '@@'), '@' || company), told, replace(keys, visitor, own),
             replace(tail, visitor, own), 0, CASE WHEN ?3 IS NULL THEN CASE WHEN due_at IS NULL THEN NULL ELSE ?4 + i END ELSE ?3 END,
             CASE WHEN refresh_at IS NULL THEN NULL ELSE ?4 + i END, score + (i % 1000) / 1000.0, scores, oldest_at, known,
             disqualified, outcome_at, last_seen - i * ${apart}, seen_at - i * ${apart}, replace(search_text, ifnull(firm, '@@'), company) FROM c`,
        )
        .bind(begin, size, dueAt, Date.now() + 5 * DAY_MS),
      database
        .prepare(
          `${numbers} INSERT INTO identities (site_id, key, lead_id) SELECT site_id, 'visitor:' || own, lead FROM c`,
        )
        .bind(begin, size),
    ]);
  }
}

async function count(database: Database, siteId: string): Promise<number> {
  const row = await database
    .prepare("SELECT count(*) AS n FROM leads WHERE site_id = ?")
    .bind(siteId)
    .first<{ n: number }>();
  return row?.n ?? 0;
}

async function measureSize(host: Host, site: BenchSite, size: number, options: LeadOptions): Promise<LeadFigures> {
  const first = await site.rest<{ nextCursor: string }>(`/v1/leads?limit=${PAGE}`);
  const calls: [name: string, path: string][] = [
    ["list, first page", `/v1/leads?limit=${PAGE}`],
    ["list, next page", `/v1/leads?limit=${PAGE}&cursor=${encodeURIComponent(first.nextCursor)}`],
    ["list, temperature=warm", `/v1/leads?limit=${PAGE}&temperature=warm`],
    ["list, known=true", `/v1/leads?limit=${PAGE}&known=true`],
    ["list, sort=-lastSeen", `/v1/leads?limit=${PAGE}&sort=-lastSeen`],
    ["list, account=", `/v1/leads?limit=${PAGE}&account=acme1.example`],
    ["search, q=", `/v1/leads?limit=${PAGE}&q=acme1.example`],
    ["lead", "/v1/leads/visitor:templates-7"],
  ];
  const measured: Call[] = [];
  for (const [name, path] of calls) measured.push(await measureCall(site, name, path, options.calls));
  return { leads: size, calls: measured, ...(await measureSweep(host, size, options.due)) };
}

async function measureCall(site: BenchSite, name: string, path: string, times: number): Promise<Call> {
  const taken: number[] = [];
  const before = (await countsOf(site.client)).meter;
  let rowsShown = 0;
  for (let i = 0; i < times; i++) {
    const from = performance.now();
    const { data } = await site.rest<{ data?: unknown[] }>(path);
    taken.push(performance.now() - from);
    rowsShown = data?.length ?? 1;
  }
  const { rowsRead, trips } = difference(before, (await countsOf(site.client)).meter);
  return { name, rowsShown, rowsRead: rowsRead / times, trips: trips / times, p50Ms: median(taken) };
}

/** A visit is worth something for a second: then its lead goes cold. */
const FADING = {
  rules: [{ id: "page", on: "page", points: 50, decay: { expires: "1s" } }],
  levels: { temperature: [{ name: "cold" }, { name: "warm", when: { score: { gte: 35 } } }] },
};
/** Runs until the daily work is through. */
const RUNS_MAX = 100;

async function measureSweep(host: Host, size: number, due: number) {
  const database = await host.database();
  const site = await makeSite(host, FADING);
  const sessions = new Sessions(5, `due-${size}`, Date.now);
  await send(site.client, site.beacon([sessions.page("due", "/")]));
  const name = `due_${size}`;
  await makeTemplates(database, name, site.id);
  const run = async () => {
    const before = (await countsOf(site.client)).meter;
    await runScheduled(site.client);
    return difference(before, (await countsOf(site.client)).meter);
  };
  // The site's first lead goes cold, and the daily looks at every lead are had, before anything is counted.
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  let idle = await run();
  for (let runs = 0, last = -1; runs < RUNS_MAX && idle.rowsRead !== last; runs++) {
    last = idle.rowsRead;
    idle = await run();
  }
  await copy(database, name, { first: 0, count: due, dueAt: Date.now() - 1 });
  const swept = await run();
  const told = await database
    .prepare("SELECT count(*) AS n FROM crossings WHERE lead_id LIKE ?1")
    .bind(`%-${name}-%`)
    .first<{ n: number }>();
  const crossings = told?.n ?? 0;
  if (crossings !== due) throw new Error(`${due} leads were due, and ${crossings} crossings told`);
  site.client.close();
  return {
    idleRunRowsRead: idle.rowsRead,
    sweepRowsReadPerCrossing: (swept.rowsRead - idle.rowsRead) / crossings,
    sweepRowsWrittenPerCrossing: (swept.rowsWritten - idle.rowsWritten) / crossings,
    crossings,
  };
}

async function measureRefold(host: Host, { refolded }: LeadOptions) {
  const database = await host.database();
  const site = await makeSite(host);
  await populate(site, 60);
  await makeTemplates(database, "refolded", site.id);
  const present = await count(database, site.id);
  await copy(database, "refolded", { first: 0, count: refolded - present, dueAt: null });
  const { rules } = await site.rest<{ rules: object }>("/v1/rules");
  const start = performance.now();
  const { version } = await site.rest<{ version: number }>("/v1/rules", "PUT", {
    ...rules,
    hysteresis: { temperature: 1 },
  });
  for (;;) {
    const { data } = await site.rest<{ data: { version: number; progress: { finishedAt: string | null } }[] }>(
      "/v1/rules/versions",
    );
    if (data.find((one) => one.version === version)?.progress.finishedAt) break;
    await runScheduled(site.client);
  }
  const leads = await count(database, site.id);
  site.client.close();
  return { leads, leadsPerSecond: leads / ((performance.now() - start) / 1_000) };
}
