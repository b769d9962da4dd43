/** E-mail links: made by marketers' programs, followed by everybody and everything. */
import type { Context } from "hono";
import * as z from "zod/mini";
import { isEmail } from "../core/identity";
import type { Deps } from "../deps";
import { Failure } from "../failure";
import { destination, LINKS_MAX, type LinkEvent, makeLinks, type OpenedLink, readLink, recordLink } from "../links";
import { requireObject } from "./body";
import { type Api, siteOf, siteQuery } from "./context";
import { failureOf } from "./errors";
import { gif } from "./gif";
import { Hono } from "./hono";
import { agentKind } from "./machine";
import { noteOutcome, noteSite } from "./observe";
import { limitAddress } from "./public";
import { Calls } from "./route";

export function linkRoutes(api: Api): Hono {
  const app = new Hono();
  new Calls(app, api, "E-mail links", (c, scope) => siteOf(api, c, scope)).post(
    "/links",
    {
      scope: "write",
      query: siteQuery,
      body: z.union([link, manyLinks]),
      bodyMeant: (body) => ("links" in requireObject(body) ? manyLinks : link),
    },
    async ({ deps, c, site, body }) => {
      const { origin } = new URL(c.req.url);
      const made = await makeLinks(deps, site, "links" in body ? body.links : [body]);
      const links = made.map(({ click, open }) => ({ click: origin + click, open: origin + open }));
      const [first] = links;
      return "links" in body || !first ? { links } : first;
    },
  );
  return app;
}

const link = z
  .strictObject({
    lead: z.optional(z.string("must be the id of a lead").check(z.minLength(1, "must not be empty"))),
    email: z.optional(z.string("must be an e-mail address").check(z.refine(isEmail, "must be an e-mail address"))),
    url: z
      .url({ protocol: /^https?$/, error: "must be an absolute address that begins with http:// or https://" })
      .check(
        z.refine((text) => text.isWellFormed(), "must not hold broken Unicode"),
        z.maxLength(2_000, "must have at most 2000 characters"),
      ),
    campaign: z.optional(
      z
        .string("must be a text")
        .check(z.minLength(1, "must not be empty"), z.maxLength(200, "must have at most 200 characters")),
    ),
  })
  .check(
    z.refine(
      ({ lead, email }) => (lead === undefined) !== (email === undefined),
      'must name the lead: either "lead" or "email"',
    ),
  );
const manyLinks = z.strictObject({
  links: z
    .array(link, "must be an array of links")
    .check(z.minLength(1, "must not be empty"), z.maxLength(LINKS_MAX, `must be at most ${LINKS_MAX}`)),
});

/** Addresses that stand in e-mails. Whatever is wrong with them, a mail shows its picture and a reader a page. */
export function mailRoutes(api: Api): Hono {
  const { deps } = api;
  const app = new Hono();

  app.get("/o/:file{.+\\.gif}", async (c) => {
    await recordOpen(c, api, c.req.param("file").slice(0, -".gif".length)).catch((error) => failureOf(error, c));
    return gif(c);
  });

  app.get("/c/:token", async (c) => {
    c.header("Cache-Control", "no-store");
    c.header("Referrer-Policy", "no-referrer");
    c.header("X-Robots-Tag", "noindex");
    const opened = await readLink(deps, "click", c.req.param("token"));
    if (!opened)
      return c.text("This link is not complete, or it was changed on its way. Open it from the e-mail itself.", 404);
    noteSite(c, opened.site.id);
    // Whoever cannot be counted is led on all the same.
    const isCounted = !optedOut(c, opened) && (await isWithinLimits(c, api));
    const byMachine = isMachine(c, deps.isLocal);
    if (isCounted && byMachine)
      await record(c, deps, opened, "Email Link Clicked").catch((error) => failureOf(error, c));
    return c.redirect(await destination(deps, opened, isCounted && !byMachine), 302);
  });
  return app;
}

async function recordOpen(c: Context, api: Api, token: string): Promise<void> {
  await limitAddress(c, api);
  const { deps } = api;
  const opened = await readLink(deps, "open", token);
  if (!opened || optedOut(c, opened)) return;
  noteSite(c, opened.site.id);
  await record(c, deps, opened, "Email Opened");
}

async function record(c: Context, deps: Deps, opened: OpenedLink, event: LinkEvent): Promise<void> {
  const isQueued = await recordLink(deps, opened, event, isMachine(c, deps.isLocal));
  if (isQueued) noteOutcome(c, "queued");
}

async function isWithinLimits(c: Context, api: Api): Promise<boolean> {
  return await limitAddress(c, api).then(
    () => true,
    (error) => {
      if (error instanceof Failure) return false;
      throw error;
    },
  );
}

function optedOut(c: Context, { site }: OpenedLink): boolean {
  return site.respectGpc && c.req.header("Sec-GPC") === "1";
}

/** Headers by which browsers and mail programs say that nobody has clicked yet. */
const PREFETCH_HEADERS = ["Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"];

/** Office looks at a link before it opens the browser. */
const OFFICE = /ms-?office|safelinks/i;

/** Scanners, prefetchers and the proxies of mail programs, told by their name, their method or what they say. */
function isMachine(c: Context, isLocal: boolean): boolean {
  if (c.req.method === "HEAD") return true;
  if (PREFETCH_HEADERS.some((name) => /prefetch|preview|prerender/i.test(c.req.header(name) ?? ""))) return true;
  const agent = c.req.header("User-Agent") ?? "";
  // People read mails with programs that say so; a library on its own is a scanner.
  return agentKind(agent, isLocal) !== "person" || OFFICE.test(agent);
}
