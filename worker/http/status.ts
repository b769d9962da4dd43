/** How Kelvin is doing, for whoever keeps it running. */

import { statusOf } from "../status";
import { type Api, siteOf, siteQuery } from "./context";
import { Hono } from "./hono";
import { Calls } from "./route";

export function statusRoutes(api: Api): Hono {
  const app = new Hono();
  const calls = new Calls(app, api, "Operation", (c, scope) => siteOf(api, c, scope));
  calls.get("/status", { scope: "read", query: siteQuery }, async ({ deps, site }) => await statusOf(deps, site));
  return app;
}
