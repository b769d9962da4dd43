/** Rules that count the same event twice. */
import type { Condition, Leaf, Value } from "../condition";
import { leaves } from "../condition";
import { triggerKey } from "../fields";
import type { OnRule, RuleSet } from "../rules";
import { at, type Finding, ids, listed, named, pointsOf, signed, written } from "./finding";
import { ANY, bounds, judgeOpen, parts, samples, scalars } from "./values";

/** Values compared in one run, about a second's worth; pairs past it are not looked at. 200 plain rules take a third. */
const BUDGET = 1_500_000;
/** Conditions on more fields than this are not looked at. */
const FIELDS_MAX = 20;
/** A text that no rule has in mind. */
const OTHER = "~";

/** An event's fields by name. */
type Example = Map<string, Value>;

/**
 * Rules of one dimension that fire on one and the same event: its points are counted twice, which is seldom meant and
 * never visible in either rule. A pair is reported when an example is found that both conditions accept, so that rules
 * on disjoint events never are; and when both look at the same field or one takes every event: a page's path and its
 * campaign, say, are different things to give points for.
 */
export function overlaps(rules: RuleSet): Finding[] {
  const search = new Search();
  const pairs = new Map<OnRule, Map<OnRule, Example>>();
  const note = (rule: OnRule, other: OnRule, example: Example) => {
    pairs.set(rule, (pairs.get(rule) ?? new Map()).set(other, example));
  };
  for (const alike of sameTrigger(rules)) {
    for (const [i, rule] of alike.entries()) {
      for (const other of alike.slice(i + 1)) {
        const example = comparable(rule, other) ? search.example([rule.where, other.where]) : null;
        if (!example) continue;
        note(rule, other, example);
        note(other, rule, example);
      }
    }
  }
  return clusters(pairs).map(([rule, others]) => describe(rule, others, search));
}

/** Rules that give points in the same dimension for the same kind of event. */
function sameTrigger(rules: RuleSet): OnRule[][] {
  const by = new Map<string, OnRule[]>();
  for (const rule of rules.on) {
    if (pointsOf(rule) === 0) continue;
    const key = `${rule.dimension} ${triggerKey(rule.on)}`;
    by.set(key, [...(by.get(key) ?? []), rule]);
  }
  return [...by.values()];
}

function comparable(rule: OnRule, other: OnRule): boolean {
  if (!rule.where || !other.where) return true;
  const fields = new Set(rule.leaves.map(({ field }) => field.name));
  return other.leaves.some(({ field }) => fields.has(field.name));
}

/** One finding for a rule and all it overlaps with, beginning with the widest: a catch-all is told once. */
function clusters(pairs: Map<OnRule, Map<OnRule, Example>>): [OnRule, Map<OnRule, Example>][] {
  const told = new Set<OnRule>();
  return [...pairs]
    .sort(([a, ofA], [b, ofB]) => ofB.size - ofA.size || a.leaves.length - b.leaves.length || a.index - b.index)
    .map(([rule, others]): [OnRule, Map<OnRule, Example>] => {
      told.add(rule);
      return [rule, new Map([...others].filter(([other]) => !told.has(other)))];
    })
    .filter(([, others]) => others.size > 0);
}

function describe(rule: OnRule, others: Map<OnRule, Example>, search: Search): Finding {
  const all: OnRule[] = [...others.keys()].sort((a, b) => a.index - b.index);
  const first = all[0] ?? rule;
  const example = [...(others.get(first) ?? [])]
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  const event = `One "${rule.on}" event${example.length > 0 ? ` (for instance with ${listed(example)})` : ""}`;
  const rest = all.slice(1);
  const more = rest.length > 0 ? `; ${named(rule)} also overlaps with ${listed(rest.map(named))}` : "";
  const sum = signed(pointsOf(rule) + pointsOf(first));
  return {
    code: "overlap",
    severity: "warning",
    detail: `${event} sets off both ${named(rule)} and ${named(first)}, ${sum} together${more}.`,
    mend: mend(rule, first, search),
    rules: ids([rule, ...all]),
    pointer: at(rule),
  };
}

