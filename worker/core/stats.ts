/**
 * Statistics of the reports: shares and their intervals, ratios of shares, the area under the ROC curve, a regularised
 * logistic fit. Plain formulas with their sources; everything is a finite number or `null`.
 */

/** Lower and upper end. */
export type Interval = readonly [low: number, high: number];

/** The 97.5 % quantile of the normal distribution: 95 % lie within so many standard errors. */
const Z = 1.959963984540054;

/** So many of so many. Need not be whole where leads are weighted. */
export interface Share {
  hits: number;
  of: number;
}

/** The share as a number from 0 to 1; `null`: of none. */
export function rate({ hits, of }: Share): number | null {
  return of > 0 ? hits / of : null;
}

/**
 * Wilson's score interval of a share, 95 %, without continuity correction; `null`: of none. E. B. Wilson, "Probable
 * inference, the law of succession, and statistical inference", JASA 22 (1927); method 3 of R. G. Newcombe, Statistics
 * in Medicine 17 (1998).
 */
export function wilson({ hits, of }: Share): Interval | null {
  if (of <= 0) return null;
  const p = hits / of;
  const z2 = Z * Z;
  const middle = (p + z2 / (2 * of)) / (1 + z2 / of);
  const half = (Z / (1 + z2 / of)) * Math.sqrt((p * (1 - p)) / of + z2 / (4 * of * of));
  // The ends of shares of nothing and of all are exact; rounding would put them a hair outside.
  return [hits <= 0 ? 0 : Math.max(0, middle - half), hits >= of ? 1 : Math.min(1, middle + half)];
}

/**
 * Ratio of two shares (relative risk), and its interval, 95 %, by the logarithm method: D. Katz and others, Biometrics
 * 34 (1978). Where one of the four counts is 0, 0.5 is added to each for the interval (Haldane, Anscombe); the ratio is
 * that of the counts as they are, and where it is 0 the interval begins there. `null`: a share is of none, or (the ratio)
 * the second is 0; both, where nobody hit.
 */
export function ratio(one: Share, other: Share): { ratio: number | null; interval: Interval | null } {
  if (one.of <= 0 || other.of <= 0 || one.hits + other.hits <= 0) return { ratio: null, interval: null };
  const cells = [one.hits, one.of - one.hits, other.hits, other.of - other.hits];
  const extra = cells.some((cell) => cell <= 0) ? 0.5 : 0;
  const [a, m] = [one.hits + extra, one.of + 2 * extra];
  const [b, n] = [other.hits + extra, other.of + 2 * extra];
  const log = Math.log(a / m / (b / n));
  const half = Z * Math.sqrt(Math.max(0, 1 / a - 1 / m + 1 / b - 1 / n));
  return {
    ratio: other.hits > 0 ? one.hits / one.of / (other.hits / other.of) : null,
    interval: [one.hits > 0 ? Math.exp(log - half) : 0, Math.exp(log + half)],
  };
}

/**
 * Difference of two shares, the first less the second, and its interval, 95 %: Newcombe's hybrid score interval, made of
 * Wilson's of each. R. G. Newcombe, "Interval estimation for the difference between independent proportions", Statistics
 * in Medicine 17 (1998), method 10. `null`: a share is of none.
 */
export function difference(one: Share, other: Share): { difference: number; interval: Interval } | null {
  const [p1, p2] = [rate(one), rate(other)];
  const [w1, w2] = [wilson(one), wilson(other)];
  if (p1 === null || p2 === null || !w1 || !w2) return null;
  const found = p1 - p2;
  const down = Math.hypot(p1 - w1[0], w2[1] - p2);
  const up = Math.hypot(w1[1] - p1, p2 - w2[0]);
  return { difference: found, interval: [Math.max(-1, found - down), Math.min(1, found + up)] };
}

/** Something scored, of which it is known whether it was a hit; `weight`: for how many it stands. */
export interface Scored {
  score: number;
  hit: boolean;
  weight: number;
}

