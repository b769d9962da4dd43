/** How Kelvin is doing, for whoever keeps it running. */

import { statusOf } from "../status";
import * as answers from "./answers";
import { type Api, siteOf, siteQuery } from "./context";
import { Hono } from "./hono";
import { Calls } from "./route";

export function statusRoutes(api: Api): Hono {
  const app = new Hono();
  const calls = new Calls(app, api, "Operation", (c, scope) => siteOf(api, c, scope));
  calls.get(
    "/status",
    {
      name: "getStatus",
      summary: "What was counted in the last 24 hours, and what waits",
      details: "Counts are added up every few minutes; those of the isolate that answers are in it at once.",
      scope: "read",
      query: siteQuery,
      answer: answers.status,
    },
    async ({ deps, site }) => await statusOf(deps, site),
  );
  return app;
}
