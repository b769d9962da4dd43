/** Tiers: `while` rules over ranges of one number, as visits 2-5 and 6 or more. */
import type { Condition, Leaf } from "../condition";
import type { RuleSet, WhileRule } from "../rules";
import { at, countsWhole, type Finding, ids, listed, named, pointsOf, signed } from "./finding";
import { bounds, isRange, parts, type Sample, samples } from "./values";

/** Rules of one dimension that differ only in the range of one field that they ask for. */
export interface Family {
  readonly field: string;
  readonly rules: readonly WhileRule[];
  /** The rules that hold at each of the field's samples, ascending. */
  readonly holding: readonly { readonly sample: Sample; readonly rules: readonly WhileRule[] }[];
  readonly whole: boolean;
}

interface Member {
  rule: WhileRule;
  tested: Leaf[];
}

export function families(rules: RuleSet): Family[] {
  const byKey = new Map<string, Member[]>();
  for (const rule of rules.while) {
    if (pointsOf(rule) === 0) continue;
    for (const [key, tested] of rangesOf(rule)) byKey.set(key, [...(byKey.get(key) ?? []), { rule, tested }]);
  }
  return [...byKey.values()].filter((members) => members.length > 1).flatMap((members) => family(rules, members) ?? []);
}

/** The fields that a rule asks a range of; the key tells what else it asks, and where its points go. */
function rangesOf(rule: WhileRule): [key: string, tested: Leaf[]][] {
  const required = parts(rule.while);
  const of = (name: string) => (part: Condition) => part.kind === "leaf" && part.field.name === name;
  const fields = new Set(
    required.flatMap((part) => (part.kind === "leaf" && isRange(part.test) ? [part.field.name] : [])),
  );
  return [...fields].map((name) => {
    const others = required.filter((part) => !of(name)(part)).map((part) => JSON.stringify(part));
    const tested = required.filter((part) => part.kind === "leaf").filter(of(name));
    return [JSON.stringify([rule.dimension, name, others.sort()]), tested];
  });
}

function family(rules: RuleSet, members: Member[]): Family | null {
  const leaves = members.flatMap(({ tested }) => tested);
  const [first] = leaves;
  const turns = bounds(leaves);
  if (!turns) return null;
  const counts = first !== undefined && countsWhole(rules, first);
  // Of traits nothing is known; those that are compared with whole numbers only, as the size of a company, are counts.
  const whole = counts || (first?.field.root === "traits" && turns.every(({ value }) => Number.isInteger(value)));
  const positive = counts || first?.field.unit === "duration";
  const holding = samples(turns, whole)
    .filter(({ value }) => !positive || value >= 0)
    .map((sample) => ({
      sample,
      rules: members
        .filter(({ tested }) => tested.every((leaf) => leaf.judge(sample.value) === true))
        .map(({ rule }) => rule),
    }));
  return { field: first?.field.name ?? "", rules: members.map(({ rule }) => rule), holding, whole };
}

export function ranges(rules: RuleSet): Finding[] {
  return families(rules).flatMap((tiers) => [...gaps(tiers), ...doubled(tiers)]);
}

/**
 * Values between two tiers that neither covers: more visits, and suddenly fewer points. Between a negative and a
 * positive tier a neutral stretch is meant.
 */
function gaps(tiers: Family): Finding[] {
  const found: Finding[] = [];
  let from = -1;
  for (const [i, { rules }] of tiers.holding.entries()) {
    if (rules.length === 0) continue;
    const before = tiers.holding[from]?.rules[0];
    const after = rules[0];
    const first = tiers.holding[from + 1]?.sample;
    const last = tiers.holding[i - 1]?.sample;
    const between = i - from > 1 && before && after && first && last;
    if (between && Math.sign(pointsOf(before)) === Math.sign(pointsOf(after))) {
      found.push(gap(tiers, before, after, first, last));
    }
    from = i;
  }
  return found;
}

function gap(tiers: Family, before: WhileRule, after: WhileRule, first: Sample, last: Sample): Finding {
  const both = first.from === last.to ? first.from : `${first.from} ${tiers.whole ? "to" : "and"} ${last.to}`;
  const values = tiers.whole || first.from === last.to ? both : `between ${both}`;
  const begin = written(first.exact ? "gte" : "gt", first, tiers);
  return {
    code: "range-gap",
    severity: "warning",
    detail: `No rule covers ${tiers.field} ${values}: ${named(before)} has ended and ${named(after)} has not begun.`,
    mend: `Let "${after.id}" begin there: { ${begin} } in place of its lower end.`,
    rules: ids([before, after]),
    pointer: at(after),
  };
}

function written(operator: string, { from }: Sample, { whole }: Family): string {
  const number = whole || Number.isFinite(Number(from));
  return `"${operator}": ${number ? from : JSON.stringify(from)}`;
}

/** Tiers that hold at once and add up: 2+ and 6+ give 9 at six visits, where 6 was meant. */
function doubled(tiers: Family): Finding[] {
  const twice = tiers.holding.filter(({ rules }) => rules.length > 1);
  const most = twice.reduce((best, each) => (each.rules.length > best.rules.length ? each : best), {
    sample: twice[0]?.sample,
    rules: [] as readonly WhileRule[],
  });
  const { sample, rules } = most;
  const [one, two] = byBeginning(tiers, twice[0]?.rules ?? []);
  if (!sample || !one || !two) return [];
  const sum = signed(rules.reduce((total, rule) => total + pointsOf(rule), 0));
  const concerned = tiers.rules.filter((rule) => twice.some((each) => each.rules.includes(rule)));
  return [
    {
      code: "range-overlap",
      severity: "warning",
      detail: `At ${tiers.field} ${sample.words} ${listed(rules.map(named))} hold at once and add up to ${sum}.`,
      mend: apart(tiers, one, two),
      rules: ids(concerned),
      pointer: at(two),
    },
  ];
}

function byBeginning({ holding }: Family, rules: readonly WhileRule[]): WhileRule[] {
  const begins = (rule: WhileRule) => holding.findIndex((each) => each.rules.includes(rule));
  return [...rules].sort((a, b) => begins(a) - begins(b));
}

/** How to let `one` end where `two` begins. */
function apart(tiers: Family, one: WhileRule, two: WhileRule): string {
  const begins = tiers.holding.find(({ rules }) => rules.includes(two));
  const together = tiers.holding.find(({ rules }) => rules.includes(one)) === begins;
  if (!begins || together)
    return `Give "${one.id}" and "${two.id}" ranges that follow each other, or keep one of them.`;
  const end = written(begins.sample.exact ? "lt" : "lte", begins.sample, tiers);
  return `Let "${one.id}" end where "${two.id}" begins: { ${end} } as its upper end; then ${signed(pointsOf(two))} replaces ${signed(pointsOf(one))}.`;
}
