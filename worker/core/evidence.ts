/** What the data say of the rules: how leads they fired for ended, what points would fit, what the score foretells. */
import { judge } from "./condition";
import { type Levels, levelsNow } from "./levels";
import { isConversion, type Outcome } from "./outcome";
import type { RuleSet } from "./rules";
import type { State } from "./state";
import { areaUnderCurve, type Interval, logisticCurve, rate, ratio, ridgeLogistic, type Share, wilson } from "./stats";
import { sum, View } from "./view";

/** A lead at its latest event; of one with an outcome, at its latest before that. */
export interface Observation {
  outcome: Outcome | null;
  /** For how many leads it stands. */
  weight: number;
  score: number;
  /** Position on every ladder. */
  levels: Levels;
  /** Positions of the rules that had fired or, of `while` rules, that held. */
  fired: readonly number[];
}

/** What a state looks like at an instant not before its clock. */
export function observed(rules: RuleSet, state: State, at: number): Pick<Observation, "score" | "levels" | "fired"> {
  const view = new View(rules, state, at);
  return { score: sum(view.scores().low), levels: levelsNow(rules, state, at), fired: firedBy(view) };
}

/** Positions of the rules that had fired by an instant or, of `while` rules, that hold at it. */
export function firedBy({ rules, state, read }: View): number[] {
  const on = rules.on.filter(({ index }) => (state.rules[index]?.fired ?? 0) > 0);
  const held = rules.while.filter((rule) => judge(rule.while, read) === true);
  return [...on, ...held].map(({ index }) => index);
}

/** Strength of the penalty that keeps the fit from making much of little: coefficients as of a normal prior with variance 1. */
export const PENALTY = 1;
/** Decimals of suggested points; more would pretend to know. */
const POINTS_DECIMALS = 2;

/** How many of some leads converted; to whole leads, where each that was read stands for several. */
export interface Conversion {
  leads: number;
  converted: number;
  rate: number | null;
  /** Wilson, 95 %. */
  interval: Interval | null;
}

export function conversion(share: Share): Conversion {
  return { leads: Math.round(share.of), converted: Math.round(share.hits), rate: rate(share), interval: wilson(share) };
}

/** What a rule was worth. */
export interface RuleEvidence {
  id: string;
  /** What it gives; `null`: it resets or disqualifies. */
  points: number | null;
  with: Conversion;
  without: Conversion;
  /** The one rate by the other. */
  lift: number | null;
  /** Katz, 95 %. */
  liftInterval: Interval | null;
  /** Of the logistic fit; `null`: it is not part of it. */
  coefficient: number | null;
  /** `null` also where the lift may as well be 1: then nothing is known. */
  suggestedPoints: number | null;
}

const hits = ({ outcome }: Observation) => isConversion(outcome);

function shareOf(all: readonly Observation[]): Share {
  let [of, converted] = [0, 0];
  for (const one of all) {
    of += one.weight;
    if (hits(one)) converted += one.weight;
  }
  return { hits: converted, of };
}

/** Every rule of the set, in document order. */
export function ruleEvidence(rules: RuleSet, all: readonly Observation[]): RuleEvidence[] {
  const coefficients = fitted(rules, all);
  const found = rules.rules.map(({ id, index, effect }) => {
    const firedFor = ({ fired }: Observation) => fired.includes(index);
    // Not what is left of all: a difference of weights that should be 0 may be a hair off.
    const [mine, others] = [shareOf(all.filter(firedFor)), shareOf(all.filter((one) => !firedFor(one)))];
    const lift = ratio(mine, others);
    return {
      id,
      points: effect.kind === "points" ? effect.points : null,
      with: conversion(mine),
      without: conversion(others),
      lift: lift.ratio,
      liftInterval: lift.interval,
      coefficient: coefficients.get(index) ?? null,
    };
  });
  const suggested = suggestions(found);
  return found.map((one) => ({ ...one, suggestedPoints: suggested.get(one.id) ?? null }));
}

/**
 * Points by the ids of rules: the coefficients of those whose lift is known not to be 1, stretched so that together
 * they are as large as the points that the same rules give now.
 */
