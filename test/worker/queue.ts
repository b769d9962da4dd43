/**
 * A queue for tests: it brings letters as Cloudflare's does, at least once, again after the pause that the consumer
 * asked for, and in no order that anybody promised. Its calls fail when they are told to, and acknowledgements get lost.
 */
import type { Letter, Mail } from "../../worker/backlog";
import type { Deps } from "../../worker/deps";
import { drain } from "../../worker/drain";

interface Waiting {
  id: string;
  body: Letter;
  attempts: number;
  /** ms; brought no earlier. */
  dueAt: number;
}

interface Bringing {
  /** How many at most; else all that are due. */
  most?: number;
  /** Also what is not due yet. */
  isAll?: boolean;
  /** The latest first. */
  isReversed?: boolean;
  /** Acknowledgements that get lost, from 0 in the order in which they are made. */
  loses?: (n: number) => boolean;
  /** What is done with them; else `drain`. */
  by?: (deps: Deps, mails: Mail[]) => Promise<void>;
}

export class TestQueue {
  waiting: Waiting[] = [];
  /** Calls of the producer so far. */
  calls = 0;
  private readonly faults = new Map<number, "before" | "after">();
  private posted = 0;

  constructor(private readonly clock: () => number = Date.now) {}

  /** To be given as the binding. */
  get binding(): Queue<Letter> {
    return this as unknown as Queue<Letter>;
  }

  /** Fails a call of the producer to come, 1: the next one; `after`: the letters are there, but nobody is told. */
  fail(call: number, when: "before" | "after"): void {
    this.faults.set(this.calls + call, when);
  }

  /** Faults set but not met. */
  get pending(): number {
    return this.faults.size;
  }

  heal(): void {
    this.faults.clear();
  }

  async sendBatch(messages: Iterable<MessageSendRequest<Letter>>): Promise<void> {
    const fault = this.faults.get(++this.calls);
    this.faults.delete(this.calls);
    if (fault === "before") throw new Error("Queue sendBatch failed: Too Many Requests");
    for (const { body } of messages) {
      this.waiting.push({
        id: `letter${++this.posted}`,
        body: structuredClone(body),
        attempts: 0,
        dueAt: this.clock(),
      });
    }
    if (fault === "after") throw new Error("Network connection lost.");
  }

  /** Brings letters to a consumer; what it neither takes nor puts back, because it failed, comes again at once. */
  async bring(deps: Deps, { most, isAll, isReversed, loses, by = drain }: Bringing = {}): Promise<void> {
    const now = this.clock();
    const due = this.waiting.filter(({ dueAt }) => isAll || dueAt <= now);
    const brought = (isReversed ? due.toReversed() : due).slice(0, most);
    let acks = 0;
    // Whatever is said of a letter first holds, as with Cloudflare's.
    const settled = new Set<string>();
    const mails = brought.map((one): Mail => {
      one.attempts++;
      const { id, body, attempts } = one;
      const first = (then: () => void) => {
        if (!settled.has(id)) then();
        settled.add(id);
      };
      return {
        id,
        body: structuredClone(body),
        attempts,
        ack: () =>
          first(() => {
            if (!loses?.(acks++)) this.waiting = this.waiting.filter((other) => other !== one);
          }),
        retry: (options) =>
          first(() => {
            one.dueAt = now + (options?.delaySeconds ?? 0) * 1_000;
          }),
      };
    });
    await by(deps, mails);
    // Of what nothing was said by a consumer that did not fail, the queue takes that it was taken.
    this.waiting = this.waiting.filter((one) => settled.has(one.id) || !brought.includes(one));
  }
}
