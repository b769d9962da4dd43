/** What the linter says, and the words its checks share. */
import type { Leaf } from "../condition";
import type { Json } from "../event";
import type { OnRule, RuleSet, WhileRule } from "../rules";

export type FindingCode =
  | "overlap"
  | "outweighs"
  | "unreachable-level"
  | "trivial-level"
  | "no-negative"
  | "no-decay"
  | "range-gap"
  | "range-overlap"
  | "never-seen"
  | "never-holds"
  | "no-points"
  | "unused-group"
  | "unused-counter";

export interface Finding {
  code: FindingCode;
  /** `warning`: scores will likely surprise; `info`: worth knowing. */
  severity: "warning" | "info";
  /** What is so, in plain words and with the numbers. */
  detail: string;
  /** One way to mend it. */
  mend: string;
  /** Ids of the rules concerned. */
  rules: string[];
  /** Place in the document, for instance `#/rules/3`. */
  pointer?: string;
}

export type AnyRule = OnRule | WhileRule;

/** Most names that a sentence lists. */
const NAMED_MAX = 5;

/** Points of a rule; 0 where its effect is another one. */
export function pointsOf(rule: AnyRule): number {
  return rule.effect.kind === "points" ? rule.effect.points : 0;
}

export function signed(points: number): string {
  return points > 0 ? `+${round(points)}` : `${round(points)}`;
}

/** A sum as people write it: without the noise of floating point. */
export function round(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

/** A rule with its points: "pricing" (+15). */
export function named(rule: AnyRule): string {
  return rule.effect.kind === "points" ? `"${rule.id}" (${signed(pointsOf(rule))})` : `"${rule.id}"`;
}

/** "a, b and c"; of long lists the first few. */
export function listed(words: readonly string[]): string {
  const shown = words.length > NAMED_MAX ? [...words.slice(0, NAMED_MAX), `${words.length - NAMED_MAX} more`] : words;
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}

export function ids(rules: readonly AnyRule[]): string[] {
  return rules.map((rule) => rule.id);
}

export function at(rule: AnyRule): string {
  return `#/rules/${rule.index}`;
}

/** A test as the document has it, on its field. */
export function written(field: string, test: Json): string {
  return JSON.stringify({ [field]: test });
}

/** A rule's condition, of the event or of the lead. */
export function conditionOf(rule: AnyRule) {
  return "while" in rule ? rule.while : rule.where;
}

/** A field that only ever holds whole numbers from 0 up, whatever a site sends. */
export function countsWhole(rules: RuleSet, { field }: Leaf): boolean {
  if (field.root === "counters") return rules.counters[field.index]?.sum === null;
  return field.name === "visits" || field.name === "pageviews" || field.name === "daysActive";
}
