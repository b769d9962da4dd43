/**
 * One writer at a time per key, within an isolate. Twenty beacons of one visitor at once would otherwise read the same
 * version and all but one be refused, again and again. Only a courtesy: versions keep writes right without it, so
 * nobody waits long for a predecessor whose request was cut off, which the platform does to what still runs after the
 * answer: it never ends, and never says so.
 */

/** Longest that anybody is waited for since it came, ms. */
const PATIENCE_MS = 3_000;

interface Turn {
  done: Promise<void>;
  /** When it came, ms. */
  since: number;
}

export class Queues {
  private readonly last = new Map<string, Turn>();

  constructor(private readonly clock: () => number) {}

  async run<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = new Set(keys.flatMap((key) => this.last.get(key) ?? []));
    const { promise: done, resolve: end } = Promise.withResolvers<void>();
    const mine: Turn = { done, since: this.clock() };
    for (const key of keys) this.last.set(key, mine);
    try {
      if (before.size > 0) await Promise.all([...before].map((turn) => withPatience(turn, mine.since)));
      return await work();
    } finally {
      end();
      for (const key of keys) if (this.last.get(key) === mine) this.last.delete(key);
    }
  }
}

/** Waits for a turn's end, or until it has had its time. */
async function withPatience({ done, since }: Turn, now: number): Promise<void> {
  const leftMs = since + PATIENCE_MS - now;
  if (leftMs <= 0) return;
  let timer: ReturnType<typeof setTimeout> | null = null;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, leftMs);
  });
  await Promise.race([done, patience]);
  clearTimeout(timer);
}
