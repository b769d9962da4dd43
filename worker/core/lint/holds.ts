/** Conditions that contradict themselves. */
import type { Condition, Leaf } from "../condition";
import { FEEDBACKS, STATUSES } from "../person";
import { escapePointer } from "../problems";
import type { RuleSet } from "../rules";
import { CHANNELS } from "../source";
import { at, conditionOf, countsWhole, type Finding, written } from "./finding";
import { bounds, isRange, parts, samples } from "./values";

/** Fields that have few values, and what those are; but for the first three they may be missing. */
const CLOSED: Record<string, readonly (string | boolean)[]> = {
  known: [true, false],
  verified: [true, false],
  status: STATUSES,
  "email.free": [true, false],
  feedback: FEEDBACKS,
  "source.channel": CHANNELS,
};

/** Rules and counters whose condition no event and no lead can meet: they look as if they did something. */
export function neverHolds(rules: RuleSet): Finding[] {
  return [
    ...rules.rules.flatMap((rule) => {
      const which = contradiction(rules, conditionOf(rule));
      return which ? [finding(`The condition of "${rule.id}"`, which, [rule.id], at(rule))] : [];
    }),
    ...rules.counters.flatMap((counter) => {
      const which = contradiction(rules, counter.where);
      const pointer = `#/counters/${escapePointer(counter.name)}`;
      return which ? [finding(`The where of counter "${counter.name}"`, which, [], pointer)] : [];
    }),
  ];
}

function finding(what: string, which: Leaf[], concerned: string[], pointer: string): Finding {
  const name = which[0]?.field.name ?? "";
  return {
    code: "never-holds",
    severity: "warning",
    detail: `${what} can never hold: ${contradicts(which)}.`,
    mend: `Correct the test of ${name}, or take it out.`,
    rules: concerned,
    pointer,
  };
}

/** Why the tests of one field cannot hold together. */
export function contradicts(which: readonly Leaf[]): string {
  const tests = which.map(({ field, test }) => written(field.name, test)).join(" and ");
  return `no value of ${which[0]?.field.name} meets ${tests}`;
}

/** Tests of one field, all required, that no value of the field meets; `null`: none known. */
export function contradiction(rules: RuleSet, condition: Condition | null): Leaf[] | null {
  const byField = new Map<string, Leaf[]>();
  for (const part of condition ? parts(condition) : []) {
    if (part.kind === "leaf") byField.set(part.field.name, [...(byField.get(part.field.name) ?? []), part]);
  }
  for (const tested of byField.values()) {
    const values = allValues(rules, tested);
    if (values && !values.some((value) => tested.every((leaf) => leaf.judge(value) === true))) return tested;
  }
  return null;
}

/** Values that stand for all that the tested field can have; `null` where that cannot be said, as of most texts. */
function allValues(rules: RuleSet, tested: Leaf[]): (string | number | boolean | undefined)[] | null {
  const [first] = tested;
  const turns = bounds(tested);
  if (!first || !turns) return null;
  const closed = first.field.root === "traits" ? undefined : CLOSED[first.field.name];
  if (closed) return [...closed, undefined];
  const whole = countsWhole(rules, first);
  const numbers = [0, ...samples(turns, whole).map(({ value }) => value)];
  if (whole) return numbers.filter((value) => value >= 0);
  if (first.field.unit === "duration") return [undefined, ...numbers.filter((value) => value >= 0)];
  return tested.every(({ test }) => isRange(test)) ? numbers : null;
}
