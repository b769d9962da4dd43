/** Work that no answer waits for. */
import type { Context } from "hono";

/** Goes on with work after the answer, where the runtime can; a scheduled run would do it else. */
export function later(c: Context, work: Promise<unknown>): void {
  const logged = work.catch((error) =>
    console.error(JSON.stringify({ level: "error", path: c.req.path, error: String(error) })),
  );
  try {
    c.executionCtx.waitUntil(logged);
  } catch {
    // Called without an execution context, as in tests: the promise runs on by itself.
  }
}
