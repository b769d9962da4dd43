/** Failures on the wire: RFC 9457 problem documents, one mapping for all routes. */
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { refusalOf } from "../db/refusal";
import { Failure, type FailureCode, moving } from "../failure";
import { logError, routeOf } from "./log";
import { noteOutcome } from "./observe";

export type ErrorCode = FailureCode | "internal_error";

/** Every error there is; http/docs.tsx says at `/docs/errors` what each means. */
export const ERRORS: Record<ErrorCode, { status: ContentfulStatusCode; title: string }> = {
  invalid_json: { status: 400, title: "The body is not readable JSON" },
  invalid_request: { status: 400, title: "The request is not valid" },
  unauthorized: { status: 401, title: "The key is missing or wrong" },
  forbidden: { status: 403, title: "Not allowed" },
  not_found: { status: 404, title: "Not found" },
  wrong_method: { status: 405, title: "The path does not take this method" },
  conflict: { status: 409, title: "In conflict with what there is" },
  stale: { status: 412, title: "It has changed since you read it" },
  too_large: { status: 413, title: "The request is too large" },
  invalid_rules: { status: 422, title: "The rules are not valid" },
  rate_limited: { status: 429, title: "Too many requests" },
  over_budget: { status: 429, title: "The site has had its events of the day" },
  internal_error: { status: 500, title: "Internal error" },
  busy: { status: 503, title: "Busy, try again" },
  moving: { status: 503, title: "The site is being moved" },
};

/** Seconds after which a client may try again where nothing better is known. */
const RETRY_AFTER_S = 2;

/** The answer for whatever a route threw. */
export function problem(thrown: unknown, c: Context): Response {
  const error = failureOf(thrown, c);
  if (!error) {
    const detail = "Something broke on our side; it has been logged. Sending the same again is safe.";
    return document(c, "internal_error", detail);
  }
  const { status } = ERRORS[error.code];
  if (status === 401) c.header("WWW-Authenticate", 'Bearer realm="kelvin"');
  if (status === 503 || status === 429) c.header("Retry-After", String(error.retryAfterS ?? RETRY_AFTER_S));
  return document(c, error.code, error.detail, error.errors ? { errors: error.errors } : {});
}

/** What a route's failure is to whoever called, noted as the outcome. `null`: a bug, which is logged. */
export function failureOf(thrown: unknown, c: Context): Failure | null {
  const failure = thrown instanceof Failure ? thrown : databaseFailure(thrown);
  if (!failure) logError(routeOf(c), thrown);
  noteOutcome(c, failure?.code ?? "internal_error");
  return failure;
}

function databaseFailure(thrown: unknown): Failure | null {
  const refusal = refusalOf(thrown);
  if (refusal === null) return null;
  return refusal === "fenced" ? moving() : new Failure("busy", "The database is busy. Try again.");
}

function document(c: Context, code: ErrorCode, detail: string, more: Record<string, unknown> = {}): Response {
  const { status, title } = ERRORS[code];
  const body = { type: `/docs/errors#${code}`, title, status, detail, ...more };
  return c.body(JSON.stringify(body), status, { "Content-Type": "application/problem+json" });
}
