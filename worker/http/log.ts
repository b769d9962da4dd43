/**
 * What goes into the Worker's log: which route was asked for, and what became of it. Never the address that was asked for, nor the text of
 * a body: they hold e-mail addresses, ids and tokens.
 */
import type { Context } from "hono";
import { matchedRoutes } from "hono/route";

/** Logs a failure that nobody expected. */
export function logError(where: Record<string, string>, error: unknown): void {
  console.error(JSON.stringify({ level: "error", ...where, error: said(error) }));
}

/** Logs what became of a request, and what it cost. */
export function logRequest(line: Record<string, string | number>): void {
  console.log(JSON.stringify({ level: "info", ...line }));
}

/** The pattern of the route that a request met, such as `/v1/leads/:id`. */
export function routeOf(c: Context): { method: string; route: string } {
  const route = matchedRoutes(c).findLast(({ method, path }) => method !== "ALL" && !path.includes("*"));
  return { method: c.req.method, route: route?.path ?? "none" };
}

/** An error without what it may quote: the message of a query holds its parameters, that of a parser what it read. */
function said(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof SyntaxError ? cause.name : String(cause);
}
