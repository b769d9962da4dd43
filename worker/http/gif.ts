/** The answer of every pixel: a transparent picture that is never kept, whatever is wrong with the call. */
import type { Context } from "hono";

/** The smallest transparent GIF there is. */
const GIF = Uint8Array.from(atob("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"), (c) => c.charCodeAt(0));

export function gif(c: Context): Response {
  return c.body(GIF, 200, { "Content-Type": "image/gif", "Cache-Control": "no-store, max-age=0" });
}
