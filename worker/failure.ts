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
  | "busy";

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
