/**
 * One writer at a time per key, within an isolate. Twenty beacons of one visitor at once would otherwise read the same
 * version and all but one be refused, again and again. Only a courtesy: versions keep writes right without it, so
 * nobody waits long for a predecessor whose request was cut off.
 */

/** Longest wait for those before, ms. */
const PATIENCE_MS = 3_000;

export class Queues {
  private readonly last = new Map<string, Promise<void>>();

  async run<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = keys.flatMap((key) => this.last.get(key) ?? []);
    let done = () => {};
    const mine = new Promise<void>((resolve) => {
      done = resolve;
    });
    const after = Promise.all([...before, mine]).then(() => {});
    for (const key of keys) this.last.set(key, after);
    try {
      if (before.length > 0) await withPatience(Promise.all(before));
      return await work();
    } finally {
      done();
      for (const key of keys) if (this.last.get(key) === after) this.last.delete(key);
    }
  }
}

async function withPatience(waiting: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, PATIENCE_MS);
  });
  await Promise.race([waiting, patience]);
  clearTimeout(timer);
}
