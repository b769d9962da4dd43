/** What is told of the API, to whoever asks: files that worker/reference.ts has made, with the address that was asked. */
import type { Context } from "hono";
import paths from "../../dist/files.js";
import { type Files, readFile } from "../files";
import { serveFile } from "./file";
import { Hono } from "./hono";

/** What stands in the files where the address is to stand under which Kelvin was reached. */
export const ANYWHERE = "https://kelvin.invalid";

/** How long a description may be kept, seconds: it changes only with a new version of the Worker. */
const MAX_AGE_S = 600;
const FOR_ALL = { "Cache-Control": `public, max-age=${MAX_AGE_S}`, "Access-Control-Allow-Origin": "*" };
const JSON_TYPE = "application/json; charset=utf-8";

/** Style and script are files of ours, and the latter calls this very host; nothing else is loaded, and nothing inline runs. */
const PAGE = {
  "Content-Type": "text/html; charset=utf-8",
  "Content-Security-Policy":
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "same-origin",
};

export function toldRoutes(files: Files): Hono {
  const app = new Hono();
  for (const path of [paths.referenceStyle, paths.referenceScript, paths.errorsStyle]) serveFile(app, files, path);
  const documents: [path: string, file: string, headers: Record<string, string>][] = [
    ["/openapi.json", paths.openapi, { "Content-Type": JSON_TYPE, ...FOR_ALL }],
    ["/rules.schema.json", paths.rulesSchema, { "Content-Type": JSON_TYPE, ...FOR_ALL }],
    ["/docs", paths.docs, PAGE],
    ["/docs/errors", paths.errors, PAGE],
  ];
  for (const [path, file, headers] of documents) {
    app.get(path, async (c) => c.body(addressed(c, await (await readFile(files, file)).text()), 200, headers));
  }
  return app;
}

/** With the address; in a host there may be signs that mean something in JSON and in HTML, which no real one has. */
function addressed(c: Context, text: string): string {
  return text.replaceAll(ANYWHERE, new URL(c.req.url).origin.replaceAll(/["'&<>\\]/g, ""));
}
