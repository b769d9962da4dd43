/**
 * What is noted of every request: counts for `GET /v1/status`, a line in the log where it is worth one, and under
 * `npm start` what it cost, in the answer. Nothing that names a person: the pattern of the route, never the address.
 */
import type { Context, MiddlewareHandler } from "hono";
import { noTrips, type Trips, tripsOf } from "../db/meter";
import type { Deps } from "../deps";
import { NOBODY } from "../tallies";
import type { ErrorCode } from "./errors";
import { later } from "./later";
import { logRequest, routeOf } from "./log";

/** What the log has lines of: `problems` (of ours, and what had to wait), all, or a share of all. */
export type Logged = "problems" | "all" | number;

/** Reads LOG_REQUESTS; throws where it is none of these. */
export function loggedOf(text = "problems"): Logged {
  if (text === "problems" || text === "all") return text;
  const share = Number(text);
  if (text.trim() !== "" && share >= 0 && share <= 1) return share;
  throw new Error(`LOG_REQUESTS is "${text}"; it must be "problems", "all" or a share from 0 to 1.`);
}

const SITE = "kelvin-site";
const OUTCOME = "kelvin-outcome";

/** Notes which site a request is about. */
export function noteSite(c: Context, siteId: string): void {
  c.set(SITE, siteId);
}

/** Notes what became of it, other than well. */
export function noteOutcome(c: Context, outcome: ErrorCode | "queued"): void {
  c.set(OUTCOME, outcome);
}

export function observe(deps: Deps, logged: Logged): MiddlewareHandler {
  return async (c, next) => {
    const trips = noTrips();
    const since = performance.now();
    const request = c.req.header("CF-Ray") ?? deps.newId();
    // Before there is an answer, which would be made anew for it.
    c.header("X-Request-Id", request);
    await tripsOf.run(trips, next);
    const ms = performance.now() - since;
    const outcome: string = c.get(OUTCOME) ?? "ok";
    const site: string = c.get(SITE) ?? NOBODY;
    if (deps.isLocal) c.header("Server-Timing", timing(trips, ms));
    if (isWorthALine(logged, c.res.status, outcome)) {
      const { trips: count, rowsRead, rowsWritten, ms: d1Ms } = trips;
      const cost = { ms: Math.round(ms), d1Ms: Math.round(d1Ms), trips: count, rowsRead, rowsWritten };
      logRequest({
        request,
        ...(site === NOBODY ? {} : { site }),
        ...routeOf(c),
        status: c.res.status,
        outcome,
        ...cost,
      });
    }
    if (outcome !== "ok" && outcome !== "queued") deps.tallies.add(site, `refused.${outcome}`);
    if (deps.tallies.isDue) later(c, deps.tallies.settle(deps));
  };
}

/** Outcomes that whoever keeps Kelvin running wants to hear of, though the pixel's status tells nobody. */
const PROBLEMS = new Set<string>(["queued", "internal_error", "busy", "moving"] satisfies (ErrorCode | "queued")[]);

function isWorthALine(logged: Logged, status: number, outcome: string): boolean {
  if (status >= 500 || PROBLEMS.has(outcome) || logged === "all") return true;
  return typeof logged === "number" && Math.random() < logged;
}

/** As browsers' developer tools show it. */
function timing({ trips, rowsRead, rowsWritten, ms }: Trips, totalMs: number): string {
  const told = `${trips} ${trips === 1 ? "trip" : "trips"}, ${rowsRead} rows read, ${rowsWritten} written`;
  return `d1;dur=${ms.toFixed(1)};desc="${told}", total;dur=${totalMs.toFixed(1)}`;
}
