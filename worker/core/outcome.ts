/** Outcomes: what became of a lead in the end, as an event of its log, and what its log held before that. */
import type { LoggedEvent } from "./event";
import { eventKey, triggerKey } from "./fields";
import { dig } from "./read";

export const OUTCOMES = ["won", "lost", "converted"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Name of the event that an outcome is logged as. */
export const OUTCOME_RECORDED = "Outcome Recorded";
export const OUTCOME_KEY = triggerKey(OUTCOME_RECORDED);

/** The outcome that an event records; `null`: none. Anybody can send the name, so it must be verified. */
export function outcomeOf(event: LoggedEvent): Outcome | null {
  if (!event.verified || event.machine || eventKey(event) !== OUTCOME_KEY) return null;
  const said = dig(event.properties, "outcome");
  return OUTCOMES.find((outcome) => outcome === said) ?? null;
}

/** Whether an outcome is what all the work is for: `lost` is not. */
export function isConversion(outcome: Outcome | null): boolean {
  return outcome === "won" || outcome === "converted";
}

/** When the earliest outcome happened, ms, of those that `outcomeAt` is of and one more event. */
export function outcomeWith(outcomeAt: number | null, event: LoggedEvent): number | null {
  return outcomeOf(event) === null ? outcomeAt : Math.min(outcomeAt ?? event.timestamp, event.timestamp);
}

/** The earliest outcome of a log, and all that was known of the lead then. */
export interface Ending {
  outcome: Outcome;
  /** ms */
  at: number;
  /** The events that had been accepted by then and had happened by then, in their order. */
  before: LoggedEvent[];
}

/**
 * Where a log, in accepted order, ends for whoever wants to predict its earliest outcome; `null`: it has none. What was
 * accepted after it is left out although it may be dated before it, and what is dated after it although it may have been
 * accepted before: an outcome may be recorded days later, and a site's own clock may be wrong.
 */
export function endingOf(log: readonly LoggedEvent[]): Ending | null {
  let first: { outcome: Outcome; at: number; place: number } | null = null;
  for (const [place, event] of log.entries()) {
    const outcome = outcomeOf(event);
    if (outcome && (!first || event.timestamp < first.at)) first = { outcome, at: event.timestamp, place };
  }
  if (!first) return null;
  const { outcome, at, place } = first;
  const before = log.slice(0, place).filter((event) => event.timestamp <= at && outcomeOf(event) === null);
  return { outcome, at, before };
}
