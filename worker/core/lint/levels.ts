/** Levels that nobody, or everybody, stands on. */
import { type Condition, type Field, leaves, Range } from "../condition";
import { escapePointer } from "../problems";
import type { Ladder, RuleSet } from "../rules";
import { emptyState } from "../state";
import { View } from "../view";
import { type Finding, round, written } from "./finding";
import { contradiction, contradicts } from "./holds";
import { type Reach, reach } from "./reach";
import { ANY, asserted, bounds, judgeOpen, samples } from "./values";

export function levels(rules: RuleSet): Finding[] {
  const reachable = reach(rules);
  const nobody = new View(rules, emptyState(rules), 0);
  return rules.ladders.flatMap((ladder) => {
    // Hysteresis helps a lead to hold a level that it came down to, so what is above must be known to be out of reach.
    let ease = 0;
    const found: Finding[] = [];
    for (const [i, { name, when }] of [...ladder.levels.entries()].reverse()) {
      if (!when) continue;
      const where = { rules: [], pointer: `#/levels/${escapePointer(ladder.name)}/${i}` };
      const why = unreachable(rules, reachable, ease, name, when) ?? passedOver(ladder, i, when);
      if (why) found.unshift({ code: "unreachable-level", severity: "warning", ...why, ...where });
      else if (isTrivial(nobody, when)) found.unshift({ ...trivial(nobody, ladder, name), ...where });
      if (!why) ease = ladder.hysteresis;
    }
    return found;
  });
}

type Why = Pick<Finding, "detail" | "mend">;

/** A level that asks for what all rules, caps and clamps together cannot give, or for what contradicts itself. */
function unreachable(rules: RuleSet, reachable: Reach, ease: number, name: string, when: Condition): Why | null {
  const scored = (field: Field) => {
    const range = rangeOf(reachable, field);
    return range ? new Range(range.low, range.high + ease) : ANY;
  };
  const impossible = judgeOpen(when, scored) === false;
  const failing = asserted(when).find((leaf) => judgeOpen(leaf, scored) === false);
  const range = failing && rangeOf(reachable, failing.field);
  if (impossible && range) {
    const asks = `"${name}" asks for ${written(failing.field.name, failing.test)}`;
    return {
      detail: `${asks}, but under these rules ${failing.field.name} can only be ${extent(range)}.`,
      mend: `Move the threshold of "${name}" to what can be reached, or change the points, limits, caps and clamps that stand in its way.`,
    };
  }
  const which = contradiction(rules, when);
  if (!which && !impossible) return null;
  const why = which ? contradicts(which) : "its tests of the scores exclude each other";
  return { detail: `"${name}" can never be reached: ${why}.`, mend: `Correct the when of "${name}".` };
}

function rangeOf({ score, scores }: Reach, field: Field): Range | undefined {
  return field.root === "scores" ? scores[field.index] : field.root === "score" ? score : undefined;
}

function extent({ low, high }: Range): string {
  if (high === Number.POSITIVE_INFINITY) return `${round(low)} or more`;
  return low === Number.NEGATIVE_INFINITY ? `${round(high)} or less` : `from ${round(low)} to ${round(high)}`;
}

/** A level below one that is at least as easy to reach: a lead always stands on the higher of them. */
function passedOver(ladder: Ladder, index: number, when: Condition): Why | null {
  const level = ladder.levels[index]?.name;
  // With hysteresis a lead may come down to it from a level in between.
  const above = ladder.levels.slice(index + 1, ladder.hysteresis > 0 ? index + 2 : undefined);
  const higher = above.find((each) => each.when && implies(when, each.when));
  if (!higher) return null;
  return {
    detail: `Nobody ever stands on "${level}": whoever meets it meets the higher level "${higher.name}" too.`,
    mend: `Ask more of "${higher.name}" than of "${level}", or take one of them out.`,
  };
}

/** Whether whatever meets `when` meets `then`; only told where both test the same score and nothing else. */
function implies(when: Condition, then: Condition): boolean {
  const tested = [...leaves(when), ...leaves(then)];
  const turns = bounds(tested);
  const [field, another] = new Set(tested.map(({ field }) => field.name));
  if (!turns || another !== undefined || !field?.startsWith("score")) return false;
  return samples(turns, false).every(
    ({ value }) => judgeOpen(when, () => value) !== true || judgeOpen(then, () => value) === true,
  );
}

/** Whether a lead of whom nothing is known stands there, however long ago it was last active. */
function isTrivial(nobody: View, when: Condition): boolean {
  return judgeOpen(when, (field) => (field.name === "inactive" ? ANY : nobody.read(field))) === true;
}

function trivial(nobody: View, ladder: Ladder, name: string): Pick<Finding, "code" | "severity" | "detail" | "mend"> {
  const score = nobody.total();
  return {
    code: "trivial-level",
    severity: "warning",
    detail: `A lead that has done nothing (score ${typeof score === "number" ? round(score) : 0}) already stands on "${name}" of ${ladder.name}.`,
    mend: `Ask for what a new lead does not have, for instance { "score": { "gte": 35 } }, or take the level out.`,
  };
}
