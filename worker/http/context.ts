/** What the routes of the marketers' API share: who calls, about which site, supposing which instant. */
import type { Context } from "hono";
import * as z from "zod";
import { listSites, type SiteRules } from "../db/sites";
import type { Deps } from "../deps";
import { Failure } from "../failure";
import { requireScope, requireSite, type Scope } from "./access";
import { checked, instant, queryOf } from "./input";
import { logError, routeOf } from "./log";

export interface Api {
  deps: Deps;
  adminKey: string;
}

/** `?site=`, allowed on every call. */
export const SITE = { site: z.string().optional() };

export async function siteOf({ deps, adminKey }: Api, c: Context, scope: Scope): Promise<SiteRules> {
  await requireScope(c.req.raw, adminKey, scope);
  return await requireSite(deps, c.req.raw, () => listSites(deps.db));
}

/** How long ago "now" may be in `?at=`: it was now when the caller wrote it. */
const AT_TOLERANCE_MS = 60_000;

/** The instant that `?at=` supposes, now where it is left out; never before the lead's clock. */
export function supposedInstant(c: Context, deps: Deps, clock: number | null): number {
  const { at } = checked(z.strictObject({ ...SITE, at: instant.optional() }), queryOf(c.req.raw));
  const now = deps.clock();
  if (at !== undefined && at < now - AT_TOLERANCE_MS) {
    throw new Failure("invalid_request", "at must not be before now: it supposes that nothing more happens.");
  }
  return Math.max(at ?? now, now, clock ?? now);
}

/** Goes on with work after the answer, where the runtime can; a scheduled run would do it else. */
export function later(c: Context, work: Promise<unknown>): void {
  const logged = work.catch((error) => logError(routeOf(c), error));
  try {
    c.executionCtx.waitUntil(logged);
  } catch {
    // Called without an execution context, as in tests: the promise runs on by itself.
  }
}