/**
 * Area under the ROC curve: how often a hit scores higher than a miss, ties half. The interval, 95 %, is by the standard
 * error of J. A. Hanley and B. J. McNeil, Radiology 143 (1982), from how many there are whatever they weigh, cut to 0
 * to 1. `null`: there are no hits or no misses.
 */
export function areaUnderCurve(all: readonly Scored[]): { area: number; interval: Interval } | null {
  const hits = all.filter(({ hit }) => hit).length;
  const misses = all.length - hits;
  if (hits === 0 || misses === 0) return null;
  const sorted = all.toSorted((a, b) => a.score - b.score);
  let [missesBelow, hitWeight, won] = [0, 0, 0];
  for (let i = 0; i < sorted.length; ) {
    const score = sorted[i]?.score;
    let [hitsHere, missesHere] = [0, 0];
    for (; i < sorted.length && sorted[i]?.score === score; i++) {
      const { hit, weight } = sorted[i] ?? { hit: false, weight: 0 };
      if (hit) hitsHere += weight;
      else missesHere += weight;
    }
    won += hitsHere * (missesBelow + missesHere / 2);
    missesBelow += missesHere;
    hitWeight += hitsHere;
  }
  const area = won / (hitWeight * missesBelow);
  const q1 = area / (2 - area);
  const q2 = (2 * area * area) / (1 + area);
  const square = area * area;
  const variance = (area - square + (hits - 1) * (q1 - square) + (misses - 1) * (q2 - square)) / (hits * misses);
  const half = Z * Math.sqrt(Math.max(0, variance));
  return { area, interval: [Math.max(0, area - half), Math.min(1, area + half)] };
}

/** What a logistic fit is made from: who has which of the features, and who is a hit. */
export interface FitRow {
  /** Columns that are not 0. */
  ones: readonly number[];
  /** What they are, in their order; 1 where left out. */
  values?: readonly number[];
  hit: boolean;
  weight: number;
}

/** Most steps of the fit; it comes to rest after about ten. */
const STEPS_MAX = 50;
/** Most times that a step which does not improve the fit is halved. */
const HALVINGS_MAX = 30;
/** Steps shorter than this change nothing that anybody sees. */
const STEP_MIN = 1e-10;

/**
 * Logistic regression with an L2 penalty: the intercept and coefficients that minimise Σ weight · log loss + ½ penalty ·
 * Σ coefficient², the intercept not penalised. (With penalty 1 what scikit-learn's LogisticRegression finds with C = 1.)
 * Newton's method, which for it is iteratively reweighted least squares: T. Hastie, R. Tibshirani, J. Friedman, The
 * Elements of Statistical Learning, 2nd ed., 4.4.1 and 18.3. There must be hits and misses, or the intercept has no end.
 */
export function ridgeLogistic(
  rows: readonly FitRow[],
  columns: number,
  penalty: number,
): { intercept: number; coefficients: number[] } {
  // The intercept is a last column that everybody has.
  const with1 = rows.map((row) => ({ ...row, ones: [...row.ones, columns] }));
  const penalties = Array.from({ length: columns + 1 }, (_, i) => (i < columns ? penalty : 0));
  let at: number[] = penalties.map(() => 0);
  let loss = lossAt(with1, penalties, at);
  for (let step = 0; step < STEPS_MAX; step++) {
    const move = newtonStep(with1, penalties, at);
    let share = 1;
    let next = at;
    let nextLoss = loss;
    for (let halvings = 0; halvings <= HALVINGS_MAX; halvings++, share /= 2) {
      next = at.map((value, i) => value - share * (move[i] ?? 0));
      nextLoss = lossAt(with1, penalties, next);
      if (nextLoss <= loss) break;
    }
    if (!(nextLoss <= loss)) break;
    at = next;
    loss = nextLoss;
    if (Math.max(...move.map(Math.abs)) * share < STEP_MIN) break;
  }
  return { intercept: at[columns] ?? 0, coefficients: at.slice(0, columns) };
}

