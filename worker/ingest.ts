/**
 * Ingest: received events into the leads they belong to. Ids, leads, levels crossed and new keys go into one D1 batch,
 * so an event either counts wholly and once, or not at all; the answer is given after that.
 */
import { keysToLookUp, VISITOR_KEY } from "./core/identity";
import type { Received } from "./core/message";
import { type Unerased, unlessErased } from "./db/dead";
import { pause, type Signal } from "./db/deadline";
import type { LeadRow } from "./db/leads";
import type { LeadWrite } from "./db/plan";
import { refusalOf, SharedFailure } from "./db/refusal";
import type { SiteRules } from "./db/sites";
import { unlessSuppressed } from "./db/suppressions";
import { knownMessages, unlessWritten, writeNewcomer } from "./db/write";
import type { Deps } from "./deps";
import { Failure, moving } from "./failure";
import { type Answer, answer, leadWrite, shownAnswer } from "./lead";
import { writeAndTell } from "./outbox";
import { type Draft, isChanged, type Placed, type Resolved, resolve, resolveAsNew, type Why } from "./resolve";
import { Doorkeeper } from "./suppression";

/** Most tries of one write. Others write a lead at the same time rarely, and then seldom twice. */
export const TRIES_MAX = 8;
/** Most looks at a site for one write: its rules may be published several times meanwhile. */
const LOOKS_MAX = 4;
/** Pause before the n-th retry: grows, and spreads those who met. */
const PAUSE_MS = 15;
/** Most leads written in one D1 batch. */
const LEADS_A_BATCH = 40;

export interface Ingested {
  /** For the key that all events came under; `null` where there were several. */
  answer: Answer | null;
  /** Messages that did not count after all, and why, by their ids: what the sender may know. */
  refused: ReadonlyMap<string, Why>;
}

export interface Terms {
  /** Whether the sender may know who is suppressed; if not, the answer is as if such messages had been let in. */
  isTold?: boolean;
  /** Whether the events count towards the site's events of the day. */
  isBudgeted?: boolean;
  /** Where the events have waited: whom they name, who must not have been erased since they were accepted. */
  unerased?: readonly Unerased[];
  /** Where the events can wait elsewhere; aborted when nobody waits here any more: then no new try is begun. */
  signal?: Readonly<Signal>;
}

/**
 * Counts events of one or more visitors. Throws `over_budget` where the site has had its events of the day.
 */
export async function ingest(
  deps: Deps,
  site: SiteRules,
  received: readonly Received[],
  terms: Terms = {},
): Promise<Ingested> {
  let known = site;
  for (let looks = 1; ; looks++) {
    try {
      return await count(deps.in(known), known, received, terms);
    } catch (error) {
      const refusal = refusalOf(error);
      if ((refusal !== "fenced" && refusal !== "outdated") || looks === LOOKS_MAX) throw error;
      // It lives elsewhere by now, or will soon, or has other rules: what is held of it is out of date.
      const now = await deps.sites.lookAgain(known);
      if (!now || (refusal === "fenced" && now.database === known.database)) throw moving();
      known = now;
    }
  }
}

async function count(deps: Deps, site: SiteRules, received: readonly Received[], terms: Terms): Promise<Ingested> {
  if (terms.isBudgeted && received.length > 0) deps.budget.require(site);
  const acceptedAt = deps.tick();
  const events = withoutRepeats(received.map((one, place) => ({ ...one, acceptedAt, place })));
  const keys = [...new Set(received.map(({ key }) => key))];
  let answer: Answer | null = null;
  const refused = new Map<string, Why>();
  for (let from = 0; from < keys.length; from += LEADS_A_BATCH) {
    const chunk = new Set(keys.slice(from, from + LEADS_A_BATCH));
    const mine = events.filter(({ key }) => chunk.has(key));
    const queues = [...chunk].map((key) => `${site.id} ${key}`);
    const done = await deps.queues.run(queues, () => tryToWrite(deps, site, [...chunk], mine, terms));
    for (const [id, why] of done.refused) refused.set(id, why);
    answer = keys.length === 1 ? done.answer : null;
  }
  return { answer, refused };
}

