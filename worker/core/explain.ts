/**
 * Explanations: every rule of the set, counting or not, and because of what. The points of all rules and the lines of
 * the clamps sum to the score.
 */
import { type Field, judge, type Leaf, leaves, Range } from "./condition";
import { worth } from "./decay";
import { durationText } from "./duration";
import type { Json } from "./event";
import type { OnRule, RuleSet, WhileRule } from "./rules";
import type { RuleState, State } from "./state";
import { sum, View } from "./view";

/** `counting`: contributes now; `capped`: fired, cut to nothing; `decayed`: faded or reset to nothing; `notMet`. */
export type Standing = "counting" | "capped" | "decayed" | "notMet";

export interface Reason {
  field: string;
  test: Json;
  /** The lead's or event's value, a span of time as in "26h"; `null`: there is none. */
  actual: Json;
  holds: boolean;
  /** The event was pruned: `actual` is not known any more, and `holds` tells of the condition as a whole. */
  pruned?: true;
}

export interface RuleLine {
  id: string;
  dimension: string;
  /** What it contributes now, unrounded, before the dimension's clamp. */
  points: number;
  fired: number;
  /** Matches that its limit kept from firing. */
  limited: number;
  /** Points that its group's cap has kept from its firings, before any decay; left out where there are none. */
  cut?: number;
  /** Time of the latest firing's event, ms. */
  lastAt: number | null;
  state: Standing;
  because: Reason[];
}

export interface Explanation {
  exact: number;
  lines: RuleLine[];
  /** What the ends of a dimension take away or add. */
  clamps: { dimension: string; points: number }[];
}

/** Explains the score at an instant not before the lead's clock. */
export function explain(rules: RuleSet, state: State, at: number): Explanation {
  const view = new View(rules, state, at);
  const clamped = view.scores().low;
  return {
    exact: sum(clamped),
    lines: rules.rules.map((rule) => ({
      id: rule.id,
      dimension: rules.dimensions[rule.dimension]?.name ?? "",
      ...("on" in rule ? onLine(rule, state.rules[rule.index] ?? null, at) : whileLine(rule, view)),
    })),
    clamps: rules.dimensions.flatMap(({ name }, i) => {
      const points = (clamped[i] ?? 0) - (view.rawScores().low[i] ?? 0);
      return points === 0 ? [] : [{ dimension: name, points }];
    }),
  };
}

type Line = Omit<RuleLine, "id" | "dimension">;

function onLine(rule: OnRule, state: RuleState | null, at: number): Line {
  const { fired = 0, limited = 0, cut = 0, lastAt = null } = state ?? {};
  const points = worth(state?.pool, rule.decay, at);
  const line: Line = {
    points,
    fired,
    limited,
    lastAt,
    state: standingOf(rule, state, points),
    because: reasons(rule, state),
  };
  return cut === 0 ? line : { ...line, cut };
}

function standingOf(rule: OnRule, state: RuleState | null, points: number): Standing {
  if (!state || state.fired === 0) return "notMet";
  if (points !== 0 || rule.effect.kind !== "points") return "counting";
  return state.gave === 0 ? "capped" : "decayed";
}

/** The tests of `where` against the event that fired last, or against the latest that did not fit. */
function reasons(rule: OnRule, state: RuleState | null): Reason[] {
  const { saw = null, fired = 0, limited = 0 } = state ?? {};
  // Met, but for its limit it never fired: nothing was noted.
  const onlyLimited = !saw && fired === 0 && limited > 0;
  if (!state || onlyLimited || rule.leaves.length === 0) {
    return [{ field: "event", test: rule.on, actual: state ? rule.on : null, holds: state !== null }];
  }
  return rule.leaves.map((leaf, i) => {
    const about = { field: leaf.field.name, test: leaf.test };
    if (!saw) return { ...about, actual: null, holds: fired > 0, pruned: true };
    const [actual, holds] = saw[i] ?? [null, false];
    return { ...about, actual, holds };
  });
}

function whileLine(rule: WhileRule, view: View): Line {
  const holds = judge(rule.while, view.read) === true;
  const points = holds && rule.effect.kind === "points" ? rule.effect.points : 0;
  const read = (field: Field): Json => {
    const value = view.read(field);
    return value === undefined || value instanceof Range ? null : value;
  };
  return {
    points,
    fired: 0,
    limited: 0,
    lastAt: null,
    state: holds ? "counting" : "notMet",
    because: leaves(rule.while).map((leaf) => reason(leaf, read(leaf.field))),
  };
}

function reason(leaf: Leaf, actual: Json): Reason {
  const shown = leaf.field.unit === "duration" && typeof actual === "number" ? durationText(actual) : actual;
  return { field: leaf.field.name, test: leaf.test, actual: shown, holds: leaf.judge(actual) === true };
}
