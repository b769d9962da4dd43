/**
 * What becomes of beacons while their database is overloaded, slow or away: they wait in a queue, and the answer says
 * what was last known. worker/drain.ts folds them. A message that was written after all, just too late for its answer,
 * meets its own id there and counts once.
 */
import { shownTo } from "./core/identity";
import type { Received } from "./core/message";
import { beforeDeadline } from "./db/deadline";
import { type LeadRow, readLead } from "./db/leads";
import { refusalOf } from "./db/refusal";
import type { SiteRules } from "./db/sites";
import type { Deps } from "./deps";
import { Failure } from "./failure";
import { type Ingested, ingest, type Terms } from "./ingest";
import { type Answer, answer } from "./lead";

/** Longest that a beacon waits for the database, ms: a page has no use for an answer that comes later. */
export const DEADLINE_MS = 2_000;
/** How long a database that failed is spared, ms: beacons of the site go straight to the queue. */
const SPARED_MS = 5_000;
/** How long a visitor's further beacons follow the one in the queue, ms, lest they overtake it; it is drained in a few. */
const FOLLOWING_MS = 15_000;
/** The same after one that only followed, ms: else who is there all the time would never be done with waiting. */
const FOLLOWER_MS = 5_000;
/** Most sites and visitors remembered for that; past it all are forgotten, and order is left to the timestamps. */
const REMEMBERED_MAX = 20_000;
/** Most messages of a request that may wait: who sends more, a server with history, can send it again itself. */
const EVENTS_MAX = 100;
/** Largest letter, bytes: a queue takes 128,000, its own envelope included. */
export const LETTER_MAX_BYTES = 100_000;
/** Most bytes put into the queue in one call, which takes 256,000. */
const POSTED_MAX_BYTES = 200_000;
/** Most letters put in in one call. */
const POSTED_MAX = 100;

/** What waits in the queue: events that came under one key, in their order. */
export interface Letter {
  /** Shape of a letter: another release may read what this one wrote. */
  v: 1;
  siteId: string;
  key: string;
  /** `deps.tick()` of its acceptance, ms: letters of a visitor are folded in this order. */
  acceptedAt: number;
  events: Received[];
}

/** A letter in the queue's hands. */
export type Mail = Pick<Message<Letter>, "id" | "body" | "attempts" | "ack" | "retry">;

/** What the isolate knows of who waits. */
export class Backlog {
  private readonly until = new Map<string, number>();

  constructor(
    private readonly clock: () => number,
    private readonly queue: Pick<Queue<Letter>, "sendBatch"> | undefined,
    readonly deadlineMs: number = DEADLINE_MS,
  ) {}

  /** Whether there is a queue to wait in. */
  get isThere(): boolean {
    return this.queue !== undefined;
  }

  /** Whether beacons under these keys are to wait, because the site's do or earlier ones of theirs. */
  mustWait(siteId: string, keys: readonly string[]): boolean {
    if (this.until.size === 0) return false;
    const now = this.clock();
    return [siteId, ...keys.map((key) => `${siteId} ${key}`)].some((name) => (this.until.get(name) ?? 0) > now);
  }

  /** Notes that the site's database is out of order. */
  spare(siteId: string): void {
    this.until.set(siteId, this.clock() + SPARED_MS);
  }

  /** Puts events into the queue; throws `busy` where it takes none. */
  async put(siteId: string, received: readonly Received[], acceptedAt: number): Promise<void> {
    const letters = lettersOf(siteId, received, acceptedAt);
    try {
      for (const batch of inCalls(letters)) await this.queue?.sendBatch(batch.map((body) => ({ body })));
    } catch {
      throw new Failure("busy", "Neither database nor queue can take this now. Send the same messages again.");
    }
    if (this.until.size > REMEMBERED_MAX) this.until.clear();
    for (const { key } of letters) this.follow(`${siteId} ${key}`);
  }

  private follow(name: string): void {
    const now = this.clock();
    const until = this.until.get(name) ?? 0;
    this.until.set(name, Math.max(until, now + (until > now ? FOLLOWER_MS : FOLLOWING_MS)));
  }
}

/** What became of events: counted, or waiting to be. */
export type Accepted = Ingested & { isQueued?: true };

/**
 * Counts events, or lets them wait where the database cannot take them in time. Throws what `ingest` throws, where
 * waiting would not help.
 */
export async function ingestOrQueue(
  deps: Deps,
  site: SiteRules,
  received: readonly Received[],
  terms: Terms,
): Promise<Accepted> {
  const { backlog, behind } = deps;
  if (!backlog.isThere || received.length > EVENTS_MAX) return await ingest(deps, site, received, terms);
  const keys = [...new Set(received.map(({ key }) => key))];
  const [key] = keys;
  // Looked up before: a write that fails drops what it was based on.
  const held = key !== undefined && keys.length === 1 ? deps.leads.get(site.id, key) : undefined;
  if (!backlog.mustWait(site.id, keys) && !behind.isAwaited(site.id, keys)) {
    try {
      return await beforeDeadline(backlog.deadlineMs, (signal) => ingest(deps, site, received, { ...terms, signal }));
    } catch (error) {
      if (!willPass(error)) throw error;
      // A visitor in much demand is busy, and the database all right.
      if (!(error instanceof Failure) || error.code === "moving") backlog.spare(site.id);
    }
  }
  if (terms.isBudgeted) deps.budget.require(site);
  await backlog.put(site.id, received, deps.tick());
  return { answer: lastKnown(deps, site, held, received.at(-1)), refused: new Map(), isQueued: true };
}

/** Whether the same may well succeed a little later. */
export function willPass(error: unknown): boolean {
  if (error instanceof Failure) return error.code === "busy" || error.code === "moving";
  return refusalOf(error) !== null;
}

/** What the visitor may be shown by what the isolate holds; `null`: the page keeps what it knows. */
function lastKnown(deps: Deps, site: SiteRules, row: LeadRow | undefined, asked: Received | undefined): Answer | null {
  if (!row || !asked || asked.event.machine || row.rules_version !== site.rulesVersion) return null;
  const { state } = readLead(row);
  const isWhole = shownTo({ visitor: asked.visitor }, state) === null;
  return isWhole ? answer(site, state, deps.clock()) : null;
}

/** Events as letters, each of one key and small enough, in the order in which they came. */
export function lettersOf(siteId: string, received: readonly Received[], acceptedAt: number): Letter[] {
  const letters: Letter[] = [];
  for (const [key, events] of Map.groupBy(received, (one) => one.key)) {
    let bytes = 0;
    let letter: Letter | null = null;
    for (const event of events) {
      const size = sizeOf(event);
      if (!letter || bytes + size > LETTER_MAX_BYTES) {
        letter = { v: 1, siteId, key, acceptedAt, events: [] };
        letters.push(letter);
        bytes = 0;
      }
      letter.events.push(event);
      bytes += size;
    }
  }
  return letters;
}

function inCalls(letters: readonly Letter[]): Letter[][] {
  const calls: Letter[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const letter of letters) {
    const size = sizeOf(letter);
    const last = calls.at(-1);
    if (last && last.length < POSTED_MAX && bytes + size <= POSTED_MAX_BYTES) {
      last.push(letter);
      bytes += size;
    } else {
      calls.push([letter]);
      bytes = size;
    }
  }
  return calls;
}

const sizeOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).length;
