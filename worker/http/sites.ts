/** Sites: listed, made and changed by administrators. */
import type { Context } from "hono";
import * as z from "zod/mini";
import { DAY_MS, DURATION_HINT, durationMs } from "../core/duration";
import { EVENT_MAX_AGE_MS } from "../core/message";
import { PRESET_NAMES } from "../core/presets";
import type { Scope } from "../db/keys";
import type { SiteRules } from "../db/sites";
import type { Deps } from "../deps";
import { Failure } from "../failure";
import { moveOf, moveSite } from "../move";
import { allSites, changeSite, createSite, type PlacedSite, rotateIdentitySecret, settingsOf } from "../sites";
import { requireScope } from "./access";
import { type Api, noQuery, siteOf, siteQuery } from "./context";
import { Hono } from "./hono";
import { Calls } from "./route";

export function siteRoutes(api: Api): Hono {
  const app = new Hono();
  accountCalls(new Calls(app, api, "Sites", (c, scope) => requireScope(api, c, scope)), api);
  const change = { scope: "admin", query: siteQuery, body: siteChanges } as const;
  const changed = async ({ deps, site, body }: { deps: Deps; site: SiteRules; body: z.output<typeof siteChanges> }) =>
    showSite(await changeSite(deps, site, body));

  new Calls(app, api, "Sites", (c, scope) => siteOf(api, c, scope)).patch("/sites", change, changed);
  const named = new Calls(app, api, "Sites", (c, scope) => namedSite(api, c, scope));
  named.patch("/sites/{id}", change, changed);
  named.post(
    "/sites/{id}/identity-secret",
    { scope: "admin", query: siteQuery, body: rotation, emptyBody: {} },
    async ({ deps, site, body }) => {
      const rotated = await rotateIdentitySecret(deps, site, body.overlap);
      const previousUntil = new Date(rotated.identityPreviousUntil).toISOString();
      return { identitySecret: rotated.identitySecret, previousUntil };
    },
  );
  moveCalls(named, api);
  return app;
}

function moveCalls(calls: Calls<SiteRules>, { deps }: Api): void {
  calls.post(
    "/sites/{id}/move",
    { scope: "admin", query: siteQuery, body: z.strictObject({ database }), status: 202 },
    async ({ site, body }) => {
      await moveSite(deps, site, body.database);
      return await moveOf(deps, site);
    },
  );
  calls.get("/sites/{id}/move", { scope: "admin", query: siteQuery }, async ({ site }) => await moveOf(deps, site));
}

function accountCalls(calls: Calls<undefined>, { deps }: Api): void {
  calls.get("/sites", { scope: "admin", query: noQuery }, async () => ({
    data: (await allSites(deps)).map(showSite),
    nextCursor: null,
  }));

  calls.post("/sites", { scope: "admin", query: siteQuery, body: newSite, status: 201 }, async ({ body }) => {
    const site = await createSite(deps, body);
    return { ...showSite(site), identitySecret: site.identitySecret };
  });
}

/** The site in the path. */
async function namedSite(api: Api, c: Context, scope: Scope): Promise<SiteRules> {
  await requireScope(api, c, scope);
  const site = await api.deps.sites.read(c.req.param("id") ?? "");
  if (!site) throw new Failure("not_found", `There is no site "${c.req.param("id")}".`);
  return site;
}

const isOrigin = (text: string) => URL.canParse(text) && new URL(text).origin === text && !text.includes("*");
const origin = z.string().check(
  z.refine(isOrigin, {
    error:
      'must be one origin as browsers send it, such as "https://www.example.com": no path, no slash at the end, no *',
  }),
);
/** Longest that something is kept for a time, days: a century. */
const DAYS_MAX = 36_500;
/** Shortest that leads are kept, days: until then a browser may send late, or again, what it did. */
const ANONYMOUS_DAYS_MIN = EVENT_MAX_AGE_MS / DAY_MS + 1;

/** A whole number; `null`: without bound. */
function wholeNumber(min: number, max: number, what: string) {
  const hint = `must be ${what}, a whole number from ${min} to ${max}, or null`;
  return z.optional(z.nullable(z.int(hint).check(z.gte(min, hint), z.lte(max, hint))));
}

export const siteFields = {
  name: z
    .string("must be a text")
    .check(z.minLength(1, "must not be empty"), z.maxLength(200, "must be at most 200 characters")),
  origins: z.pipe(
    z.array(origin, "must be an array of origins").check(z.maxLength(100, "must be at most 100 origins")),
    z.transform((origins) => [...new Set(origins)]),
  ),
  respectGpc: z.optional(z.boolean("must be true or false")),
  jwksUrl: z.optional(
    z.nullable(
      z
        .url({ protocol: /^https?$/, error: "must be the address of a JSON Web Key Set, or null" })
        .check(z.maxLength(2_000, "must have at most 2000 characters")),
    ),
  ),
  jwksAudience: z.optional(
    z.nullable(z.string("must be a text, or null").check(z.minLength(1, "must not be empty"), z.maxLength(500))),
  ),
  dailyEvents: wholeNumber(1, 1_000_000_000, "the most events a day"),
  retentionDays: wholeNumber(1, DAYS_MAX, "how many days events are kept whole"),
  anonymousRetentionDays: wholeNumber(
    ANONYMOUS_DAYS_MIN,
    DAYS_MAX,
    "how many days a lead that nobody knows is kept after it was there last",
  ),
};
const database = z.string("must be the binding of a database, such as DB_1");
const newSite = z.strictObject({
  ...siteFields,
  writeKey: z.optional(z.string().check(z.regex(/^[A-Za-z0-9_-]{3,64}$/, "must be 3 to 64 letters, digits, - or _"))),
  preset: z.optional(z.enum(PRESET_NAMES, `must be one of ${PRESET_NAMES.join(", ")}`)),
  database: z.optional(database),
});
/** As long as a token may live: none is cut off. */
const OVERLAP_DEFAULT = "24h";
export const rotation = z.strictObject({
  overlap: z.pipe(
    z._default(z.nullable(z.string()), OVERLAP_DEFAULT),
    z.transform((text, context) => {
      const ms = text === null ? 0 : durationMs(text);
      if (ms !== null) return ms;
      const message = `must be ${DURATION_HINT}, or null: the one before ends at once`;
      context.issues.push({ code: "custom", message, input: text });
      return z.NEVER;
    }),
  ),
});
const siteChanges = z.partial(z.strictObject(siteFields));

function showSite(site: PlacedSite) {
  const { id, database, writeKey, rulesVersion, createdAt } = site;
  return { id, database, writeKey, ...settingsOf(site), rulesVersion, createdAt: new Date(createdAt).toISOString() };
}