function mend(rule: OnRule, other: OnRule, search: Search): string {
  const [wider, narrower] = search.covers(other, rule) && !search.covers(rule, other) ? [other, rule] : [rule, other];
  const without = narrowing(wider, narrower);
  if (!without || (search.covers(rule, other) && search.covers(other, rule))) {
    return `Keep one of "${rule.id}" and "${other.id}", or make one rule of them with the points that you mean.`;
  }
  return `Let "${wider.id}" leave out what "${narrower.id}" counts: add ${without} to its where.`;
}

/** A test for the wider rule that takes out what the narrower one asks for. */
function narrowing(wider: OnRule, narrower: OnRule): string | null {
  const own = new Map(wider.where ? direct(wider.where).map((leaf) => [leaf.field.name, leaf.test]) : []);
  for (const { field, test } of narrower.where ? direct(narrower.where) : []) {
    const mine = own.get(field.name);
    if (mine === undefined) return written(field.name, { not: test });
    if (JSON.stringify(mine) === JSON.stringify(test)) continue;
    if (Array.isArray(mine)) return written(field.name, { in: mine, not: test });
    if (mine === null || typeof mine !== "object") return written(field.name, { eq: mine, not: test });
    if (!("not" in mine)) return written(field.name, { ...mine, not: test });
  }
  return null;
}

/** The tests that a condition asks for without alternatives. */
function direct(condition: Condition): Leaf[] {
  return parts(condition).filter((part) => part.kind === "leaf");
}

/** Looks for events that satisfy conditions, with values taken from their tests, field by field. */
class Search {
  private left = BUDGET;

  /** An event that satisfies all of them; `null`: none found. */
  example(conditions: (Condition | null)[]): Example | null {
    const of = conditions.filter((condition) => condition !== null);
    const tested = of.flatMap(leaves);
    const fields = Map.groupBy(tested, ({ field }) => field.name);
    if (fields.size > FIELDS_MAX) return null;
    const cost = tested.reduce((sum, { test }) => sum + scalars(test).length, 1);
    const known: Example = new Map();
    this.left -= cost;
    return this.fill({ kind: "all", of }, [...fields], known, cost) ? known : null;
  }

  /** Whether every event that sets off `narrow` sets off `wide`, as far as examples tell. */
  covers(wide: OnRule, narrow: OnRule): boolean {
    return !wide.where || this.example([narrow.where, { kind: "not", of: [wide.where] }]) === null;
  }

  private fill(wanted: Condition, fields: [string, Leaf[]][], known: Example, cost: number): boolean {
    const [next, ...rest] = fields;
    if (!next) return judgeOpen(wanted, ({ name }) => known.get(name)) === true;
    const [name, tested] = next;
    for (const value of candidates(tested)) {
      this.left -= cost;
      if (this.left < 0) return false;
      known.set(name, value);
      // What is false whatever the other fields are is not looked into.
      const verdict = judgeOpen(wanted, (field) => (known.has(field.name) ? known.get(field.name) : ANY));
      if (verdict !== false && this.fill(wanted, rest, known, cost)) return true;
    }
    known.delete(name);
    return false;
  }
}

/** Values at which the tests of a field can differ: those they mention, patterns filled in two ways, and others. */
function candidates(tested: readonly Leaf[]): Value[] {
  const mentioned = tested.flatMap(({ test }) => scalars(test));
  const texts = mentioned.filter((value) => typeof value === "string");
  const filled = ["", "x"].flatMap((by) => texts.map((text) => text.replaceAll("*", by)));
  const flags = mentioned.filter((value) => typeof value === "boolean");
  const numbers = samples(bounds(tested) ?? [], false).map(({ value }) => value);
  return [...new Set<Value>([...filled, ...flags, ...numbers, OTHER, undefined])];
}
