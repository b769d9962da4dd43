/**
 * Values to try conditions with. The checks ask the very conditions that will run whether a value satisfies them, at
 * the few values where their answer can turn; so they hold no second opinion on what a condition means.
 */
import type { Condition, Field, Leaf, Value, Verdict } from "../condition";
import { durationMs } from "../duration";
import type { Json } from "../event";

/** Stands for a value that may be any: the verdict is then `null` where it matters. */
export const ANY = Symbol("any value");

/** Three-valued like `judge`, for leads and events of which some fields are left open. */
export function judgeOpen(condition: Condition, read: (field: Field) => Value | typeof ANY): Verdict {
  if (condition.kind === "leaf") {
    const value = read(condition.field);
    return value === ANY ? null : condition.judge(value);
  }
  if (condition.kind === "not") {
    const verdict = judgeOpen(condition.of[0], read);
    return verdict === null ? null : !verdict;
  }
  const decisive = condition.kind === "any";
  let open = false;
  for (const part of condition.of) {
    const verdict = judgeOpen(part, read);
    if (verdict === decisive) return decisive;
    if (verdict === null) open = true;
  }
  return open ? null : !decisive;
}

/** What must hold together: the parts of a condition that are joined by AND. */
export function parts(condition: Condition): Condition[] {
  return condition.kind === "all" ? condition.of.flatMap(parts) : [condition];
}

/** The tests that a condition asks for itself, not under a `not`. */
export function asserted(condition: Condition): Leaf[] {
  if (condition.kind === "leaf") return [condition];
  return condition.kind === "not" ? [] : condition.of.flatMap(asserted);
}

/** Every single value that a test mentions. */
export function scalars(test: Json): (string | number | boolean)[] {
  if (test === null) return [];
  if (typeof test !== "object") return [test];
  return Object.values(test).flatMap(scalars);
}

const COMPARISONS = new Set(["gt", "gte", "lt", "lte", "between"]);

/** Whether a test is of a range of numbers: nothing but comparisons, or a single number. */
export function isRange(test: Json): boolean {
  return test !== null && typeof test === "object" && Object.keys(test).every((name) => COMPARISONS.has(name));
}

/** A number that a test mentions, as written there. */
export interface Bound {
  readonly value: number;
  readonly text: string;
}

/** More numbers than this are a list and no ranges. */
const BOUNDS_MAX = 500;

/** The numbers that tests of one field turn at, ascending, each once, durations in ms; `null`: too many to look at. */
export function bounds(tested: readonly Leaf[]): Bound[] | null {
  const found = new Map<number, string>();
  for (const { field, test } of tested) {
    for (const scalar of scalars(test)) {
      const value = field.unit === "duration" ? durationMs(scalar) : scalar;
      if (typeof value === "number" && !found.has(value)) found.set(value, String(scalar));
    }
  }
  if (found.size > BOUNDS_MAX) return null;
  return [...found].map(([value, text]) => ({ value, text })).sort((a, b) => a.value - b.value);
}

/** A value to try, and the words for all the values that it stands for. */
export interface Sample {
  readonly value: number;
  readonly words: string;
  /** The bounds that it is, or lies between. */
  readonly from: string;
  readonly to: string;
  /** Whether it is exactly `from`. */
  readonly exact: boolean;
}

/**
 * One sample for every stretch between bounds, and one for each bound: no test that mentions only these can turn
 * within a stretch. Of whole numbers, those next to the bounds.
 */
export function samples(turns: readonly Bound[], whole: boolean): Sample[] {
  if (whole) {
    const near = turns.flatMap(({ value }) => [Math.floor(value) - 1, Math.floor(value), Math.ceil(value)]);
    const past = turns.map(({ value }) => Math.ceil(value) + 1);
    const values = [...new Set([...near, ...past])].sort((a, b) => a - b);
    return values.map((value) => ({ value, words: `${value}`, from: `${value}`, to: `${value}`, exact: true }));
  }
  return turns.flatMap(({ value, text }, i): Sample[] => {
    const next = turns[i + 1];
    const here = { value, words: text, from: text, to: text, exact: true };
    const after = next
      ? { value: (value + next.value) / 2, words: `between ${text} and ${next.text}`, from: text, to: next.text }
      : { value: value + 1, words: `above ${text}`, from: text, to: text };
    const before = { value: value - 1, words: `below ${text}`, from: text, to: text, exact: false };
    return [...(i === 0 ? [before] : []), here, { ...after, exact: false }];
  });
}
