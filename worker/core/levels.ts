/**
 * Levels: where a lead stands on each ladder, when that next changes by itself, and the crossings on the way.
 *
 * The next change is found by dividing time: over a stretch every decay lies between its ends (decay.ts), so one
 * evaluation over Ranges tells whether a level can change in it at all. Stretches in which it cannot are passed over
 * whole, the others are halved, earlier half first, down to the millisecond. That needs no formula per kind of rule,
 * so it is as exact for several decays, clamps and time conditions at once as for a single half-life.
 */
import { type Field, judge, Range, type Value } from "./condition";
import { DURATION_MAX_MS } from "./duration";
import type { Ladder, RuleSet } from "./rules";
import type { State } from "./state";
import { View } from "./view";

/** How far ahead a change is looked for; what lies further counts as never. */
export const HORIZON_MS = DURATION_MAX_MS;

/**
 * Most stretches looked at for one change. Ordinary rules take under a hundred; sums that stay within a hair of a
 * threshold for years, out of decays that do not quite cancel, take more. What is left of time is then sampled.
 */
const STRETCHES_MAX = 20_000;
const SAMPLES = 2_000;

export type CrossingCause = "event" | "time" | "rules" | "merge" | "split";

/** Positions on all ladders, in the order of `rules.ladders`. */
export type Levels = readonly number[];

/** Where a lead that stood at `current` stands on a ladder; `null` where that may be more than one level over the view's stretch. */
function standing(view: View, ladder: Ladder, current: number): number | null {
  const disqualified = view.disqualified();
  if (typeof disqualified === "string") return 0;
  const level = highest(view, ladder, current);
  return disqualified === undefined && level !== 0 ? null : level;
}

/** The highest level whose condition holds. */
function highest(view: View, ladder: Ladder, current: number): number | null {
  for (let i = ladder.levels.length - 1; i > 0; i--) {
    const when = ladder.levels[i]?.when;
    // For a lead on the level or above, its thresholds count as lower: the same as a score that much higher.
    const ease = i <= current ? ladder.hysteresis : 0;
    const verdict = when && judge(when, ease > 0 ? (field) => eased(field, view.read(field), ease) : view.read);
    if (verdict === true) return i;
    if (verdict === null) return null;
  }
  return 0;
}

function eased({ root }: Field, value: Value, by: number): Value {
  if (root !== "score" && root !== "scores") return value;
  if (typeof value === "number") return value + by;
  return value instanceof Range ? new Range(value.low + by, value.high + by) : value;
}

/** Levels at an instant, for a lead that stood at `current` just before it. */
export function levelsAt(rules: RuleSet, state: State, at: number, current: Levels): Levels {
  const view = new View(rules, state, at);
  return rules.ladders.map((ladder, i) => standing(view, ladder, current[i] ?? 0) ?? 0);
}

interface Sought {
  /** The only ladder that is looked at. */
  ladder?: number;
  /** An instant that is looked at first, for it may well be the one: the one before an event is, where that earned nothing. */
  guess?: number | null;
}

/**
 * The earliest instant after `from`, and not after `to`, at which a lead that stands at `current` stands elsewhere,
 * if nothing more happens; `null` where there is none.
 */
export function nextChange(
  rules: RuleSet,
  state: State,
  current: Levels,
  from: number,
  to: number = from + HORIZON_MS,
  { ladder, guess = null }: Sought = {},
): number | null {
  const differs = (view: View) =>
    rules.ladders.some(
      (one, i) => (ladder === undefined || ladder === i) && standing(view, one, current[i] ?? 0) !== current[i],
    );
  // The instants of a stretch are those after its start, so evaluation begins a millisecond later.
  const pending = to > from ? [new View(rules, state, from + 1, to)] : [];
  for (let looked = 0; ; looked++) {
    const view = pending.pop();
    if (!view) return null;
    if (!differs(view)) continue;
    const { from: first, to: last } = view;
    if (first === last) return first;
    if (looked >= STRETCHES_MAX) return sampled(first - 1, to, (at) => differs(new View(rules, state, at)));
    const isGuessed = guess !== null && first <= guess && guess <= last;
    const middle = isGuessed ? Math.max(first, guess - 1) : first - 1 + Math.ceil((last - first + 1) / 2);
    pending.push(view.within(middle + 1, last), view.within(first, middle));
  }
}

/**
 * The next change of one ladder. `quietUntil`: until when nothing changes on any of them, where that is known; what it
 * rules out is not looked at again.
 */
export function nextChangeOf(
  ladder: number,
  rules: RuleSet,
  state: State,
  current: Levels,
  from: number,
  quietUntil = from,
): number | null {
  if (quietUntil === Number.POSITIVE_INFINITY) return null;
  if (quietUntil <= from) return nextChange(rules, state, current, from, undefined, { ladder });
  if (levelsAt(rules, state, quietUntil, current)[ladder] !== current[ladder]) return quietUntil;
  return nextChange(rules, state, current, quietUntil, from + HORIZON_MS, { ladder });
}

/** The first of many instants, closer together at first, at which something holds; found to the ms within its interval. */
function sampled(from: number, to: number, holds: (at: number) => boolean): number | null {
  let before = from;
  for (let i = 1; i <= SAMPLES; i++) {
    const at = from + Math.ceil((to - from) * (i / SAMPLES) ** 4);
    if (at > before && holds(at)) {
      let [no, yes] = [before, at];
      while (yes - no > 1) {
        const middle = Math.floor((no + yes) / 2);
        if (holds(middle)) yes = middle;
        else no = middle;
      }
      return yes;
    }
    before = Math.max(before, at);
  }
  return null;
}

/** A step of a lead's way: where it stands from `at` on. */
export interface Step {
  at: number;
  levels: Levels;
}

/** Every change of levels that time alone brings after `from`, up to and including `to`. */
export function passTime(rules: RuleSet, state: State, current: Levels, from: number, to: number): Step[] {
  const steps: Step[] = [];
  let levels = current;
  for (let at = nextChange(rules, state, levels, from, to); at !== null; ) {
    levels = levelsAt(rules, state, at, levels);
    steps.push({ at, levels });
    at = nextChange(rules, state, levels, at, to);
  }
  return steps;
}

/** Levels of a lead at an instant not before its clock, if nothing more happens to it until then. */
export function levelsNow(rules: RuleSet, state: State, at: number): Levels {
  if (at === state.clock) return state.levels;
  if (!rules.remembers || state.clock === null) return levelsAt(rules, state, at, state.levels);
  return passTime(rules, state, state.levels, state.clock, at).at(-1)?.levels ?? state.levels;
}

/** The names of the levels, by ladder. */
export function levelNames(rules: RuleSet, levels: Levels): Record<string, string> {
  return Object.fromEntries(rules.ladders.map((ladder, i) => [ladder.name, ladder.levels[levels[i] ?? 0]?.name ?? ""]));
}
