/** Waiting for a database no longer than it is worth. */

/** The database took too long; what was asked of it may be done all the same. */
export class TooSlow extends Error {
  constructor() {
    super("the database took too long");
  }
}

/** Gives work up after a while, ms: it goes on by itself, and its signal tells it not to begin anything new. */
export async function beforeDeadline<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      controller.abort();
      reject(new TooSlow());
    }, ms);
  });
  const working = work(controller.signal);
  // Whatever comes of it after the deadline, nobody is there to hear it.
  working.catch(() => {});
  try {
    return await Promise.race([working, late]);
  } finally {
    clearTimeout(timer);
  }
}
