/** In place of `cloudflare:workers`, where the Worker's source is run in Node to tell of the API: it serves nobody there. */
export function waitUntil(): never {
  throw new Error("nothing is served while files are built");
}
