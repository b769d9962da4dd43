/** The tag, as it is built: `GET /k.js`. */
import { Hono } from "hono";
import source from "../../dist/k.js.txt";
import { digest } from "../core/text";

/** Browsers use their copy for ten minutes, and for a day more while they fetch the new one. */
const CACHE_CONTROL = "public, max-age=600, stale-while-revalidate=86400";
const ETAG = `"${digest(source)}"`;

export const tagRoutes = new Hono().get("/k.js", (c) => {
  const headers = {
    ETag: ETAG,
    "Cache-Control": CACHE_CONTROL,
    "Content-Type": "text/javascript; charset=utf-8",
    // Pages of any site load it, those that ask for cross-origin isolation included.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
  };
  const known = c.req
    .header("If-None-Match")
    ?.split(",")
    .some((tag) => tag.trim().replace(/^W\//, "") === ETAG);
  return known ? c.body(null, 304, headers) : c.body(source, 200, headers);
});
