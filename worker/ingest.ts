/**
 * Ingest: received events into the leads they belong to. Ids, leads, levels crossed and new keys go into one D1 batch,
 * so an event either counts wholly and once, or not at all; the answer is given after that.
 */
import type { Received } from "./core/message";
import { refusalOf } from "./db/refusal";
import type { SiteRules } from "./db/sites";
import { knownMessages, type LeadWrite, writeLeads } from "./db/write";
import type { Deps } from "./deps";
import { Failure } from "./failure";
import { type Answer, answer, leadWrite, settle, shownState } from "./lead";
import { type Draft, type Placed, type Refused, type Resolved, resolve } from "./resolve";

/** Most tries of one write. Others write a lead at the same time rarely, and then seldom twice. */
export const TRIES_MAX = 8;
/** Pause before the n-th retry: grows, and spreads those who met. */
const PAUSE_MS = 15;
/** Most leads written in one D1 batch. */
const LEADS_A_BATCH = 40;

export interface Ingested {
  /** For the key that all events came under; `null` where there were several. */
  answer: Answer | null;
  /** Messages that did not count after all. */
  refused: Refused[];
}

/** Counts events of one or more visitors. */
export async function ingest(deps: Deps, site: SiteRules, received: readonly Received[]): Promise<Ingested> {
  const acceptedAt = deps.tick();
  const events = withoutRepeats(received).map((one) => ({ ...one, acceptedAt, place: received.indexOf(one) }));
  const keys = [...new Set(received.map(({ key }) => key))];
  let answer: Answer | null = null;
  const refused: Refused[] = [];
  for (let from = 0; from < keys.length; from += LEADS_A_BATCH) {
    const chunk = new Set(keys.slice(from, from + LEADS_A_BATCH));
    const mine = events.filter(({ key }) => chunk.has(key));
    const queues = [...chunk].map((key) => `${site.id} ${key}`);
    const done = await deps.queues.run(queues, () => tryToWrite(deps, site, [...chunk], mine));
    refused.push(...done.refused);
    answer = keys.length === 1 ? done.answer : null;
  }
  return { answer, refused };
}

async function tryToWrite(
  deps: Deps,
  site: SiteRules,
  keys: readonly string[],
  received: readonly Placed[],
): Promise<{ answer: Answer; refused: readonly Refused[] }> {
  let events = received;
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const read = new Set<string>();
    try {
      const plan = await resolve(deps, site, keys, events, read);
      if (!plan.held || [...plan.drafts].some(isChanged)) {
        return { answer: await commit(deps, site, plan, received.at(-1)), refused: plan.refused };
      }
      // Nothing new, so nothing will be written that could tell whether what we hold is out of date: read it.
      for (const id of read) deps.leads.drop(id);
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === null) throw error;
      for (const id of read) deps.leads.drop(id);
      if (refusal === "duplicate") {
        const ids = events.map(({ event }) => event.messageId);
        const known = await knownMessages(deps.db, site.id, ids);
        events = events.filter(({ event }) => !known.has(event.messageId));
      } else await pause(PAUSE_MS * tries * (1 + Math.random()));
    }
  }
  throw new Failure("busy", "The database is busy. Send the same messages again: each counts once.");
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function withoutRepeats(received: readonly Received[]): Received[] {
  const seen = new Set<string>();
  return received.filter(({ event }) => !seen.has(event.messageId) && seen.add(event.messageId));
}

async function commit(deps: Deps, site: SiteRules, plan: Resolved, asked: Received | undefined): Promise<Answer> {
  const changed = [...plan.drafts].filter(isChanged);
  if (changed.length > 0) {
    const rows = await writeLeads(
      deps.db,
      site.id,
      changed.flatMap(({ fresh }) => fresh),
      changed.map(written),
    );
    for (const { absorbed } of changed) for (const { id } of absorbed) deps.leads.drop(id);
    for (const [key, { lead }] of plan.owners) {
      const row = rows.find(({ id }) => id === lead.id);
      if (!row) continue;
      lead.version = row.version;
      deps.leads.set(key, row);
    }
  }
  const owner = asked && plan.owners.get(asked.key);
  if (!owner) return answer(site, null, deps.clock());
  const asker = { visitor: asked.visitor, verified: asked.event.verified === true };
  return answer(owner.site, await shownState(deps, owner, asker, owner.log), deps.clock());
}

function isChanged({ fresh, crossings, absorbed, poorer }: Draft): boolean {
  return fresh.length > 0 || crossings.length > 0 || absorbed.length > 0 || poorer;
}

function written(draft: Draft): LeadWrite {
  const { site, before, lead, crossings, keys, absorbed, log } = draft;
  settle(site, lead);
  return { ...leadWrite(site, before, lead, crossings), keys, absorbed, log };
}
