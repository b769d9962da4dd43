/**
 * Conditions: the `where`, `while` and `when` of the rules, compiled once into small functions.
 *
 * Evaluation is three-valued. At an instant every field has one value and the verdict is true or false. Over a stretch
 * of time a field may be a `Range`, and the verdict `null` then says that it may be either: that is what finds the
 * instant of the next change (see levels.ts) without a second evaluator that could disagree with this one.
 */
import { DURATION_HINT, durationMs } from "./duration";
import type { Json } from "./event";
import { escapePointer, type Problems } from "./problems";
import { isObject } from "./read";
import { matches, PATTERN_MAX_STARS, type Pattern, pattern } from "./text";

/** All values that a number takes over a stretch of time lie between `low` and `high`, both included. */
export class Range {
  constructor(
    readonly low: number,
    readonly high: number,
  ) {}
}

export type Value = Json | undefined | Range;
/** `null`: true for some of the values possible, false for others. */
export type Verdict = boolean | null;

/** A field as the condition names it; `unit` says how its tests are written. */
export interface Field {
  readonly name: string;
  readonly unit: "plain" | "duration";
  /** The part after the dot of `properties.x`, `since.x`, …; the whole name of a plain field. */
  readonly key: string;
  readonly root: string;
  /** Position of a counter, dimension or tracked event in the rule set; -1 for other fields. */
  readonly index: number;
}

export type Read = (field: Field) => Value;

export interface Leaf {
  readonly kind: "leaf";
  readonly field: Field;
  /** The test as written, for explanations. */
  readonly test: Json;
  readonly judge: (value: Value) => Verdict;
}
export type Condition =
  | Leaf
  | { readonly kind: "all" | "any"; readonly of: readonly Condition[] }
  | { readonly kind: "not"; readonly of: readonly [Condition] };

/** Resolves a field's name in its scope, or says what would be right. */
export type Scope = (name: string) => Field | string;

/** Deepest nesting of `any`, `all` and `not`. */
export const CONDITION_MAX_DEPTH = 5;

const OPERATORS = ["eq", "in", "gt", "gte", "lt", "lte", "between", "contains", "exists", "not"] as const;
type Operator = (typeof OPERATORS)[number];
type Judge = (value: Value) => Verdict;

export function judge(condition: Condition, read: Read): Verdict {
  switch (condition.kind) {
    case "leaf":
      return condition.judge(read(condition.field));
    case "not":
      return negate(judge(condition.of[0], read));
    case "all":
      return both(condition.of, (part) => judge(part, read));
    case "any":
      return either(condition.of, (part) => judge(part, read));
  }
}

/** Every test of a condition, in document order. */
export function leaves(condition: Condition): Leaf[] {
  return condition.kind === "leaf" ? [condition] : condition.of.flatMap(leaves);
}

function negate(verdict: Verdict): Verdict {
  return verdict === null ? null : !verdict;
}

/** The verdict on several parts, of which one that is as `decisive` says settles it: false for "all", true for "any". */
function together<T>(parts: readonly T[], of: (part: T) => Verdict, decisive: boolean): Verdict {
  let result: Verdict = !decisive;
  for (const part of parts) {
    const verdict = of(part);
    if (verdict === decisive) return decisive;
    if (verdict === null) result = null;
  }
  return result;
}

const both = <T>(parts: readonly T[], of: (part: T) => Verdict) => together(parts, of, false);
const either = <T>(parts: readonly T[], of: (part: T) => Verdict) => together(parts, of, true);

/** Compiles a condition; what is wrong goes to `problems` and yields a condition that is never used. */
export function compileCondition(raw: Json, scope: Scope, at: string, problems: Problems, depth = 0): Condition {
  const nothing: Condition = { kind: "all", of: [] };
  if (!isObject(raw)) {
    problems.add(at, 'must be an object of tests, for instance { "path": "/pricing*" }');
    return nothing;
  }
  if (depth > CONDITION_MAX_DEPTH) {
    problems.add(at, `any, all and not nest at most ${CONDITION_MAX_DEPTH} deep`);
    return nothing;
  }
  const of = Object.entries(raw).map(([name, test]): Condition => {
    const here = `${at}/${escapePointer(name)}`;
    if (name === "any" || name === "all") return compileList(name, test, scope, here, problems, depth);
    if (name === "not") return { kind: "not", of: [compileCondition(test, scope, here, problems, depth + 1)] };
    const field = scope(name);
    if (typeof field === "string") {
      problems.add(here, field);
      return nothing;
    }
    return { kind: "leaf", field, test, judge: compileTest(test, field, here, problems) };
  });
  if (of.length === 0) problems.add(at, "is empty: name at least one field, or leave it out");
  const only = of[0];
  return of.length === 1 && only ? only : { kind: "all", of };
}

function compileList(
  kind: "any" | "all",
  raw: Json,
  scope: Scope,
  at: string,
  problems: Problems,
  depth: number,
): Condition {
  if (!Array.isArray(raw) || raw.length === 0) {
    problems.add(at, "must be a non-empty array of conditions");
    return { kind, of: [] };
  }
  return { kind, of: raw.map((part, i) => compileCondition(part, scope, `${at}/${i}`, problems, depth + 1)) };
}

const NEVER: Judge = () => false;

