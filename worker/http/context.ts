/** What the routes of the marketers' API share: who calls, about which site, supposing which instant. */
import type { Context } from "hono";
import * as z from "zod/mini";
import type { Scope } from "../db/keys";
import type { SiteRules } from "../db/sites";
import type { Deps } from "../deps";
import { Failure } from "../failure";
import type { Provider } from "../provider";
import { requireScope, requireSite } from "./access";
import { instant } from "./input";
import { noteSite } from "./observe";
import type { Operation } from "./route";

export interface Api {
  deps: Deps;
  adminKey: string;
  /** The organisation's identity provider, where there is one. */
  provider: Provider | null;
  /** The calls there are, as their routes declare them. */
  operations: Operation[];
}

/** `?site=`, allowed on every call about a site. */
export const SITE = {
  site: z.optional(z.string()),
};
/** The parameters of calls about a site that have no others. */
export const siteQuery = z.strictObject(SITE);
export const noQuery = z.strictObject({});
/** The parameters of calls that suppose an instant. */
export const atQuery = z.strictObject({ ...SITE, at: z.optional(instant) });

export async function siteOf(api: Api, c: Context, scope: Scope): Promise<SiteRules> {
  await requireScope(api, c, scope);
  const site = await requireSite(api.deps, c.req.raw);
  noteSite(c, site.id);
  return site;
}

/** How long ago "now" may be in `?at=`: it was now when the caller wrote it. */
const AT_TOLERANCE_MS = 60_000;

/** The instant that `?at=` supposes, now where it is left out; never before the lead's clock. */
export function supposedInstant(deps: Deps, at: number | undefined, clock: number | null): number {
  const now = deps.clock();
  if (at !== undefined && at < now - AT_TOLERANCE_MS) {
    throw new Failure("invalid_request", "at must not be before now: it supposes that nothing more happens.");
  }
  return Math.max(at ?? now, now, clock ?? now);
}
