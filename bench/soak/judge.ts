/** The verdict: every lead against the naive model over its log, and every acknowledged message against the log. */
import { createHash } from "node:crypto";
import type { Database } from "../../demo/runtime.ts";
import { type NaiveResult, naive, type RulesDocument } from "../../test/support/naive.ts";
import type { LoggedEvent } from "../../worker/core/event.ts";
import type { BenchSite } from "../measure/site.ts";
import type { Ledger } from "./ledger.ts";
import { NOTIFIED } from "./marketers.ts";
import type { Receiver } from "./receiver.ts";
import { ToldOfSite } from "./told.ts";
import { tracesOfGone } from "./traces.ts";

export interface Verdict {
  leads: number;
  events: number;
  acknowledged: number;
  /** What is not as it must be, in words; the first of many. */
  differences: string[];
}

/** Most differences told. */
const TOLD_MAX = 50;
/** Leads asked for at once. */
const ASKED_AT_ONCE = 8;
/** Scores may differ by so much: sums of many fractions in another order. */
const TOLERANCE = 1e-6;
const HOUR_MS = 3_600_000;

interface Row {
  id: string;
  tail: string;
  keys: string;
  known: number;
}

interface ShownLead {
  exact: { score: number; scores: Record<string, number> };
  levels: Record<string, string>;
  disqualified: string | null;
  visits: number;
  pageviews: number;
}

export async function judge(
  database: Database,
  sites: readonly BenchSite[],
  ledger: Ledger,
  receiver: Receiver,
): Promise<Verdict> {
  const differences: string[] = [...receiver.complaints, ...(await tracesOfGone(database))];
  const counted = new Map<string, number>();
  let [leads, events] = [0, 0];
  for (const site of sites) {
    const { rules } = await site.rest<{ rules: RulesDocument }>("/v1/rules");
    const rows = await leadsOf(database, site.id);
    const told = new ToldOfSite(site, receiver, site === sites[NOTIFIED]);
    leads += rows.length;
    const work = rows.values();
    const one = async () => {
      for (const row of work) {
        const log = await logOf(database, row);
        events += log.length;
        for (const event of log) {
          counted.set(event.messageId, (counted.get(event.messageId) ?? 0) + 1);
          differences.push(...oddities(event, ledger).map((what) => `${row.id}: event ${event.messageId} ${what}`));
        }
        differences.push(...(await compare(site, row, rules, log, told)), ...(await brokenChains(database, row)));
      }
    };
    await Promise.all(Array.from({ length: ASKED_AT_ONCE }, one));
  }
  for (const [id, times] of counted) if (times > 1) differences.push(`message ${id} counts ${times} times`);
  const { acknowledged } = ledger;
  for (const id of acknowledged) {
    if (counted.has(id)) continue;
    const where = await traceOf(database, id);
    differences.push(`message ${id} was acknowledged (${ledger.fateOf(id)}) and is in no log; ${where}`);
  }
  return { leads, events, acknowledged: acknowledged.length, differences: differences.slice(0, TOLD_MAX) };
}

/** Where a message got to that is in no log. */
async function traceOf(database: Database, messageId: string): Promise<string> {
  // As in worker/db/digest.ts.
  const digest = createHash("sha256").update(messageId).digest().subarray(0, 16).toString("base64url");
  const isUsed = await database.prepare("SELECT 1 FROM messages WHERE id = ?").bind(digest).first();
  const isDead = await database.prepare("SELECT 1 FROM dead_letters WHERE instr(events, ?)").bind(messageId).first();
  return `its id is ${isUsed ? "used up" : "free"}, and ${isDead ? "it waits" : "it is not"} among the dead letters`;
}

