/** Who calls: the write key of a site for public calls, a secret key for the marketers' API. */
import type { SiteRules } from "../db/sites";
import type { Deps } from "../deps";
import { Failure } from "../failure";
import { sessionOpens } from "./session";

export type Scope = "read" | "write" | "admin";

/** Credentials of the Authorization header. */
function authorization(request: Request): { bearer?: string; basicUser?: string } {
  const [scheme, value] = (request.headers.get("Authorization") ?? "").split(" ", 2);
  if (value === undefined) return {};
  if (scheme?.toLowerCase() === "bearer") return { bearer: value };
  if (scheme?.toLowerCase() !== "basic") return {};
  try {
    return { basicUser: atob(value).split(":", 1)[0] ?? "" };
  } catch {
    return {};
  }
}

/** Whether two texts are the same, in a time that does not tell where they differ (it compares their digests). */
async function sameText(a: string, b: string): Promise<boolean> {
  const digest = (text: string) => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const [left, right] = await Promise.all([digest(a), digest(b)]);
  return crypto.subtle.timingSafeEqual(left, right);
}

/** Refuses calls without a secret key of the scope, or a signed-in session that may read it. */
export async function requireScope(request: Request, adminKey: string, scope: Scope): Promise<void> {
  const { bearer } = authorization(request);
  if (bearer === undefined && (await sessionOpens(request, adminKey, scope))) return;
  if (bearer === undefined) {
    throw new Failure("unauthorized", "Send a secret key: Authorization: Bearer <key>.");
  }
  if (!(await sameText(bearer, adminKey))) throw new Failure("unauthorized", "The secret key is not known.");
}

/** The site that a call of the marketers' API is about: named by `?site=`, or the only one there is. */
export async function requireSite(
  deps: Deps,
  request: Request,
  only: () => Promise<{ id: string }[]>,
): Promise<SiteRules> {
  const name = new URL(request.url).searchParams.get("site");
  if (name !== null) {
    const site = await deps.sites.read(name);
    if (site) return site;
    throw new Failure("not_found", `There is no site "${name}": ?site= takes a site's id or write key.`);
  }
  const [first, second] = await only();
  const site = first && !second ? await deps.sites.read(first.id) : null;
  if (site) return site;
  throw new Failure("invalid_request", "Name the site with ?site= (its id or write key).");
}

export interface Sender {
  site: SiteRules;
  /** Sent with a secret key. */
  trusted: boolean;
}

/**
 * The sender of a public call. The write key stands in the Basic user name, in the body or the query; with a secret
 * key it only names the site. Throws 401 for a key that no site has, 403 for a page of another origin.
 */
export async function requireSender(deps: Deps, adminKey: string, request: Request, stated: unknown): Promise<Sender> {
  const { bearer, basicUser } = authorization(request);
  const query = new URL(request.url).searchParams;
  const trusted = bearer !== undefined;
  if (trusted) await requireScope(request, adminKey, "write");
  const key = [basicUser, stated, query.get("writeKey"), trusted ? query.get("site") : null].find(
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
  const origin = request.headers.get("Origin");
  if (origin !== null && !trusted && !site.origins.includes(origin)) {
    throw new Failure("forbidden", `The origin ${origin} is not one of the site's; add it to the site's origins.`);
  }
  return { site, trusted };
}
