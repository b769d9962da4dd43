/** The rules against each other and against time. */
import { leaves } from "../condition";
import type { RuleSet } from "../rules";
import { type AnyRule, at, type Finding, ids, named, pointsOf, round } from "./finding";

/** What a rule gives when it fires so many times, or holds, as far as its limit and the caps it is under let it. */
function gain(rules: RuleSet, rule: AnyRule, times: number): number {
  const limit = "while" in rule ? 1 : rule.limit?.per === "ever" && !rule.limit.by ? rule.limit.times : times;
  const caps = [rules.groups[rule.group]?.max, rules.dimensions[rule.dimension]?.max];
  return caps.reduce<number>((points, max) => Math.min(points, max ?? points), pointsOf(rule) * Math.min(times, limit));
}

/**
 * One rule that gives more at once than all others together, even where those fire a second time: the score is then
 * that rule, and the others are decoration. To reach the top by itself is no fault: a demo request is worth 70 of 65
 * in many a published model.
 */
export function outweighs(rules: RuleSet): Finding[] {
  const positive = rules.rules.filter((rule) => gain(rules, rule, 1) > 0);
  const total = positive.reduce((sum, rule) => sum + gain(rules, rule, 2), 0);
  const others = (rule: AnyRule) => round(total - gain(rules, rule, 2));
  const heaviest = positive.find((rule) => gain(rules, rule, 1) > others(rule));
  if (!heaviest || positive.length < 2) return [];
  const rest = others(heaviest);
  const they =
    positive.length === 2 ? "the only other positive rule" : `all ${positive.length - 1} other positive rules`;
  return [
    {
      code: "outweighs",
      severity: "warning",
      detail: `${named(heaviest)} gives more at once than ${they}, each fired twice where its limit lets it (${rest}).`,
      mend: `Give "${heaviest.id}" at most ${rest} points, or the others more.`,
      rules: [heaviest.id],
      pointer: at(heaviest),
    },
  ];
}

/** Without anything that subtracts, job seekers, students and competitors rise as buyers do. */
export function noNegative(rules: RuleSet): Finding[] {
  const positive = rules.rules.filter((rule) => pointsOf(rule) > 0);
  if (positive.length === 0 || rules.rules.some((rule) => pointsOf(rule) < 0)) return [];
  return [
    {
      code: "no-negative",
      severity: "warning",
      detail: `All ${positive.length} rules with points add; none takes any away, so that scores only tell activity.`,
      mend: 'Subtract for what tells a bad fit, for instance { "id": "careers", "on": "page", "where": { "path": "/careers*" }, "points": -10, "limit": { "times": 1, "per": "day" } }.',
      rules: [],
      pointer: "#/rules",
    },
  ];
}

/** Points for what was done that never fade: every lead is hot some day, whatever it does now. */
export function noDecay(rules: RuleSet): Finding[] {
  const lasting = rules.on.filter((rule) => pointsOf(rule) > 0);
  const fades = rules.on.some((rule) => rule.decay.kind !== "none" && pointsOf(rule) !== 0);
  const conditions = [
    ...rules.while.map((rule) => rule.while),
    ...rules.ladders.flatMap((ladder) => ladder.levels.flatMap(({ when }) => when ?? [])),
  ];
  const cools = conditions.some((each) => leaves(each).some(({ field }) => field.unit === "duration"));
  if (lasting.length === 0 || fades || cools) return [];
  return [
    {
      code: "no-decay",
      severity: "warning",
      detail: `The points of ${lasting.length === 1 ? "the one rule" : `all ${lasting.length} rules`} on events stay for ever: nothing decays, and no rule tells who has gone cold.`,
      mend: 'Let a dimension decay, { "decay": { "halfLife": "30d" } }, or add { "id": "going-cold", "while": { "inactive": { "gte": "30d" } }, "points": -20 }.',
      rules: ids(lasting),
      pointer: "#/rules",
    },
  ];
}