/** What must not be said of an event in a log. */
function oddities({ messageId, context, verified }: LoggedEvent, ledger: Ledger): string[] {
  const found: string[] = [];
  // Sent by our people, or logged for a PATCH.
  if (ledger.fateOf(messageId) === undefined && context?.active !== false) found.push("was never sent");
  if (ledger.erased.has(messageId)) found.push("is of somebody erased and counts again");
  const isProved = ledger.proofs.get(messageId) ?? Boolean(verified);
  if (isProved !== Boolean(verified))
    found.push(`${isProved ? "has" : "lacks"} a token that holds, and counts otherwise`);
  return found;
}

/** Leads read in one statement. */
const CHUNK = 200;

async function leadsOf(database: Database, siteId: string): Promise<Row[]> {
  const all: Row[] = [];
  for (let after = ""; ; ) {
    const { results } = await database
      .prepare("SELECT id, tail, keys, known FROM leads WHERE site_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3")
      .bind(siteId, after, CHUNK)
      .all<Row>();
    all.push(...results);
    const last = results.at(-1);
    if (!last) return all;
    after = last.id;
  }
}

async function logOf(database: Database, { id, tail }: Row): Promise<LoggedEvent[]> {
  const { results } = await database
    .prepare("SELECT events FROM log WHERE lead_id = ? ORDER BY first")
    .bind(id)
    .all<{ events: string }>();
  const logged = results.flatMap(({ events }) => JSON.parse(events) as LoggedEvent[]);
  return [...logged, ...tail.split("\n").map((line) => JSON.parse(line) as LoggedEvent)];
}

async function compare(
  site: BenchSite,
  { id, keys, known }: Row,
  rules: RulesDocument,
  log: LoggedEvent[],
  told: ToldOfSite,
): Promise<string[]> {
  // A little ahead, so that everybody means the same instant.
  const at = Date.now() + HOUR_MS;
  const path = `/v1/leads/${id}?at=${encodeURIComponent(new Date(at).toISOString())}`;
  const lead = await site.rest<ShownLead>(path).catch((error: Error) => error);
  if (lead instanceof Error) return [`${id}: ${lead.message}`];
  const isDisqualified = lead.disqualified !== null;
  return [
    ...differing(lead, naive(rules, log, at)).map((what) => `${id}: ${what}`),
    ...(await told.differences({ id, keys: JSON.parse(keys) as string[], known: known === 1, isDisqualified })),
  ];
}

function differing(lead: ShownLead, expected: NaiveResult): string[] {
  const found: string[] = [];
  const same = (what: string, is: unknown, should: unknown) => {
    if (JSON.stringify(is) !== JSON.stringify(should))
      found.push(`${what} is ${JSON.stringify(is)}, should be ${JSON.stringify(should)}`);
  };
  const close = (what: string, is: number | undefined, should: number) => {
    if (is === undefined || Math.abs(is - should) > TOLERANCE) found.push(`${what} is ${is}, should be ${should}`);
  };
  for (const [name, score] of Object.entries(expected.scores)) close(`score ${name}`, lead.exact.scores[name], score);
  close("score", lead.exact.score, expected.score);
  for (const [ladder, level] of Object.entries(expected.levels)) same(`level ${ladder}`, lead.levels[ladder], level);
  same("disqualified", lead.disqualified, expected.disqualified);
  same("visits", lead.visits, expected.visits);
  same("pageviews", lead.pageviews, expected.pageviews);
  return found;
}

/** Crossings of a ladder follow on each other: none is told twice, none left out. */
async function brokenChains(database: Database, { id }: Row): Promise<string[]> {
  const { results } = await database
    .prepare("SELECT crossing FROM crossings WHERE lead_id = ? ORDER BY at, n")
    .bind(id)
    .all<{ crossing: string }>();
  const stands = new Map<string, string>();
  return results.flatMap(({ crossing }) => {
    const { ladder, from, to } = JSON.parse(crossing) as { ladder: string; from: string; to: string };
    const before = stands.get(ladder);
    stands.set(ladder, to);
    return before === undefined || before === from ? [] : [`${id}: ${ladder} went to ${before}, then on from ${from}`];
  });
}
