/** Work that no answer waits for. */
import type { Context } from "hono";
import { logError, routeOf } from "./log";

/** Goes on with work after the answer, where the runtime can; a scheduled run would do it else. */
export function later(c: Context, work: Promise<unknown>): void {
  const logged = work.catch((error) => logError(routeOf(c), error));
  try {
    c.executionCtx.waitUntil(logged);
  } catch {
    // Called without an execution context, as in tests: the promise runs on by itself.
  }
}
