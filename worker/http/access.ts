/** Who may call: with the write key of a site for public calls, with a secret key for the marketers' API. */
import type { Context } from "hono";
import type { Scope } from "../db/keys";
import type { SiteRules } from "../db/sites";
import type { Deps } from "../deps";
import { Failure } from "../failure";
import { allSites } from "../sites";
import { authorization, bearerHolder } from "./caller";
import type { Api } from "./context";
import { noteSite } from "./observe";
import { sessionScopes } from "./session";

/** Refuses calls without a secret key or token of the scope, or a signed-in session that may read it. */
export async function requireScope(api: Api, c: Context, scope: Scope): Promise<undefined> {
  const scopes = await scopesOf(api, c);
  if (scopes.includes(scope)) return undefined;
  const has = scopes.length > 0 ? scopes.join(", ") : "none";
  throw new Failure("forbidden", `This call takes the scope "${scope}"; scopes of your key: ${has}.`);
}

async function scopesOf(api: Api, c: Context): Promise<readonly Scope[]> {
  const { bearer } = authorization(c.req.raw);
  const scopes =
    bearer === undefined ? await sessionScopes(api, c.req.raw) : (await bearerHolder(api, c, bearer)).scopes;
  if (scopes) return scopes;
  throw new Failure("unauthorized", "Send a secret key: Authorization: Bearer <key>.");
}

/** The site that a call of the marketers' API is about: named by `?site=`, or the only one there is. */
export async function requireSite(deps: Deps, request: Request): Promise<SiteRules> {
  const name = new URL(request.url).searchParams.get("site");
  if (name !== null) {
    const site = await deps.sites.read(name);
    if (site) return site;
    throw new Failure("not_found", `There is no site "${name}": ?site= takes a site's id or write key.`);
  }
  const [first, second] = await allSites(deps);
  const site = first && !second ? await deps.sites.read(first.id) : null;
  if (site) return site;
  throw new Failure("invalid_request", "Name the site with ?site= (its id or write key).");
}

export interface Sender {
  site: SiteRules;
  /** With the site's database. */
  deps: Deps;
  /** Sent with a secret key. */
  trusted: boolean;
}

/**
 * The sender of a public call. The write key stands in the Basic user name, in the body or the query; with a secret
 * key it only names the site. Throws 401 for a key that no site has, 403 for a page of another origin.
 */
export async function requireSender(api: Api, c: Context, stated: unknown): Promise<Sender> {
  const { deps } = api;
  const request = c.req.raw;
  const { bearer, basicUser } = authorization(request);
  const trusted = bearer !== undefined;
  if (trusted) await requireScope(api, c, "write");
  const key = [basicUser, stated, c.req.query("writeKey"), trusted ? c.req.query("site") : undefined].find(
    (one): one is string => typeof one === "string" && one !== "",
  );
  if (key === undefined) {
    if (trusted) throw new Failure("invalid_request", "Name the site: writeKey in the body, or ?site=.");
    throw new Failure(
      "unauthorized",
      "Name the site by its write key: as HTTP Basic user name, as writeKey in the body or as ?writeKey=.",
    );
  }
  const site = await deps.sites.find(key);
  if (!site || (!trusted && site.writeKey !== key)) throw new Failure("unauthorized", "No site has this write key.");
  noteSite(c, site.id);
  const origin = request.headers.get("Origin");
  if (origin !== null && !trusted && !site.origins.includes(origin)) {
    throw new Failure("forbidden", `The origin ${origin} is not one of the site's; add it to the site's origins.`);
  }
  return { site, deps: deps.in(site), trusted };
}
