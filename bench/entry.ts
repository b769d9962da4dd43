/**
 * Kelvin with its bindings wrapped: round trips and rows are counted on the way, and D1 and the queue fail as often as
 * they are told to. `GET /bench/counts` tells what was counted, `PUT /bench/mishaps` sets how much goes wrong.
 */
import local from "../demo/entry";
import { D1_ERRORS, FaultyDatabase, type Mishap } from "../test/support/faults";
import type { Letter } from "../worker/backlog";
import { messageDigests } from "../worker/db/digest";
import type { Env } from "../worker/env";
import worker from "../worker/index";
import { Random } from "./random";
import type { Counts, Mishaps } from "./wrapped";

/** The texts that D1 documents ("Debug D1"), and one that says nothing to a program. */
const TEXTS = [...D1_ERRORS, "database disk image is malformed"] as const;
/** How slow a slow round trip is, ms: on either side of the 2 s that a beacon waits. */
const SLOW_MS: [number, number] = [500, 4_000];
/** Statements of the longest batch, about. */
const STATEMENTS_MAX = 8;
/** Longest pause before a letter of the queue comes again, seconds: production's are for outages of hours. */
const RETRY_MAX_S = 2;
/** Of so many letters one can never be folded, and another never reaches the Worker. */
const DOOMED_EVERY = 60;
/** Which of them; early, so that a short run has some. */
const SICK = 2;
const LOST = 4;

class Wrapped {
  readonly env: Env;
  readonly counts: Omit<Counts, "meter"> = { mishaps: {}, posted: 0, acked: 0, retried: 0, buried: 0, doomed: 0 };
  readonly database: FaultyDatabase<D1Database>;
  mishaps: Mishaps = { d1: 0, queue: 0, seed: 1 };
  private random = new Random(1);
  private seen = 0;
  /** Ids of letters that never reach the Worker. */
  private readonly lost = new Set<string>();
  /** Ids of letters taken: a batch that fails as a whole may bring them once more. */
  private readonly settled = new Set<string>();

  constructor(given: Env) {
    this.database = new FaultyDatabase(given.DB);
    this.database.countsRaw = true;
    this.database.dice = () => this.thrown();
    const { BEACONS } = given;
    this.env = { ...given, DB: this.database.db, ...(BEACONS ? { BEACONS: this.queue(BEACONS) } : {}) };
  }

  set(mishaps: Mishaps): void {
    if (mishaps.seed !== this.mishaps.seed) this.random = new Random(mishaps.seed);
    this.mishaps = mishaps;
  }

  /** What happens to a round trip. */
  private thrown(): Mishap | null {
    const { random } = this;
    if (!random.isLucky(this.mishaps.d1)) return null;
    const kind = random.weighted({ before: 4, after: 3, slow: 1, statement: 2 });
    this.note(`d1 ${kind}`);
    if (kind === "slow") return { when: "before", delayMs: random.between(...SLOW_MS) };
    if (kind !== "statement") return { when: kind, message: random.pick(TEXTS) };
    this.database.failStatement(random.between(0, STATEMENTS_MAX - 1));
    return null;
  }

  private note(name: string): void {
    this.counts.mishaps[name] = (this.counts.mishaps[name] ?? 0) + 1;
  }

  private queue(real: Queue): Queue {
    const sendBatch: Queue["sendBatch"] = async (messages, options) => {
      const all = [...messages];
      const fails = this.random.isLucky(this.mishaps.queue) ? this.random.pick(["before", "after"]) : null;
      if (fails) this.note(`queue ${fails}`);
      if (fails === "before") throw new Error("Queue is overloaded");
      const sent = await real.sendBatch(all, options);
      this.counts.posted += all.length;
      if (fails === "after") throw new Error("Network connection lost.");
      return sent;
    };
    return { ...real, sendBatch };
  }

  /** Some letters are doomed from the first: of those the database takes no id, or the Worker never sees them. */
  private async doom({ id, body, attempts }: Message<Letter>): Promise<void> {
    if (this.mishaps.queue === 0 || attempts > 1) return;
    const which = this.seen++ % DOOMED_EVERY;
    if (which !== SICK && which !== LOST) return;
    this.counts.doomed++;
    if (which === LOST) this.lost.add(id);
    else for (const digest of await this.digestsOf(body)) this.database.sick.add(digest);
  }

  private digestsOf({ events }: Letter): Promise<string[]> {
    return messageDigests(events.map(({ event }) => event.messageId));
  }

  /** The same batch, with what becomes of its letters counted; acknowledgements get lost, and letters on their way. */
  async heard(batch: MessageBatch<Letter>): Promise<MessageBatch<Letter>> {
    const isDead = batch.queue.endsWith("-dead");
    if (!isDead) for (const message of batch.messages) await this.doom(message);
    const arrived = batch.messages.filter(({ id }) => isDead || !this.lost.has(id));
    for (const message of batch.messages) if (!arrived.includes(message)) message.retry();
    const digests = new Map<Message<Letter>, string[]>();
    for (const message of arrived) digests.set(message, await this.digestsOf(message.body));
    const messages = arrived.map((message): Message<Letter> => {
      const { id, body, attempts, timestamp } = message;
      const ack = () => {
        if (this.random.isLucky(this.mishaps.queue)) {
          this.note("queue ack lost");
          message.retry();
          return;
        }
        if (!this.settled.has(id)) this.counts[isDead ? "buried" : "acked"]++;
        this.settled.add(id);
        for (const digest of digests.get(message) ?? []) this.database.sick.delete(digest);
        message.ack();
      };
      const retry = (options?: QueueRetryOptions) => {
        this.counts.retried++;
        message.retry({ delaySeconds: Math.min(RETRY_MAX_S, options?.delaySeconds ?? 0) });
      };
      return { ...message, id, body, attempts, timestamp, ack, retry };
    });
    return { ...batch, queue: batch.queue, messages, ackAll: () => batch.ackAll(), retryAll: () => batch.retryAll() };
  }
}

let held: { given: Env; wrapped: Wrapped } | null = null;

/** The same bindings are wrapped once: Kelvin's memory is as long-lived as its bindings. */
function wrap(given: Env): Wrapped {
  if (held?.given !== given) held = { given, wrapped: new Wrapped(given) };
  return held.wrapped;
}

export default {
  async fetch(request, given, ctx) {
    const wrapped = wrap(given);
    const { pathname } = new URL(request.url);
    if (pathname === "/bench/mishaps") wrapped.set(await request.json<Mishaps>());
    if (pathname.startsWith("/bench/")) {
      return Response.json({ ...wrapped.counts, meter: wrapped.database.meter } satisfies Counts);
    }
    return await local.fetch(request, wrapped.env, ctx);
  },
  async queue(batch, given) {
    const wrapped = wrap(given);
    await worker.queue(await wrapped.heard(batch), wrapped.env);
  },
} satisfies ExportedHandler<Env, Letter>;
