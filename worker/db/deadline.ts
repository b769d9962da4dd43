/** Waiting for a database no longer than it is worth. */

/** Longest that a page waits for a database, ms: it has no use for an answer that comes later. */
export const DEADLINE_MS = 2_000;

/** The database took too long; what was asked of it may be done all the same. */
export class TooSlow extends Error {
  constructor() {
    super("the database took too long");
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Tells work not to begin anything new. */
export interface Signal {
  aborted: boolean;
}

/** Gives work up after a while, ms: it goes on by itself, and its signal tells it that nobody waits. */
export async function beforeDeadline<T>(ms: number, work: (signal: Readonly<Signal>) => Promise<T>): Promise<T> {
  const signal: Signal = { aborted: false };
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      signal.aborted = true;
      reject(new TooSlow());
    }, ms);
  });
  const working = work(signal);
  // Whatever comes of it after the deadline, nobody is there to hear it.
  working.catch(() => {});
  try {
    return await Promise.race([working, late]);
  } finally {
    clearTimeout(timer);
  }
}
