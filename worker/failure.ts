/** Expected failures: what went wrong, in a closed set of codes that http/errors.ts puts on the wire. */
import type { Problem } from "./core/problems";

export type FailureCode =
  | "invalid_json"
  | "invalid_request"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "wrong_method"
  | "conflict"
  | "stale"
  | "too_large"
  | "invalid_rules"
  | "rate_limited"
  | "over_budget"
  | "busy"
  | "moving";

export class Failure extends Error {
  constructor(
    readonly code: FailureCode,
    /** For people: what is wrong and what would be right. */
    readonly detail: string,
    readonly errors?: Problem[],
    /** When to try again at the earliest, seconds. */
    readonly retryAfterS?: number,
  ) {
    super(detail);
  }
}

/** When those who are told to come again should, while a site is moved, seconds. */
const MOVING_RETRY_S = 5;

/** A site is on its way from one database to another, and nothing of it can be written. */
export function moving(): Failure {
  const detail =
    "The site is being moved to another database. Send the same again in a moment: each message counts once.";
  return new Failure("moving", detail, undefined, MOVING_RETRY_S);
}
