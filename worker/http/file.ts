/** Files that pages load, out of those beside the Worker. Their names change with their content. */

import type { Files } from "../files";
import type { Hono } from "./hono";

const CACHE_CONTROL = "public, max-age=31536000, immutable";
const TYPES: Record<string, string> = { css: "text/css; charset=utf-8", js: "text/javascript; charset=utf-8" };

/** Serves a file of ours at its own path, below which `base` the app stands. */
export function serveFile(app: Hono, files: Files, path: string, base = ""): void {
  const type = TYPES[path.split(".").at(-1) ?? ""] ?? "application/octet-stream";
  app.get(path.slice(base.length), async (c) => {
    const { body, status } = await files(path);
    if (status !== 200 || !body) throw new Error(`the file ${path} is not beside the Worker: status ${status}`);
    return c.body(body, 200, { "Content-Type": type, "Cache-Control": CACHE_CONTROL });
  });
}
