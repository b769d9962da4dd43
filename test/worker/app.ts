/** The Worker's app inside a test: on the test's database, with a clock and a database that the test may choose. */
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { createApp } from "../../worker/app";
import { replay } from "../../worker/core/play";
import { messageDigests } from "../../worker/db/digest";
import { findLeads, type LeadRow, readLead, readLog, SEEN_LAG_MS, UNSEEN } from "../../worker/db/leads";
import { compiled } from "../../worker/db/sites";
import { createDeps, type Deps, type Fetch } from "../../worker/deps";
import type { Env } from "../../worker/env";
import { Api } from "../support/api";

export const { DB, DB_1, DB_2, ASSETS } = env as unknown as Record<"DB" | "DB_1" | "DB_2", D1Database> & {
  ASSETS: Fetcher;
};
export const ADMIN_KEY = "test-admin-key";
export const MINUTE = 60_000;
export const DAY = 86_400_000;

export interface AppOptions {
  db?: D1Database;
  clock?: () => number;
  /** What answers the calls to webhooks. */
  fetch?: Fetch;
  /** Variables beside the admin key. */
  env?: Partial<Env>;
  /** Whether the rate limits of production hold. */
  isLimited?: boolean;
}

const UNLIMITED = { RATE_ADDRESS_PER_MINUTE: "0", RATE_VISITOR_PER_MINUTE: "0" };

/** An isolate of its own, with what its background work needs: nothing is shared with another but the database. */
export function startIsolate({
  db = DB,
  clock = Date.now,
  isLimited = false,
  env: more = {},
  fetch,
}: AppOptions = {}): {
  api: Api;
  deps: Deps;
} {
  const variables = { ASSETS, ...more };
  const deps = createDeps(
    () => db,
    clock,
    () => crypto.randomUUID().replaceAll("-", ""),
    isLimited ? variables : { ...UNLIMITED, ...variables },
    async () => {},
    fetch,
  );
  const app = createApp(deps, { KELVIN_ADMIN_KEY: ADMIN_KEY, ...variables });
  const api = new Api(async (path, init) => await app.request(`https://kelvin.test${path}`, init), ADMIN_KEY);
  return { api, deps };
}

/** The API of an isolate of its own. */
export function startApi(options: AppOptions = {}): Api {
  return startIsolate(options).api;
}

/** How often the log and the tails hold each message. */
export async function loggedIds(siteId: string): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const row of await leadRows(siteId)) {
    for (const { messageId } of await readLog(DB, readLead(row)))
      counts.set(messageId, (counts.get(messageId) ?? 0) + 1);
  }
  return counts;
}

async function leadRows(siteId: string): Promise<LeadRow[]> {
  return (await DB.prepare("SELECT * FROM leads WHERE site_id = ?").bind(siteId).all<LeadRow>()).results;
}

/** Every key, log row and crossing belongs to a lead that there is, and every lead is found under each of its keys. */
export async function expectNothingDangling(siteId: string): Promise<void> {
  const ask = async <T>(sql: string) => (await DB.prepare(sql).bind(siteId).all<T>()).results;
  const leads = await ask<{ id: string; keys: string }>("SELECT id, keys FROM leads WHERE site_id = ?");
  const rows = await ask<{ key: string; lead_id: string }>("SELECT key, lead_id FROM identities WHERE site_id = ?");
  const owned = leads.flatMap(({ id, keys }) => (JSON.parse(keys) as string[]).map((key) => [key, id] as const));
  const owners = new Map(owned);
  expect(owned.length, "keys with two owners").toBe(owners.size);
  for (const { key, lead_id } of rows) expect(owners.get(key), key).toBe(lead_id);
  const found = await findLeads(DB, siteId, [...owners.keys()]);
  for (const [key, id] of owners) expect(found.get(key)?.id, key).toBe(id);
  for (const table of ["log", "crossings"]) {
    const lost = DB.prepare(`SELECT count(*) n FROM ${table} WHERE lead_id NOT IN (SELECT id FROM leads)`);
    expect(await lost.first("n"), table).toBe(0);
  }
}

/** The ids of all leads: a run of refresh as if it were everybody's turn. */
export const ALL_IDS = { from: "lead_", to: "lead_g" };

/** Lists by who was there last go by an instant that is at most so far behind it; machines are on none. */
function expectFoundWhenSeen({ last_seen: last, seen_at: seen }: LeadRow & { last_seen?: number }): void {
  if (last === UNSEEN) {
    expect(seen).toBeNull();
    return;
  }
  expect(seen).toBeLessThanOrEqual(last ?? Number.NaN);
  expect(seen).toBeGreaterThan((last ?? Number.NaN) - SEEN_LAG_MS);
}

/** The law, for every lead of a site: what is kept is what a replay of its log from nothing finds. */
export async function expectTheLaw(siteId: string): Promise<void> {
  await expectTheLawAfterErasing(siteId, []);
}

/** The same where leads were erased: with the ids of their messages, which stay used up. */
export async function expectTheLawAfterErasing(siteId: string, erased: readonly string[]): Promise<void> {
  const documents = await DB.prepare("SELECT version, document FROM rule_versions WHERE site_id = ?")
    .bind(siteId)
    .all<{ version: number; document: string }>();
  const ids = new Set<string>();
  let pruned = 0;
  for (const row of await leadRows(siteId)) {
    const document = documents.results.find(({ version }) => version === row.rules_version)?.document;
    if (!document) throw new Error(`lead ${row.id} is under rules that are not there`);
    const lead = readLead(row);
    expectFoundWhenSeen(row);
    const log = await readLog(DB, lead);
    const replayed = replay(compiled(document), log);
    expect(lead.state, `state of ${row.id}`).toEqual(JSON.parse(JSON.stringify(replayed)));
    for (const { messageId, pruned: isPruned } of log) {
      if (isPruned) {
        pruned++;
        continue;
      }
      expect(ids, "a message counts once").not.toContain(messageId);
      ids.add(messageId);
    }
  }
  const kept = await DB.prepare("SELECT id FROM messages WHERE site_id = ?").bind(siteId).all<{ id: string }>();
  const used = new Set(kept.results.map(({ id }) => id));
  expect(used.size, "ids used up are those of the log, and of what was pruned in it").toBe(
    ids.size + erased.length + pruned,
  );
  for (const digest of await messageDigests([...ids, ...erased])) expect(used).toContain(digest);
}
