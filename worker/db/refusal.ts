/** Why D1 refused something, told from the text of its error: there is nothing else to tell it by. */

import { TooSlow } from "./deadline";

/** What was read of a lead does not belong together: it was written in between. Reading it again mends it. */
export class StaleRead extends Error {
  constructor() {
    super("a lead was written while it was read");
  }
}

/** What several asked for together failed: nobody knows whose fault it was, nor whether it was done all the same. */
export class SharedFailure extends Error {
  constructor(cause: unknown) {
    super("a shared transaction failed", { cause });
  }
}

/** Most times that something is read again because of that. */
const READS_MAX = 8;

/** Does work that reads leads, and does it again where they were written meanwhile. */
export async function readingAgain<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StaleRead) || tries === READS_MAX) throw error;
    }
  }
}

/** Why a write was refused; but for `over_budget`, `fenced`, `outdated` (rules) and `erased`, trying again at once can help. */
export type Refusal = "duplicate" | "conflict" | "over_budget" | "fenced" | "outdated" | "erased" | "transient";

/** Errors of D1 after which the same write may be tried again (its documentation, "Debug D1"). */
const TRANSIENT = [
  "Network connection lost",
  "storage caused object to be reset",
  "reset because its code was updated",
  "Cannot resolve D1 DB due to transient issue",
  "D1 DB is overloaded",
  "D1 DB storage operation exceeded timeout",
  "D1 DB's isolate exceeded its memory limit",
  "D1 DB exceeded its CPU time limit",
  "Can't read from request stream",
  // What the platform says where it does not tell the reason: "internal error; reference = …".
  "internal error",
  // A file of our own that is just being rewritten (demo/vacuum.ts).
  "SQLITE_BUSY",
];

/** Tells why D1 refused a batch; `null`: for no reason that is known here. */
export function refusalOf(error: unknown): Refusal | null {
  if (error instanceof StaleRead) return "conflict";
  if (error instanceof TooSlow || error instanceof SharedFailure) return "transient";
  // Of drizzle's errors only the cause is looked at: the message of a query holds its parameters.
  const text = String(error instanceof Error ? (error.cause ?? error) : error);
  const says = (...parts: string[]) => parts.some((part) => text.includes(part));
  if (says("site_fenced", "NOT NULL constraint failed: messages.site_id")) return "fenced";
  if (says("NOT NULL constraint failed: leads.rules_version")) return "outdated";
  if (says("messages.id")) return "duplicate";
  if (says("erased.hash")) return "erased";
  if (says("usage.events")) return "over_budget";
  if (says("lead_conflict", "identities.key", "identities.lead_id")) return "conflict";
  return says(...TRANSIENT) ? "transient" : null;
}

/** How D1 tells that one statement cannot be done: what SQLite said, mostly with its code, or that the database is full. */
const OF_STATEMENTS = ["SQLITE_", "constraint failed", "Exceeded maximum DB size"];

/** Whether an error is of one statement, whose transaction is rolled back for certain. */
export function isRolledBack(error: unknown): boolean {
  return OF_STATEMENTS.some((known) => String(error).includes(known)) && refusalOf(error) !== "transient";
}
