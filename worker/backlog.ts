/**
 * What becomes of beacons while their database is overloaded, slow or away: they wait in a queue, and the answer says
 * what was last known. worker/drain.ts folds them. A message that was written after all, just too late for its answer,
 * meets its own id there and counts once.
 */
import { inGroups } from "./core/groups";
import { shownTo } from "./core/identity";
import type { Received } from "./core/message";
import { utf8 } from "./core/utf8";
import { beforeDeadline, DEADLINE_MS } from "./db/deadline";
import { type LeadRow, readLead } from "./db/leads";
import { refusalOf } from "./db/refusal";
import type { SiteRules } from "./db/sites";
import { knownMessages } from "./db/write";
import type { Deps } from "./deps";
import { Failure } from "./failure";
import { type Ingested, ingest, type Terms } from "./ingest";
import { type Answer, answer } from "./lead";

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

/** What of a visitor waits. */
interface Waiting {
  /** How long later beacons wait behind it at most, ms since the epoch. */
  until: number;
  /** The message that was put into the queue last: once it counts nothing waits. */
  messageId: string;
  /** What the visitor was last shown. */
  answer: Answer | null;
}

/** What the isolate knows of who waits. */
export class Backlog {
  /** Until when a site's database is spared, ms since the epoch. */
  private readonly spared = new Map<string, number>();
  private readonly waiting = new Map<string, Waiting>();

  constructor(
    private readonly clock: () => number,
    private readonly queue: Pick<Queue<Letter>, "sendBatch"> | undefined,
    readonly deadlineMs: number = DEADLINE_MS,
  ) {}

  /** Whether there is a queue to wait in. */
  get isThere(): boolean {
    return this.queue !== undefined;
  }

  /** Whether all beacons of a site go straight to the queue. */
  isSpared(siteId: string): boolean {
    return (this.spared.get(siteId) ?? 0) > this.clock();
  }

  /** Notes that the site's database is out of order. */
  spare(siteId: string): void {
    if (this.spared.size > REMEMBERED_MAX) this.spared.clear();
    this.spared.set(siteId, this.clock() + SPARED_MS);
  }

  /** The messages that beacons under these keys wait behind, unless they count by now. */
  ahead(siteId: string, keys: readonly string[]): string[] {
    if (this.waiting.size === 0) return [];
    const now = this.clock();
    const before = keys.flatMap((key) => this.waiting.get(`${siteId} ${key}`) ?? []);
    return before.flatMap(({ until, messageId }) => (until > now ? messageId : []));
  }

  /** Notes that nothing waits under these keys any more. */
  done(siteId: string, keys: readonly string[]): void {
    for (const key of keys) this.waiting.delete(`${siteId} ${key}`);
  }

  /** What was last shown under a key of which something waits. */
  shown(siteId: string, key: string): Answer | null {
    return this.waiting.get(`${siteId} ${key}`)?.answer ?? null;
  }

  /** Puts events into the queue, whose sender is told `answer`; throws `busy` where it takes none. */
  async put(siteId: string, received: readonly Received[], acceptedAt: number, answer: Answer | null): Promise<void> {
    const letters = lettersOf(siteId, received, acceptedAt);
    try {
      for (const batch of inCalls(letters)) await this.queue?.sendBatch(batch.map((body) => ({ body })));
    } catch {
      throw new Failure("busy", "Neither database nor queue can take this now. Send the same messages again.");
    }
    if (this.waiting.size > REMEMBERED_MAX) this.waiting.clear();
    const now = this.clock();
    for (const { key, events } of letters) {
      const name = `${siteId} ${key}`;
      const until = this.waiting.get(name)?.until ?? 0;
      const follows = until > now ? FOLLOWER_MS : FOLLOWING_MS;
      const messageId = events.at(-1)?.event.messageId ?? "";
      this.waiting.set(name, { until: Math.max(until, now + follows), messageId, answer });
    }
  }
}

/** What became of events: counted, or waiting to be. */
export type Accepted = Ingested & { isQueued?: true };

/**
 * Counts events, or lets them wait where the database cannot take them in time. `deps` with the site's database. Throws what
 * `ingest` throws, where waiting would not help.
 */
export async function ingestOrQueue(
  deps: Deps,
  site: SiteRules,
  received: readonly Received[],
  terms: Terms = {},
): Promise<Accepted> {
  const accepted = await countOrQueue(deps, site, received, terms);
  deps.tallies.add(site.id, accepted.isQueued ? "queued" : "accepted", received.length - accepted.refused.size);
  for (const { code } of accepted.refused.values()) deps.tallies.add(site.id, `rejected.${code}`);
  return accepted;
}

async function countOrQueue(
  deps: Deps,
  site: SiteRules,
  received: readonly Received[],
  terms: Terms,
): Promise<Accepted> {
  const { backlog, behind } = deps;
  if (!backlog.isThere || received.length > EVENTS_MAX) return await ingest(deps, site, received, terms);
  const keys = [...new Set(received.map(({ key }) => key))];
  const [key] = keys.length === 1 ? keys : [];
  // Looked up before: a write that fails drops what it was based on.
  const held = key === undefined ? undefined : deps.leads.get(site.id, key);
  if (!backlog.isSpared(site.id) && !behind.isAwaited(site.id, keys)) {
    try {
      const done = await beforeDeadline(backlog.deadlineMs, async (signal) =>
        (await isBehind(deps, site, keys)) ? null : await ingest(deps, site, received, { ...terms, signal }),
      );
      if (done) return done;
    } catch (error) {
      if (!willPass(error)) throw error;
      // A visitor in much demand is busy, and the database all right.
      if (!(error instanceof Failure) || error.code === "moving") backlog.spare(site.id);
    }
  }
  if (terms.isBudgeted) deps.budget.require(site);
  const asked = received.at(-1);
  const shown = key === undefined || asked?.event.machine ? null : backlog.shown(site.id, key);
  const answer = lastKnown(deps, site, held, asked) ?? shown;
  await backlog.put(site.id, received, deps.tick(), answer);
  return { answer, refused: new Map(), isQueued: true };
}

/** Whether earlier messages under these keys wait in the queue: whether they count by now is asked of the database. */
async function isBehind({ db, backlog }: Deps, site: SiteRules, keys: readonly string[]): Promise<boolean> {
  const ahead = backlog.ahead(site.id, keys);
  if (ahead.length === 0) return false;
  if ((await knownMessages(db, site.id, ahead)).size < new Set(ahead).size) return true;
  backlog.done(site.id, keys);
  return false;
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
  return [...Map.groupBy(received, ({ key }) => key)].flatMap(([key, all]) =>
    inGroups(all, sizeOf, (_, bytes, more) => bytes + more <= LETTER_MAX_BYTES).map(
      (events): Letter => ({ v: 1, siteId, key, acceptedAt, events }),
    ),
  );
}

/** Letters as the queue takes them in one call each. */
function inCalls(letters: readonly Letter[]): Letter[][] {
  return inGroups(letters, sizeOf, (n, bytes, more) => n < POSTED_MAX && bytes + more <= POSTED_MAX_BYTES);
}

const sizeOf = (value: unknown) => utf8.encode(JSON.stringify(value)).length;