function compileTest(raw: Json, field: Field, at: string, problems: Problems): Judge {
  if (Array.isArray(raw)) return compileAnyOf(raw, field, at, problems);
  if (raw === null || typeof raw !== "object") return compileScalar(raw, field, at, problems);
  const entries = Object.entries(raw);
  if (entries.length === 0) problems.add(at, `is empty: use one of ${OPERATORS.join(", ")}`);
  const judges = entries.map(([name, operand]) => {
    const here = `${at}/${escapePointer(name)}`;
    const operator = OPERATORS.find((known) => known === name);
    if (operator) return compileOperator(operator, operand, field, here, problems);
    problems.add(here, `unknown operator "${name}": use one of ${OPERATORS.join(", ")}`);
    return NEVER;
  });
  const only = judges[0];
  return judges.length === 1 && only ? only : (value) => both(judges, (judge) => judge(value));
}

function compileOperator(operator: Operator, operand: Json, field: Field, at: string, problems: Problems): Judge {
  switch (operator) {
    case "eq":
      return compileScalar(operand, field, at, problems);
    case "in":
      return compileAnyOf(operand, field, at, problems);
    case "not": {
      const inner = compileTest(operand, field, at, problems);
      return (value) => negate(inner(value));
    }
    case "exists": {
      if (typeof operand !== "boolean") problems.add(at, "must be true or false");
      return (value) => (value !== undefined && value !== null) === operand;
    }
    case "contains":
      return compileContains(operand, at, problems);
    case "between":
      return compileBetween(operand, field, at, problems);
    default:
      return compare(bound(operand, field, at, problems), operator);
  }
}

/** A number to compare with, in the field's unit; a problem when it is none, and then like no other number. */
function bound(raw: Json | undefined, field: Field, at: string, problems: Problems): number {
  if (field.unit === "duration") {
    const ms = durationMs(raw);
    if (ms === null) problems.add(at, `${field.name} is compared with ${DURATION_HINT}`);
    return ms ?? Number.NaN;
  }
  if (typeof raw === "number") return raw;
  problems.add(at, `${field.name} is compared with a number here`);
  return Number.NaN;
}

function compileBetween(operand: Json, field: Field, at: string, problems: Problems): Judge {
  if (!Array.isArray(operand) || operand.length !== 2) {
    problems.add(at, "must be an array of two ends, the lower one first");
    return NEVER;
  }
  const low = bound(operand[0], field, `${at}/0`, problems);
  const high = bound(operand[1], field, `${at}/1`, problems);
  if (low > high) problems.add(at, "ends are reversed: write the lower one first");
  const parts = [compare(low, "gte"), compare(high, "lte")];
  return (value) => both(parts, (part) => part(value));
}

function compare(limit: number, operator: "gt" | "gte" | "lt" | "lte"): Judge {
  const holds = {
    gt: (n: number) => n > limit,
    gte: (n: number) => n >= limit,
    lt: (n: number) => n < limit,
    lte: (n: number) => n <= limit,
  }[operator];
  return (value) => overEnds(value, holds);
}

/** For tests that are monotone in the number: what holds at both ends of a range holds in between. */
function overEnds(value: Value, holds: (n: number) => boolean): Verdict {
  if (typeof value === "number") return holds(value);
  if (!(value instanceof Range)) return false;
  const low = holds(value.low);
  return low === holds(value.high) ? low : null;
}

function compileScalar(raw: Json, field: Field, at: string, problems: Problems): Judge {
  if (field.unit === "duration") {
    const ms = bound(raw, field, at, problems);
    return (value) => isNumber(value, ms);
  }
  if (typeof raw === "number") return (value) => isNumber(value, raw);
  if (typeof raw === "boolean") return (value) => value === raw;
  if (typeof raw === "string") {
    const wanted = compilePattern(raw, at, problems);
    return (value) => typeof value === "string" && matches(wanted, value);
  }
  problems.add(
    at,
    raw === null
      ? 'null is a missing value: write { "exists": false }'
      : "must be a text, a number, true or false (or an array of these)",
  );
  return NEVER;
}

function isNumber(value: Value, wanted: number): Verdict {
  if (!(value instanceof Range)) return value === wanted;
  if (value.low === wanted && value.high === wanted) return true;
  return value.low <= wanted && wanted <= value.high ? null : false;
}

function compileAnyOf(raw: Json, field: Field, at: string, problems: Problems): Judge {
  if (!Array.isArray(raw) || raw.length === 0) {
    problems.add(at, "must be a non-empty array of values");
    return NEVER;
  }
  const judges = raw.map((one, i) => compileScalar(one, field, `${at}/${i}`, problems));
  return (value) => either(judges, (judge) => judge(value));
}

/** Text inside a text (no case), or a member of an array. */
function compileContains(operand: Json, at: string, problems: Problems): Judge {
  if (typeof operand === "string" && operand !== "") {
    const part = operand.toLowerCase();
    const wanted = compilePattern(operand, at, problems);
    const isPart = (value: Value) => typeof value === "string" && matches(wanted, value);
    return (value) =>
      typeof value === "string" ? value.toLowerCase().includes(part) : Array.isArray(value) && value.some(isPart);
  }
  if (typeof operand === "number" || typeof operand === "boolean") {
    return (value) => Array.isArray(value) && value.includes(operand);
  }
  problems.add(at, "must be a non-empty text, a number, true or false");
  return NEVER;
}

function compilePattern(raw: string, at: string, problems: Problems): Pattern {
  const compiled = pattern(raw);
  if (compiled.parts.length - 1 > PATTERN_MAX_STARS) problems.add(at, `has more than ${PATTERN_MAX_STARS} stars`);
  return compiled;
}