function suggestions(
  found: readonly Pick<RuleEvidence, "id" | "points" | "coefficient" | "liftInterval">[],
): Map<string, number> {
  const known = found.flatMap(({ id, points, coefficient, liftInterval }) =>
    points === null || coefficient === null || !liftInterval || holds(liftInterval, 1)
      ? []
      : [{ id, points, coefficient }],
  );
  const total = known.reduce((sum, { points }) => sum + Math.abs(points), 0);
  const stretch = total / known.reduce((sum, { coefficient }) => sum + Math.abs(coefficient), 0);
  if (!Number.isFinite(stretch)) return new Map();
  // Never -0.
  return new Map(
    known.map(({ id, coefficient }) => [id, Number((coefficient * stretch).toFixed(POINTS_DECIMALS)) + 0]),
  );
}

const holds = ([low, high]: Interval, value: number) => low <= value && value <= high;

/** Coefficients by the positions of rules: of those that give points and fired for some leads and not for others. */
function fitted(rules: RuleSet, all: readonly Observation[]): Map<number, number> {
  const converted = all.filter(hits).length;
  if (converted === 0 || converted === all.length) return new Map();
  const columns = rules.rules.flatMap(({ index, effect }) => {
    const count = all.filter(({ fired }) => fired.includes(index)).length;
    return effect.kind === "points" && count > 0 && count < all.length ? [index] : [];
  });
  const rows = all.map((one) => ({
    ones: one.fired.flatMap((index) => (columns.includes(index) ? [columns.indexOf(index)] : [])),
    hit: hits(one),
    weight: one.weight,
  }));
  const { coefficients } = ridgeLogistic(rows, columns.length, PENALTY);
  return new Map(columns.map((index, i) => [index, coefficients[i] ?? 0]));
}

/** Most groups of the calibration, and fewest leads read for each: of fewer a rate says little. */
const GROUPS_MAX = 10;
const GROUP_MIN_LEADS = 10;

/** Leads of neighbouring scores: how many the score lets expect to convert, and how many did. */
export interface CalibrationGroup extends Conversion {
  /** Lowest and highest score in it, and their mean. */
  from: number;
  to: number;
  score: number;
  /** Mean of the chances that a logistic fit of the score gives them. */
  predicted: number;
}

/**
 * Leads in the order of their scores, in groups of about equally many, the lowest first; those of one score are never
 * parted. None where there is nothing to fit: nobody or everybody converted, or all have one score.
 */
export function calibration(all: readonly Observation[]): CalibrationGroup[] {
  const chance = logisticCurve(all.map(scored), PENALTY);
  if (!chance) return [];
  return scoreGroups(all).map((group) => {
    const share = shareOf(group);
    const mean = (of: (score: number) => number) =>
      group.reduce((sum, { score, weight }) => sum + of(score) * weight, 0) / share.of;
    return {
      from: group[0]?.score ?? 0,
      to: group.at(-1)?.score ?? 0,
      score: mean((score) => score),
      predicted: mean(chance),
      ...conversion(share),
    };
  });
}

const scored = (one: Observation) => ({ score: one.score, hit: hits(one), weight: one.weight });

function scoreGroups(all: readonly Observation[]): Observation[][] {
  const count = Math.max(1, Math.min(GROUPS_MAX, Math.floor(all.length / GROUP_MIN_LEADS)));
  const whole = all.reduce((sum, { weight }) => sum + weight, 0);
  const byScore = [...Map.groupBy(all, ({ score }) => score)].sort(([a], [b]) => a - b);
  const groups = Array.from({ length: count }, (): Observation[] => []);
  let below = 0;
  for (const [, leads] of byScore) {
    const weight = leads.reduce((sum, one) => sum + one.weight, 0);
    // Those of one score go where their middle lies, however many they are.
    const place = Math.min(count - 1, Math.floor(((below + weight / 2) / whole) * count));
    groups[place]?.push(...leads);
    below += weight;
  }
  return groups.filter((group) => group.length > 0);
}

/** How well the score tells those who convert from the others, and with how many that is known. */
export function discrimination(all: readonly Observation[]) {
  const found = areaUnderCurve(all.map(scored));
  const converted = all.filter(hits).length;
  return {
    value: found?.area ?? null,
    interval: found?.interval ?? null,
    converted,
    others: all.length - converted,
  };
}

/** Conversion by level, ladder by ladder, lowest first. */
export function levelEvidence(
  rules: RuleSet,
  all: readonly Observation[],
): ({ ladder: string; level: string } & Conversion)[] {
  return rules.ladders.flatMap((ladder, i) =>
    ladder.levels.map(({ name: level }, position) => ({
      ladder: ladder.name,
      level,
      ...conversion(shareOf(all.filter(({ levels }) => levels[i] === position))),
    })),
  );
}
