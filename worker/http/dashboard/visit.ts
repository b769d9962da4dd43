/** What the dashboard's routes share: who is there, about which site, what a form holds, and how a page goes out. */
import type { Context } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { html } from "hono/html";
import type { Child } from "hono/jsx";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { Frame, Ladder } from "../../dashboard/data";
import type { Scope } from "../../db/keys";
import type { SiteRules } from "../../db/sites";
import type { Deps } from "../../deps";
import { Failure } from "../../failure";
import { allSites } from "../../sites";
import { type Session as Copy, isBookmark, reading, writing } from "../bookmark";
import type { Api } from "../context";
import { isReading } from "../route";
import { readSession, requireFormToken, requireOwnPage, type Session } from "../session";

/** Somebody signed in, looking at a site. */
export interface Visit {
  frame: Frame;
  site: SiteRules;
  /** With the site's database. */
  deps: Deps;
}

/** The frame of a page, and its site; `null`: there is no site yet. */
export interface Arrival {
  frame: Frame;
  site: SiteRules | null;
}

/** Thrown where nobody is signed in: the door is shown instead of the page. */
export class SignInNeeded extends Failure {
  /** `kept`: a text that was sent and must not get lost. */
  constructor(readonly kept?: string) {
    super("unauthorized", "Your session has ended and nothing was done. Sign in again, then send the form once more.");
  }
}

/** Thrown where a page needs a site and there is none: the form that makes the first one is shown instead. */
export class SiteNeeded extends Failure {
  constructor() {
    super("not_found", "There is no site yet.");
  }
}

async function signedIn(api: Api, c: Context, kept?: () => string | undefined): Promise<Session> {
  const session = await readSession(api, c.req.raw);
  if (session?.scopes.includes("read")) return session;
  throw new SignInNeeded(kept?.());
}

/** Lets somebody signed in come to a page that does without a site. */
export async function arrive(api: Api, c: Context): Promise<Arrival> {
  return await framed(api, c, await signedIn(api, c));
}

async function framed({ deps }: Api, c: Context, session: Session): Promise<Arrival> {
  const all = await allSites(deps);
  const wanted = c.req.query("site");
  const entry = wanted === undefined ? all[0] : all.find(({ id, writeKey }) => id === wanted || writeKey === wanted);
  if (wanted !== undefined && !entry) throw new Failure("not_found", `There is no site "${wanted}".`);
  const frame: Frame = {
    now: deps.clock(),
    sites: all.map(({ id, name }) => ({ id, name })),
    site: entry ? { id: entry.id, name: entry.name } : null,
    formToken: session.formToken,
    mayWrite: session.scopes.includes("write"),
    mayAdminister: session.scopes.includes("admin"),
  };
  return { frame, site: entry ? await deps.sites.find(entry.id) : null };
}

/** Lets somebody signed in look at a site. */
export async function enter(api: Api, c: Context): Promise<Visit> {
  const { frame, site } = await arrive(api, c);
  if (!site) throw new SiteNeeded();
  if (isReading(c)) return { frame, site, deps: reading(api.deps, site, keptBookmark(c)).deps };
  const session = writing(api.deps, site);
  c.set(WROTE, session);
  return { frame, site, deps: session.deps };
}

/** Under this name a request has the session in which it may have written. */
const WROTE = "kelvin.wrote";
const BOOKMARK_COOKIE = "kelvin_bookmark";
/** How long after somebody wrote they read nothing older, seconds: copies are at most some seconds behind. */
const BOOKMARK_MAX_AGE_S = 60;

/** The bookmark of what the same browser wrote; one that is none is as good as no cookie. */
function keptBookmark(c: Context): string | undefined {
  const kept = getCookie(c, BOOKMARK_COOKIE);
  return kept !== undefined && isBookmark(kept) ? kept : undefined;
}

/** After a form was acted on: the page that comes next shows what it did. */
export async function keepBookmark(c: Context): Promise<void> {
  const session: Copy | undefined = c.get(WROTE);
  const bookmark = await session?.bookmark();
  if (!bookmark) return;
  const secure = new URL(c.req.url).protocol === "https:";
  const scope = { path: "/dashboard", httpOnly: true, sameSite: "Lax", secure } as const;
  setCookie(c, BOOKMARK_COOKIE, bookmark, { ...scope, maxAge: BOOKMARK_MAX_AGE_S });
}

export type Fields = Record<string, string>;

/** The fields of a form sent from a page of ours. Files and repeated fields are none of ours. */
export async function ownForm(c: Context): Promise<Fields> {
  requireOwnPage(c.req.raw);
  const body = await c.req.parseBody();
  return Object.fromEntries(Object.entries(body).filter((field): field is [string, string] => isText(field[1])));
}

const isText = (value: unknown): value is string => typeof value === "string";

/**
 * A form of somebody signed in who may do what it asks for; what that is may depend on the form. `kept`: what of it must
 * not get lost where nobody is signed in any more.
 */
export async function signedForm(
  api: Api,
  c: Context,
  wanted: Scope | ((fields: Fields) => Scope),
  kept: (fields: Fields) => string | undefined = () => undefined,
): Promise<Fields> {
  const fields = await ownForm(c);
  const session = await signedIn(api, c, () => kept(fields));
  requireFormToken(session, fields.formToken);
  const scope = typeof wanted === "string" ? wanted : wanted(fields);
  if (!session.scopes.includes(scope)) throw new Failure("forbidden", `Your key lacks the scope "${scope}".`);
  return fields;
}

/** What is wrong with a form, where of the fields of this name at least one is to be ticked: in a form's words. */
export function unticked(problems: NonNullable<Failure["errors"]>, name: string): NonNullable<Failure["errors"]> {
  return problems.map((one) => (one.pointer === `#/${name}` ? { ...one, detail: "choose at least one" } : one));
}

export function page(c: Context, content: Child, status: ContentfulStatusCode = 200): Response | Promise<Response> {
  return c.html(html`<!doctype html>${content}`, status);
}

/** The query without fields that were left empty: a form sends those too. */
export function filled(c: Context): Fields {
  return Object.fromEntries(Object.entries(c.req.query()).filter(([, value]) => value !== ""));
}

/** The site that the page names, to go on with. */
export function siteIn(c: Context): { site?: string } {
  const site = c.req.query("site");
  return site === undefined ? {} : { site };
}

export function laddersOf({ rules }: SiteRules): Ladder[] {
  return rules.ladders.map(({ name, levels }) => ({ name, levels: levels.map((level) => level.name) }));
}
