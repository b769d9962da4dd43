/**
 * Ingest: received events into the leads they belong to. Ids, leads, levels crossed and new keys go into one D1 batch,
 * so an event either counts wholly and once, or not at all; the answer is given after that.
 */
import type { Received } from "./core/message";
import { NOTHING_TOLD, play } from "./core/play";
import { emptyState } from "./core/state";
import { findLeads, knownMessages, type Lead, type LeadRow, type LeadWrite, refusalOf, writeLeads } from "./db/leads";
import type { SiteRules } from "./db/sites";
import type { Deps } from "./deps";
import { Failure } from "./failure";
import { type Answer, answer, type Current, current, leadWrite, settle } from "./lead";

/** Most tries of one write. Others write a lead at the same time rarely, and then seldom twice. */
export const TRIES_MAX = 8;
/** Pause before the n-th retry: grows, and spreads those who met. */
const PAUSE_MS = 15;
/** Most leads written in one D1 batch. */
const LEADS_A_BATCH = 40;

/** Counts events of one or more visitors; answers for the key asked about, when all events were of that key. */
export async function ingest(deps: Deps, site: SiteRules, received: readonly Received[]): Promise<Answer | null> {
  const keys = [...new Set(received.map(({ key }) => key))];
  let last: Answer | null = null;
  for (let from = 0; from < keys.length; from += LEADS_A_BATCH) {
    const chunk = new Set(keys.slice(from, from + LEADS_A_BATCH));
    const mine = received.filter(({ key }) => chunk.has(key));
    const queues = [...chunk].map((key) => `${site.id} ${key}`);
    last = await deps.queues.run(queues, () => tryToWrite(deps, site, mine));
  }
  return keys.length === 1 ? last : null;
}

async function tryToWrite(deps: Deps, site: SiteRules, received: readonly Received[]): Promise<Answer> {
  const keys = [...new Set(received.map(({ key }) => key))];
  let events = withoutRepeats(received);
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const plan = await prepare(deps, site, keys, events);
    try {
      return await commit(deps, site, plan, received);
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === null) throw error;
      for (const { before } of plan.writes) if (before) deps.leads.drop(before.id);
      if (refusal === "duplicate") {
        const known = await knownMessages(deps.db, site.id, plan.ids);
        events = events.filter(({ event }) => !known.has(event.messageId));
      } else await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * tries * (1 + (deps.clock() % 7) / 7)));
    }
  }
  throw new Failure("busy", "The database is busy; nothing was counted. Send the same messages again.");
}

function withoutRepeats(received: readonly Received[]): Received[] {
  const seen = new Set<string>();
  return received.filter(({ event }) => !seen.has(event.messageId) && seen.add(event.messageId));
}

/** A lead with what is to happen to it, folded but not written. */
interface Draft extends Current {
  before: LeadRow | null;
  news: Received[];
  keys: LeadWrite["keys"];
}

interface Plan {
  /** Message ids that are new, as far as is known. */
  ids: string[];
  writes: LeadWrite[];
  /** The drafts by the keys asked about. */
  owners: Map<string, Draft>;
}

/** Reads what is needed and folds; nothing is written. */
async function prepare(deps: Deps, site: SiteRules, keys: string[], events: readonly Received[]): Promise<Plan> {
  const now = deps.clock();
  const owners = await openDrafts(deps, site, keys, now);
  for (const received of events) {
    const draft = owners.get(received.key) ?? newDraft(deps, site, received.key);
    owners.set(received.key, draft);
    if (draft.lead.tail.some(({ messageId }) => messageId === received.event.messageId)) continue;
    draft.news.push(received);
    for (const key of claimedKeys(received)) {
      if (owners.has(key)) continue;
      owners.set(key, draft);
      draft.keys.claimed.push(key);
    }
  }
  const changed = [...new Set(owners.values())].filter(
    ({ news, crossings }) => news.length > 0 || crossings.length > 0,
  );
  return {
    ids: changed.flatMap(({ news }) => news.map(({ event }) => event.messageId)),
    writes: changed.map((draft) => fold(draft, now)),
    // A claimed key may be another lead's already: only what was asked for is known to be so.
    owners: new Map([...owners].filter(([key]) => keys.includes(key))),
  };
}

async function openDrafts(deps: Deps, site: SiteRules, keys: string[], now: number): Promise<Map<string, Draft>> {
  const drafts = new Map<string, Draft>();
  const owners = new Map<string, Draft>();
  for (const [key, row] of await rowsOf(deps, site.id, keys)) {
    const draft = drafts.get(row.id) ?? {
      ...(await current(deps, site, row, now)),
      before: row,
      news: [],
      keys: { own: [], claimed: [] },
    };
    drafts.set(row.id, draft);
    owners.set(key, draft);
  }
  return owners;
}

function newDraft(deps: Deps, site: SiteRules, key: string): Draft {
  const lead: Lead = {
    id: `lead_${deps.newId()}`,
    siteId: site.id,
    version: 0,
    rulesVersion: site.rulesVersion,
    state: emptyState(site.rules),
    told: NOTHING_TOLD,
    tail: [],
    logged: 0,
    dueAt: null,
    score: 0,
  };
  return { site, lead, crossings: [], before: null, news: [], keys: { own: [key], claimed: [] } };
}

/** Keys under which a lead can be found from now on, because of what this event says of it. */
function claimedKeys({ event, key }: Received): string[] {
  const keys = event.userId === undefined ? [] : [`user:${event.userId}`];
  const email = event.type === "identify" ? event.traits?.email : undefined;
  if (typeof email === "string" && email.includes("@")) keys.push(`email:${email.toLowerCase()}`);
  return keys.filter((other) => other !== key);
}

function fold({ site, lead, before, news, keys, crossings }: Draft, now: number): LeadWrite {
  const receivedAt = Math.max(now, lead.tail.at(-1)?.receivedAt ?? 0);
  const events = news.map(({ event }) => ({ ...event, receivedAt }));
  const played = play(site.rules, lead.state, events, lead.told, site.rulesVersion);
  lead.told = played.told;
  lead.tail = [...lead.tail, ...events];
  settle(site, lead);
  return { ...leadWrite(site, before, lead, [...crossings, ...played.crossings]), keys };
}

async function rowsOf(deps: Deps, siteId: string, keys: string[]): Promise<Map<string, LeadRow>> {
  const rows = new Map<string, LeadRow>();
  for (const key of keys) {
    const held = deps.leads.get(siteId, key);
    if (held) rows.set(key, held);
  }
  const missing = keys.filter((key) => !rows.has(key));
  if (missing.length > 0) for (const [key, row] of await findLeads(deps.db, siteId, missing)) rows.set(key, row);
  return rows;
}

async function commit(deps: Deps, site: SiteRules, plan: Plan, received: readonly Received[]): Promise<Answer> {
  if (plan.writes.length > 0) {
    const rows = await writeLeads(deps.db, site.id, plan.ids, plan.writes);
    for (const [key, { lead }] of plan.owners) {
      const row = rows.find(({ id }) => id === lead.id);
      if (row) deps.leads.set(key, row);
    }
  }
  const owner = plan.owners.get(received.at(-1)?.key ?? "");
  return answer(owner?.site ?? site, owner?.lead.state ?? null, deps.clock());
}