function linear({ ones, values }: FitRow, at: readonly number[]): number {
  let sum = 0;
  for (const [i, column] of ones.entries()) sum += (at[column] ?? 0) * (values?.[i] ?? 1);
  return sum;
}

function chanceOf(sum: number): number {
  return 1 / (1 + Math.exp(-sum));
}

/**
 * The chance of a hit at each score: a logistic fit of the score alone, as `ridgeLogistic` with the score in standard
 * deviations from its mean, so that the penalty asks the same of every unit. The chances of all come to as many hits as
 * there were. `null`: there are no hits or no misses, or all have one score.
 */
export function logisticCurve(all: readonly Scored[], penalty: number): ((score: number) => number) | null {
  const hits = all.filter(({ hit }) => hit).length;
  const weight = all.reduce((sum, one) => sum + one.weight, 0);
  const mean = all.reduce((sum, one) => sum + one.weight * one.score, 0) / weight;
  const deviation = Math.sqrt(all.reduce((sum, one) => sum + one.weight * (one.score - mean) ** 2, 0) / weight);
  if (hits === 0 || hits === all.length || !(deviation > 0)) return null;
  const rows = all.map(({ score, hit, weight }) => ({ ones: [0], values: [(score - mean) / deviation], hit, weight }));
  const { intercept, coefficients } = ridgeLogistic(rows, 1, penalty);
  return (score) => chanceOf(intercept + (coefficients[0] ?? 0) * ((score - mean) / deviation));
}

function lossAt(rows: readonly FitRow[], penalties: readonly number[], at: readonly number[]): number {
  let loss = 0;
  for (const row of rows) {
    const { hit, weight } = row;
    const towards = hit ? -linear(row, at) : linear(row, at);
    // log(1 + e^x) without overflow.
    loss += weight * (Math.max(0, towards) + Math.log1p(Math.exp(-Math.abs(towards))));
  }
  return at.reduce((sum, value, i) => sum + ((penalties[i] ?? 0) * value * value) / 2, loss);
}

/** Inverse Hessian times gradient. Rows are mostly zeros, so the Hessian is summed over what is not. */
function newtonStep(rows: readonly FitRow[], penalties: readonly number[], at: readonly number[]): number[] {
  const size = at.length;
  const gradient = at.map((value, i) => (penalties[i] ?? 0) * value);
  const hessian = new Float64Array(size * size);
  for (let i = 0; i < size; i++) hessian[i * size + i] = penalties[i] ?? 0;
  for (const row of rows) {
    const { ones, values, hit, weight } = row;
    const chance = chanceOf(linear(row, at));
    const off = weight * (chance - (hit ? 1 : 0));
    const curve = weight * chance * (1 - chance);
    for (const [k, i] of ones.entries()) {
      const value = values?.[k] ?? 1;
      gradient[i] = (gradient[i] ?? 0) + off * value;
      for (const [l, j] of ones.entries()) {
        hessian[i * size + j] = (hessian[i * size + j] ?? 0) + curve * value * (values?.[l] ?? 1);
      }
    }
  }
  return solve(hessian, gradient);
}

/** Solves a symmetric, positive definite system by Cholesky's decomposition, in place. */
function solve(matrix: Float64Array, right: readonly number[]): number[] {
  const size = right.length;
  const cell = (i: number, j: number) => matrix[i * size + j] ?? 0;
  for (let j = 0; j < size; j++) {
    for (let i = j; i < size; i++) {
      let sum = cell(i, j);
      for (let k = 0; k < j; k++) sum -= cell(i, k) * cell(j, k);
      // Chances that rounded to 0 or 1 leave no curvature: a pivot of its own keeps the step finite.
      matrix[i * size + j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / cell(j, j);
    }
  }
  const solved = [...right];
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) solved[i] = (solved[i] ?? 0) - cell(i, k) * (solved[k] ?? 0);
    solved[i] = (solved[i] ?? 0) / cell(i, i);
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) solved[i] = (solved[i] ?? 0) - cell(k, i) * (solved[k] ?? 0);
    solved[i] = (solved[i] ?? 0) / cell(i, i);
  }
  return solved;
}
