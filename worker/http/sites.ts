/** Sites: listed, made and changed by administrators. */
import { Hono } from "hono";
import * as z from "zod";
import { PRESET_NAMES } from "../core/presets";
import { listSites, type Site } from "../db/sites";
import { Failure } from "../failure";
import { changeSite, createSite } from "../sites";
import { requireScope } from "./access";
import { readJson } from "./body";
import { type Api, siteOf } from "./context";
import { checked, queryOf } from "./input";

export function siteRoutes(api: Api): Hono {
  const { deps, adminKey } = api;
  const app = new Hono();

  app.get("/sites", async (c) => {
    await requireScope(c.req.raw, adminKey, "admin");
    checked(z.strictObject({}), queryOf(c.req.raw));
    return c.json({ data: (await listSites(deps.db)).map(showSite), nextCursor: null });
  });

  app.post("/sites", async (c) => {
    await requireScope(c.req.raw, adminKey, "admin");
    const site = await createSite(deps, checked(newSite, await readJson(c.req.raw)));
    return c.json({ ...showSite(site), identitySecret: site.identitySecret }, 201);
  });

  app.patch("/sites", async (c) => {
    const site = await siteOf(api, c, "admin");
    return c.json(showSite(await changeSite(deps, site, checked(siteChanges, await readJson(c.req.raw)))));
  });

  app.patch("/sites/:id", async (c) => {
    await requireScope(c.req.raw, adminKey, "admin");
    const site = await deps.sites.find(c.req.param("id"));
    if (!site) throw new Failure("not_found", `There is no site "${c.req.param("id")}".`);
    return c.json(showSite(await changeSite(deps, site, checked(siteChanges, await readJson(c.req.raw)))));
  });
  return app;
}

const isOrigin = (text: string) => URL.canParse(text) && new URL(text).origin === text && !text.includes("*");
const origin = z.string().refine(isOrigin, {
  error:
    'must be one origin as browsers send it, such as "https://www.example.com": no path, no slash at the end, no *',
});
const siteFields = {
  name: z.string("must be a text").min(1, "must not be empty").max(200, "must be at most 200 characters"),
  origins: z
    .array(origin, "must be an array of origins")
    .max(100, "must be at most 100 origins")
    .transform((origins) => [...new Set(origins)]),
  respectGpc: z.boolean("must be true or false").optional(),
};
const newSite = z.strictObject({
  ...siteFields,
  writeKey: z
    .string()
    .regex(/^[A-Za-z0-9_-]{3,64}$/, "must be 3 to 64 letters, digits, - or _")
    .optional(),
  preset: z.enum(PRESET_NAMES, `must be one of ${PRESET_NAMES.join(", ")}`).optional(),
});
const siteChanges = z.strictObject(siteFields).partial();

function showSite({ id, name, writeKey, origins, respectGpc, rulesVersion, createdAt }: Site) {
  return { id, name, writeKey, origins, respectGpc, rulesVersion, createdAt: new Date(createdAt).toISOString() };
}
