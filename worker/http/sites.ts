/** Sites: listed, made and changed by administrators. */
import { type Context, Hono } from "hono";
import * as z from "zod";
import { DURATION_HINT, durationMs } from "../core/duration";
import { PRESET_NAMES } from "../core/presets";
import { listSites, type Site } from "../db/sites";
import { Failure } from "../failure";
import { changeSite, createSite, rotateIdentitySecret } from "../sites";
import { requireScope } from "./access";
import { readJson } from "./body";
import { type Api, siteOf } from "./context";
import { checked, queryOf } from "./input";

export function siteRoutes(api: Api): Hono {
  const { deps } = api;
  const app = new Hono();

  app.get("/sites", async (c) => {
    await requireScope(api, c, "admin");
    checked(z.strictObject({}), queryOf(c.req.raw));
    return c.json({ data: (await listSites(deps.db)).map(showSite), nextCursor: null });
  });

  app.post("/sites", async (c) => {
    await requireScope(api, c, "admin");
    const site = await createSite(deps, checked(newSite, await readJson(c.req.raw)));
    return c.json({ ...showSite(site), identitySecret: site.identitySecret }, 201);
  });

  app.patch("/sites", async (c) => {
    const site = await siteOf(api, c, "admin");
    return c.json(showSite(await changeSite(deps, site, checked(siteChanges, await readJson(c.req.raw)))));
  });

  const named = async (c: Context) => {
    await requireScope(api, c, "admin");
    const site = await deps.sites.read(c.req.param("id") ?? "");
    if (!site) throw new Failure("not_found", `There is no site "${c.req.param("id")}".`);
    return site;
  };

  app.post("/sites/:id/identity-secret", async (c) => {
    const site = await named(c);
    const { overlap } = checked(rotation, await readJson(c.req.raw, {}));
    const { identitySecret, identityPreviousUntil } = await rotateIdentitySecret(deps, site, overlap);
    return c.json({ identitySecret, previousUntil: new Date(identityPreviousUntil).toISOString() });
  });

  app.patch("/sites/:id", async (c) => {
    const site = await named(c);
    return c.json(showSite(await changeSite(deps, site, checked(siteChanges, await readJson(c.req.raw)))));
  });
  return app;
}

const isOrigin = (text: string) => URL.canParse(text) && new URL(text).origin === text && !text.includes("*");
const origin = z.string().refine(isOrigin, {
  error:
    'must be one origin as browsers send it, such as "https://www.example.com": no path, no slash at the end, no *',
});
/** A whole number from 1; `null`: without bound. */
function wholeNumber(max: number, what: string) {
  const hint = `must be ${what}, a whole number from 1 to ${max}, or null`;
  return z.int(hint).min(1, hint).max(max, hint).nullable().optional();
}

export const siteFields = {
  name: z.string("must be a text").min(1, "must not be empty").max(200, "must be at most 200 characters"),
  origins: z
    .array(origin, "must be an array of origins")
    .max(100, "must be at most 100 origins")
    .transform((origins) => [...new Set(origins)]),
  respectGpc: z.boolean("must be true or false").optional(),
  jwksUrl: z
    .url({ protocol: /^https?$/, error: "must be the address of a JSON Web Key Set, or null" })
    .max(2_000, "must have at most 2000 characters")
    .nullable()
    .optional(),
  jwksAudience: z.string("must be a text, or null").min(1, "must not be empty").max(500).nullable().optional(),
  dailyEvents: wholeNumber(1_000_000_000, "the most events a day"),
  retentionDays: wholeNumber(36_500, "for how many days events are kept whole"),
};
const newSite = z.strictObject({
  ...siteFields,
  writeKey: z
    .string()
    .regex(/^[A-Za-z0-9_-]{3,64}$/, "must be 3 to 64 letters, digits, - or _")
    .optional(),
  preset: z.enum(PRESET_NAMES, `must be one of ${PRESET_NAMES.join(", ")}`).optional(),
});
/** As long as a token may live: none is cut off. */
const OVERLAP_DEFAULT = "24h";
export const rotation = z.strictObject({
  overlap: z
    .string()
    .nullable()
    .default(OVERLAP_DEFAULT)
    .transform((text) => (text === null ? 0 : durationMs(text)))
    .refine((ms): ms is number => ms !== null, `must be ${DURATION_HINT}, or null: the one before ends at once`),
});
const siteChanges = z.strictObject(siteFields).partial();

function showSite(site: Site) {
  const { id, name, writeKey, origins, respectGpc, jwksUrl, jwksAudience, dailyEvents, retentionDays } = site;
  const settings = { id, name, writeKey, origins, respectGpc, jwksUrl, jwksAudience, dailyEvents, retentionDays };
  return { ...settings, rulesVersion: site.rulesVersion, createdAt: new Date(site.createdAt).toISOString() };
}