async function tryToWrite(
  deps: Deps,
  site: SiteRules,
  keys: readonly string[],
  received: readonly Placed[],
  terms: Terms,
): Promise<Ingested> {
  let events = received;
  for (let tries = 0; tries < TRIES_MAX && !terms.signal?.aborted; tries++) {
    const read = new Set<string>();
    try {
      const door = await Doorkeeper.of(site, events);
      const early =
        tries === 0 && door.hasNothingToAsk && !terms.unerased && (await tryAsNew(deps, site, keys, events, terms));
      if (early) return early;
      const plan = await resolve(deps, site, keys, events, read, door);
      // What waits elsewhere may be of somebody erased since it was read, as is seen to there.
      if (terms.signal?.aborted) break;
      if (!plan.held || [...plan.drafts].some(isChanged)) {
        const asked = received.at(-1);
        const isHushed = !terms.isTold && plan.turnedAway.size > 0;
        const supposed = isHushed && (await resolve(deps, site, keys, events, read, Doorkeeper.open(site)));
        // Before the write, after which what was read for it is out of date.
        const hushed = supposed && (await reply(deps, site, supposed, asked));
        await commit(deps, site, plan, door, terms);
        const refused = new Map([...plan.refused, ...(terms.isTold ? plan.turnedAway : [])]);
        return { answer: hushed || (await reply(deps, site, plan, asked)), refused };
      }
      // Nothing new, so nothing will be written that could tell whether what we hold is out of date: read it.
      for (const id of read) deps.leads.drop(id);
    } catch (error) {
      const refusal = refusalOf(error);
      // A database in trouble is not pressed where events can wait. What failed together may be one passenger's fault.
      const isTrouble = refusal === "transient" && !(error instanceof SharedFailure);
      const canWait = isTrouble && terms.signal !== undefined && tries > 0;
      for (const id of read) deps.leads.drop(id);
      if (refusal === null || ["fenced", "outdated", "erased"].includes(refusal) || canWait) throw error;
      if (refusal === "conflict" || refusal === "transient")
        deps.tallies.add(site.id, refusal === "conflict" ? "conflicts" : "retries");
      if (refusal === "over_budget") throw deps.budget.spend(site);
      if (refusal === "duplicate") {
        const ids = events.map(({ event }) => event.messageId);
        const known = await knownMessages(deps.db, site.id, ids);
        events = events.filter(({ event }) => !known.has(event.messageId));
      } else await pause(PAUSE_MS * tries * (1 + Math.random()));
    }
  }
  throw new Failure("busy", "The database is busy. Send the same messages again: each counts once.");
}

/**
 * Counts events of a visitor that the isolate does not know, in one trip, if it is new. `null`: it is not, and its lead is
 * held now; or it has to be looked up, because more is to be done than to begin a lead.
 */
async function tryAsNew(
  deps: Deps,
  site: SiteRules,
  keys: readonly string[],
  events: readonly Placed[],
  { isBudgeted }: Terms,
): Promise<Ingested | null> {
  const [key = ""] = keys;
  const isPlain = keys.length === 1 && key.startsWith(VISITOR_KEY) && events.length > 0;
  if (!isPlain || deps.leads.get(site.id, key) || events.some(({ event }) => keysToLookUp(event).length > 0))
    return null;
  const plan = await resolveAsNew(deps, site, events);
  const mine = plan.owners.get(key);
  if (!mine) return null;
  const note = isBudgeted ? deps.budget.count(site, mine.fresh.length) : null;
  const takeBack = () => isBudgeted && deps.budget.takeBack(site, mine.fresh.length, note);
  try {
    const written = note ? null : await writeNewcomer(deps.db, site.id, mine.fresh, writeOf(mine));
    if (written) deps.leads.set(key, written.row);
    if (written?.isNew) return { answer: await reply(deps, site, plan, events.at(-1)), refused: plan.refused };
  } catch (error) {
    takeBack();
    throw error;
  }
  takeBack();
  return null;
}

function withoutRepeats(received: readonly Placed[]): Placed[] {
  const seen = new Set<string>();
  return received.filter(({ event }) => !seen.has(event.messageId) && seen.add(event.messageId));
}

async function commit(deps: Deps, site: SiteRules, plan: Resolved, door: Doorkeeper, terms: Terms): Promise<void> {
  const isAny = [...plan.drafts].some(isChanged);
  const rows = isAny ? await write(deps, site, plan, door, terms) : [];
  for (const { absorbed } of plan.drafts) for (const { id } of absorbed) deps.leads.drop(id);
  for (const [key, { lead, before }] of plan.owners) {
    const row = rows.find(({ id }) => id === lead.id) ?? before;
    if (!row) continue;
    lead.version = row.version;
    deps.leads.set(key, row);
  }
}

/** The answer that a plan gives whoever sent the event asked about. */
async function reply(deps: Deps, site: SiteRules, plan: Resolved, asked: Received | undefined): Promise<Answer> {
  const owner = asked && plan.owners.get(asked.key);
  // A machine is answered like a visitor of whom nothing is known, and not told that it was found out.
  if (!owner || asked.event.machine) return answer(site, null, deps.clock());
  return await shownAnswer(deps, owner, { visitor: asked.visitor }, owner.log);
}

/** Writes what changed, and with it how many events the site has had, where that is counted and due. */
async function write(
  deps: Deps,
  site: SiteRules,
  plan: Resolved,
  door: Doorkeeper,
  { isBudgeted, unerased }: Terms,
): Promise<LeadRow[]> {
  const drafts = [...plan.drafts].filter(isChanged);
  const ids = drafts.flatMap(({ fresh }) => fresh);
  // Whose lead was only looked at decided something as well.
  const seen = [...plan.drafts].flatMap((draft) => (draft.before && !isChanged(draft) ? [draft.before] : []));
  const guards = [
    ...(seen.length > 0 ? [unlessWritten(deps.db, site.id, seen)] : []),
    ...(door.asked.length > 0 ? [unlessSuppressed(deps.db, site.id, door.asked)] : []),
    ...(unerased ? [unlessErased(deps.db, site.id, unerased)] : []),
  ];
  const note = isBudgeted ? deps.budget.count(site, ids.length) : null;
  try {
    const { rows, noted } = await writeAndTell(deps, site.id, ids, drafts.map(writeOf), guards, note);
    deps.budget.heard(site, noted);
    return rows;
  } catch (error) {
    if (isBudgeted) deps.budget.takeBack(site, ids.length, note);
    throw error;
  }
}

function writeOf(draft: Draft): LeadWrite {
  return { ...leadWrite(draft, draft.before, draft.absorbed), keys: draft.keys, log: draft.log };
}
