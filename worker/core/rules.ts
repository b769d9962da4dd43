/** A rule set, compiled (see compile.ts) and ready for the fold. */
import type { Condition, Field, Leaf } from "./condition";
import type { Decay } from "./decay";
import type { RulesDocument } from "./schema";

export type Effect =
  | { readonly kind: "points"; readonly points: number }
  | { readonly kind: "reset"; readonly dimensions: readonly number[] }
  | { readonly kind: "disqualify"; readonly reason: string };

export type Period = "visit" | "day" | "week" | "month" | "ever";

export interface Rule {
  /** Position in the document: the order of effects, and the rule's place in the state. */
  readonly index: number;
  readonly id: string;
  /** Position of its dimension in `RuleSet.dimensions`. */
  readonly dimension: number;
  /** Position of its group in `RuleSet.groups`, or -1. */
  readonly group: number;
  readonly effect: Effect;
}
export interface OnRule extends Rule {
  readonly on: string;
  readonly where: Condition | null;
  /** Names the condition in what is left of pruned events, whatever rule or version has it; empty without one. */
  readonly whereKey: string;
  /** The tests of `where`, in document order. */
  readonly leaves: readonly Leaf[];
  readonly limit: { readonly times: number; readonly per: Period; readonly by: Field | null } | null;
  readonly decay: Decay;
}
export interface WhileRule extends Rule {
  readonly while: Condition;
  /** Whether the passing of time alone can make it true or false. */
  readonly timed: boolean;
}

export interface Counter {
  readonly index: number;
  readonly name: string;
  readonly where: Condition | null;
  /** As of a rule. */
  readonly whereKey: string;
  /** What a match adds: a number of the event, or 1 where there is none to sum. */
  readonly sum: Field | null;
  /** Window in ms, `visit`, or `null`: ever. */
  readonly within: number | "visit" | null;
}

export interface Dimension {
  readonly name: string;
  readonly min: number;
  readonly max: number;
}
export interface Group {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly rules: readonly OnRule[];
}
export interface Ladder {
  readonly name: string;
  readonly levels: readonly { readonly name: string; readonly when: Condition | null }[];
  /** Points by which the thresholds of a level count lower for a lead on it or above. */
  readonly hysteresis: number;
}

/** What an event of one key sets off. */
export interface Triggered {
  readonly counters: Counter[];
  readonly resets: OnRule[];
  /** The others, in document order. */
  readonly acts: OnRule[];
}

export interface RuleSet {
  readonly document: RulesDocument;
  readonly dimensions: readonly Dimension[];
  readonly groups: readonly Group[];
  readonly counters: readonly Counter[];
  /** All rules in document order. */
  readonly rules: readonly (OnRule | WhileRule)[];
  readonly on: readonly OnRule[];
  readonly while: readonly WhileRule[];
  /** Those of `while` that may hold for a lead without traits. */
  readonly whileUntold: readonly WhileRule[];
  readonly byEvent: ReadonlyMap<string, Triggered>;
  readonly ladders: readonly Ladder[];
  /** Position of the `temperature` ladder. */
  readonly temperature: number;
  /** Keys of the events whose latest time the rules ask for (`since.*`). */
  readonly since: readonly string[];
  /** Whether any ladder has hysteresis: only then do levels depend on the way a lead came. */
  readonly remembers: boolean;
}

export const DEFAULT_DIMENSION = "engagement";
export const TEMPERATURE = "temperature";
