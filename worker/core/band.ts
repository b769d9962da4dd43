/**
 * The scores that leads of a level can have. Lists look for a level among these alone, by the index of scores: what
 * would not stand there with any other score need not be read.
 */
import { type Condition, leaves, Range } from "./condition";
import { ANY, bounds, judgeOpen } from "./lint/values";
import type { Ladder, RuleSet } from "./rules";

/** Any score at all. */
export const ANY_SCORE = new Range(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);

/** More than sums and differences of scores are ever off by in the last digit. */
const ROUNDING_POINTS = 1e-6;

/** The stored scores of leads on all of these levels, by ladder; never too narrow. `disqualified`: whether those count too. */
export function bandOf(rules: RuleSet, levels: Readonly<Record<string, string>>, disqualified: boolean): Range {
  // Whoever is disqualified stands lowest whatever the score; and where time decides, the row need not tell yet.
  const isCertain = !disqualified && !rules.while.some(({ effect, timed }) => effect.kind === "disqualify" && timed);
  return Object.entries(levels).reduce((band, [name, level]) => {
    const ladder = rules.ladders.find((one) => one.name === name);
    const index = ladder?.levels.findIndex((one) => one.name === level) ?? -1;
    return ladder && (index > 0 || (index === 0 && isCertain)) ? meet(band, onLevel(ladder, index)) : band;
  }, ANY_SCORE);
}

/** What lies in both; nothing does where `low` is above `high`. */
export function meet(a: Range, b: Range): Range {
  return new Range(Math.max(a.low, b.low), Math.min(a.high, b.high));
}

/** From the lowest to the highest score with which a lead can stand on a level, whatever else is true of it. */
function onLevel(ladder: Ladder, index: number): Range {
  const when = ladder.levels[index]?.when ?? null;
  const above = ladder.levels.slice(index + 1).flatMap((level) => level.when ?? []);
  // A lead that stood higher before has hysteresis on its side, another has not: here it may be either.
  const eases = [0, ladder.hysteresis];
  const verdicts = (condition: Condition, score: number) =>
    eases.map((ease) => judgeOpen(condition, (field) => (isScore(field) ? score + ease : ANY)));
  const possible = stretches(turnsOf(ladder)).filter(
    ({ sample }) =>
      (when === null || verdicts(when, sample).some((verdict) => verdict !== false)) &&
      !above.some((higher) => verdicts(higher, sample).every((verdict) => verdict === true)),
  );
  return new Range(
    (possible[0]?.low ?? Number.NEGATIVE_INFINITY) - ROUNDING_POINTS,
    (possible.at(-1)?.high ?? Number.POSITIVE_INFINITY) + ROUNDING_POINTS,
  );
}

/** Scores at which what a ladder's levels ask of the score can turn, with hysteresis and without. */
function turnsOf({ levels, hysteresis }: Ladder): number[] {
  const tested = levels.flatMap(({ when }) => (when ? leaves(when) : [])).filter(({ field }) => isScore(field));
  return bounds(tested)?.flatMap(({ value }) => [value, value - hysteresis]) ?? [];
}

const allTurns = new WeakMap<RuleSet, readonly number[]>();

/** Whether leads of two scores may stand on different levels for that alone: a stored score is not left across such a one. */
export function isParted(rules: RuleSet, a: number, b: number): boolean {
  if (a === b) return false;
  let turns = allTurns.get(rules);
  if (!turns) {
    turns = rules.ladders.flatMap(turnsOf);
    allTurns.set(rules, turns);
  }
  const [low, high] = [Math.min(a, b) - ROUNDING_POINTS, Math.max(a, b) + ROUNDING_POINTS];
  return turns.some((turn) => low <= turn && turn <= high);
}

const isScore = ({ root }: { root: string }) => root === "score";

/** The numbers where verdicts can turn and the stretches between them, ascending, with a score of each. */
function stretches(turns: readonly number[]): { low: number; high: number; sample: number }[] {
  const sorted = [...new Set(turns)].sort((a, b) => a - b);
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (first === undefined || last === undefined) return [];
  return [
    { low: Number.NEGATIVE_INFINITY, high: first, sample: first - 1 },
    ...sorted.flatMap((turn, i) => {
      const next = sorted[i + 1] ?? Number.POSITIVE_INFINITY;
      const after = next === Number.POSITIVE_INFINITY ? turn + 1 : (turn + next) / 2;
      return [
        { low: turn, high: turn, sample: turn },
        { low: turn, high: next, sample: after },
      ];
    }),
  ];
}
