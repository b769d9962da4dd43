/** Pages about a site: its tag, whether it works, and its settings. */
import type { Context } from "hono";
import * as z from "zod/mini";
import { SecretPage } from "../../dashboard/keys";
import { NewSitePage, Received, SetupPage, type SiteForm, SiteMadePage } from "../../dashboard/setup";
import type { SiteSettings } from "../../db/sites";
import { Failure } from "../../failure";
import { pageOfLeads } from "../../leads";
import { changeSite, createSite, rotateIdentitySecret, SETTINGS } from "../../sites";
import type { Api } from "../context";
import type { Hono } from "../hono";
import { checked } from "../input";
import { rotation, siteFields } from "../sites";
import { arrive, enter, type Fields, page, signedForm, type Visit } from "./visit";

export function setupPages(app: Hono, api: Api): void {
  app.get("/setup", async (c) => {
    const visit = await enter(api, c);
    const { frame, site } = visit;
    const form = settingsForm(site);
    const saved = c.req.query("saved") !== undefined;
    const lastSeen = await latestEvent(visit);
    const shown = { frame, site, origin: originOf(c), lastSeen, form, problems: [], saved };
    return await page(c, <SetupPage {...shown} />);
  });

  app.get("/setup/received", async (c) => {
    const visit = await enter(api, c);
    return await page(c, <Received frame={visit.frame} lastSeen={await latestEvent(visit)} />);
  });

  app.post("/setup", async (c) => {
    const fields = await signedForm(api, c, "admin");
    const visit = await enter(api, c);
    const { frame, site, deps } = visit;
    const read = siteOf(fields);
    if ("problems" in read) {
      const lastSeen = await latestEvent(visit);
      const shown = { frame, site, origin: originOf(c), lastSeen, form: formOf(fields), ...read, saved: false };
      return await page(c, <SetupPage {...shown} />, 422);
    }
    await changeSite(deps, site, read.site);
    return c.redirect(`/dashboard/setup?${new URLSearchParams({ site: site.id, saved: "true" })}`, 303);
  });

  app.post("/setup/identity-secret", async (c) => {
    const { overlap } = await signedForm(api, c, "admin");
    const { frame, site, deps } = await enter(api, c);
    const { overlap: overlapMs } = checked(rotation, { overlap: overlap || null });
    const { identitySecret } = await rotateIdentitySecret(deps, site, overlapMs);
    const lead = "It is shown only now. Sign tokens with it from half a minute on.";
    const shown = { frame, title: "The new identity secret", lead, secret: identitySecret, back: "/setup" };
    return await page(c, <SecretPage {...shown} />, 201);
  });

  // The secret's page stands at its form's address: whoever asks for that again makes no new one.
  app.get("/setup/identity-secret", (c) => c.redirect(`/dashboard/setup${new URL(c.req.url).search}`, 303));

  app.get("/sites/new", async (c) => {
    const { frame } = await arrive(api, c);
    return await page(c, <NewSitePage frame={frame} form={EMPTY} problems={[]} />);
  });

  app.post("/sites/new", async (c) => {
    const fields = await signedForm(api, c, "admin");
    const read = siteOf(fields);
    if ("problems" in read) {
      const { frame } = await arrive(api, c);
      return await page(c, <NewSitePage frame={frame} form={formOf(fields)} {...read} />, 422);
    }
    const site = await createSite(api.deps, read.site);
    const { frame } = await arrive(api, c);
    const shown = { site, identitySecret: site.identitySecret, origin: originOf(c) };
    // Shown by the answer itself and not after a redirect: the secret stands nowhere to be read again.
    return await page(c, <SiteMadePage frame={{ ...frame, site: { id: site.id, name: site.name } }} {...shown} />, 201);
  });
}

const EMPTY = settingsForm({ name: "", origins: [], ...SETTINGS });

/** Settings as a form shows them. */
function settingsForm(settings: SiteSettings): SiteForm {
  const { name, origins, respectGpc, dailyEvents, retentionDays, anonymousRetentionDays } = settings;
  const { jwksUrl, jwksAudience } = settings;
  return {
    name,
    origins: origins.join("\n"),
    respectGpc,
    dailyEvents: String(dailyEvents ?? ""),
    retentionDays: String(retentionDays ?? ""),
    anonymousRetentionDays: String(anonymousRetentionDays ?? ""),
    jwksUrl: jwksUrl ?? "",
    jwksAudience: jwksAudience ?? "",
  };
}

function originOf(c: Context): string {
  return new URL(c.req.url).origin;
}

/** Time of the latest event that any lead of the site sent. */
async function latestEvent({ deps, site }: Visit): Promise<string | null> {
  for (const disqualified of [false, true]) {
    const { data } = await pageOfLeads(
      deps,
      site,
      { levels: {}, disqualified },
      { sort: "-lastSeen", limit: 1, after: null },
    );
    if (data[0]?.lastSeen) return data[0].lastSeen;
  }
  return null;
}

/** People paste addresses of pages; what counts is their origin. */
const origin = z.pipe(
  z.string().check(
    z.refine((text) => /^https?:\/\//i.test(text) && URL.canParse(text), {
      error: (issue) => `"${issue.input}" is not an address such as https://www.example.com`,
    }),
  ),
  z.transform((text) => new URL(text).origin),
);
const tick = z.pipe(
  z.optional(z.string()),
  z.transform((value) => value === "true"),
);
/** A field that may be left empty. */
const orNull = (text: z.ZodMiniString) =>
  z.pipe(
    text,
    z.transform((value) => value.trim() || null),
  );
const count = z.pipe(
  orNull(z.string()),
  z.transform((text) => (text === null ? null : Number(text))),
);
const siteForm = z.object({
  name: z.pipe(z.string().check(z.trim()), siteFields.name),
  origins: z.pipe(
    z.pipe(
      z.string(),
      z.transform((text) => text.split(/[\s,]+/).filter(Boolean)),
    ),
    z.array(origin).check(z.maxLength(100, "must be at most 100")),
  ),
  respectGpc: tick,
  dailyEvents: z.optional(z.pipe(count, siteFields.dailyEvents.def.innerType)),
  retentionDays: z.optional(z.pipe(count, siteFields.retentionDays.def.innerType)),
  anonymousRetentionDays: z.optional(z.pipe(count, siteFields.anonymousRetentionDays.def.innerType)),
  jwksUrl: z.optional(z.pipe(orNull(z.string()), siteFields.jwksUrl.def.innerType)),
  jwksAudience: z.optional(z.pipe(orNull(z.string()), siteFields.jwksAudience.def.innerType)),
});

function siteOf(fields: Fields): { site: z.output<typeof siteForm> } | { problems: NonNullable<Failure["errors"]> } {
  try {
    return { site: checked(siteForm, fields) };
  } catch (error) {
    if (error instanceof Failure && error.errors) return { problems: error.errors };
    throw error;
  }
}

/** What was typed, to be mended. */
function formOf(fields: Fields): SiteForm {
  return { ...EMPTY, ...fields, respectGpc: fields.respectGpc === "true" };
}
