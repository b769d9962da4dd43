/** The tag, as it is built: `GET /k.js`. */

import paths from "../../dist/files.js";
import { type Files, readFile } from "../files";
import { Hono } from "./hono";

/** Browsers use their copy for ten minutes, and for a day more while they fetch the new one. */
const CACHE_CONTROL = "public, max-age=600, stale-while-revalidate=86400";
/** The file's name, which changes with its content. */
const ETAG = `"${paths.tag.slice(1)}"`;

const HEADERS = {
  ETag: ETAG,
  "Cache-Control": CACHE_CONTROL,
  "Content-Type": "text/javascript; charset=utf-8",
  // Pages of any site load it, those that ask for cross-origin isolation included.
  "Access-Control-Allow-Origin": "*",
  "Cross-Origin-Resource-Policy": "cross-origin",
  "X-Content-Type-Options": "nosniff",
};

export function tagRoutes(files: Files): Hono {
  return new Hono().get("/k.js", async (c) => {
    const known = c.req
      .header("If-None-Match")
      ?.split(",")
      .some((tag) => tag.trim().replace(/^W\//, "") === ETAG);
    return known ? c.body(null, 304, HEADERS) : c.body(await (await readFile(files, paths.tag)).text(), 200, HEADERS);
  });
}
