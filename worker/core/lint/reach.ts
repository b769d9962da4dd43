/** How high and how low scores can get under a rule set, never too narrow an answer. */
import { Range } from "../condition";
import type { OnRule, RuleSet } from "../rules";
import { pointsOf } from "./finding";
import { families } from "./ranges";

export interface Reach {
  readonly score: Range;
  /** By dimension. */
  readonly scores: readonly Range[];
}

export function reach(rules: RuleSet): Reach {
  const tiers = families(rules);
  const scores = rules.dimensions.map(({ min, max }, i) => {
    const clamp = (value: number) => Math.min(max, Math.max(min, value));
    const side = (sign: 1 | -1) => ofEvents(rules, i, sign) + ofStates(rules, tiers, i, sign);
    return new Range(clamp(-side(-1)), clamp(side(1)));
  });
  const total = (end: "low" | "high") => scores.reduce((sum, range) => sum + range[end], 0);
  return { score: new Range(total("low"), total("high")), scores };
}

/** Points of one sign that events can give in a dimension, as a size: infinite where a rule may repeat for ever. */
function ofEvents(rules: RuleSet, dimension: number, sign: 1 | -1): number {
  const most = (of: readonly OnRule[]) => of.reduce((sum, rule) => sum + size(rule, sign), 0);
  const mine = rules.on.filter((rule) => rule.dimension === dimension);
  return rules.groups.reduce(
    (sum, group) => {
      const members = mine.filter((rule) => group.rules.includes(rule));
      // Only where all of a group go one way: else what goes the other way makes room again and again.
      const oneWay = group.rules.every((rule) => pointsOf(rule) * sign >= 0);
      const room = Math.max(0, sign > 0 ? group.max : -group.min);
      return sum + Math.min(most(members), oneWay ? room : Number.POSITIVE_INFINITY);
    },
    most(mine.filter((rule) => rule.group < 0)),
  );
}

function size(rule: OnRule, sign: 1 | -1): number {
  const points = Math.max(0, pointsOf(rule) * sign);
  const once = rule.limit?.per === "ever" && !rule.limit.by;
  return points === 0 ? 0 : points * (once ? (rule.limit?.times ?? 1) : Number.POSITIVE_INFINITY);
}

/** Points of one sign that states can give: of tiers of one number, what holds at the best value. */
function ofStates(rules: RuleSet, tiers: ReturnType<typeof families>, dimension: number, sign: 1 | -1): number {
  const left = new Set(rules.while.filter((rule) => rule.dimension === dimension));
  const worth = (of: Iterable<(typeof rules.while)[number]>) => {
    let sum = 0;
    for (const rule of of) if (left.has(rule)) sum += Math.max(0, pointsOf(rule) * sign);
    return sum;
  };
  let total = 0;
  for (const { rules: members, holding } of tiers) {
    total += holding.reduce((best, each) => Math.max(best, worth(each.rules)), 0);
    for (const rule of members) left.delete(rule);
  }
  return total + worth(left);
}
