/** Statistics against the literature, and against calculations that are made another way. */
import { describe, expect, test } from "vitest";
import {
  areaUnderCurve,
  difference,
  type FitRow,
  rate,
  ratio,
  ridgeLogistic,
  type Scored,
  wilson,
} from "../../worker/core/stats.ts";

describe("Wilson's interval", () => {
  // R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
  test.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])("%i of %i", (hits, of, low, high) => {
    const found = wilson({ hits, of });
    expect(found?.[0]).toBeCloseTo(low, 4);
    expect(found?.[1]).toBeCloseTo(high, 4);
  });

  test("is within 0 and 1 at the ends, and of nobody there is none", () => {
    expect(wilson({ hits: 0, of: 7 })?.[0]).toBe(0);
    expect(wilson({ hits: 7, of: 7 })?.[1]).toBe(1);
    expect([wilson({ hits: 0, of: 0 }), rate({ hits: 0, of: 0 })]).toEqual([null, null]);
  });
});

describe("the ratio of two shares", () => {
  test("Physicians' Health Study: heart attacks with placebo and with aspirin", () => {
    // A. Agresti, An Introduction to Categorical Data Analysis, 2nd ed., 2.2.3: 1.82, interval 1.43 to 2.30.
    const found = ratio({ hits: 189, of: 11_034 }, { hits: 104, of: 11_037 });
    expect(found.ratio).toBeCloseTo(1.818, 3);
    expect(found.interval?.[0]).toBeCloseTo(1.43, 2);
    expect(Math.abs((found.interval?.[1] ?? 0) - 2.3)).toBeLessThan(0.01);
  });

  test("with a count of 0 the interval has 0.5 added to each", () => {
    const found = ratio({ hits: 3, of: 10 }, { hits: 0, of: 20 });
    expect(found.ratio).toBeNull();
    const half = 1.959964 * Math.sqrt(1 / 3.5 - 1 / 11 + 1 / 0.5 - 1 / 21);
    expect(found.interval?.[0]).toBeCloseTo(((3.5 / 11) * 42) / Math.exp(half), 4);
    expect(found.interval?.[1]).toBeCloseTo((3.5 / 11) * 42 * Math.exp(half), 1);
  });

  test("a ratio of 0 is in its interval", () => {
    const found = ratio({ hits: 0, of: 20 }, { hits: 3, of: 10 });
    const half = 1.959964 * Math.sqrt(1 / 0.5 - 1 / 21 + 1 / 3.5 - 1 / 11);
    expect([found.ratio, found.interval?.[0]]).toEqual([0, 0]);
    expect(found.interval?.[1]).toBeCloseTo((11 / 3.5 / 42) * Math.exp(half), 4);
  });

  test.each([
    [0, 0, 3, 10],
    [3, 10, 0, 0],
    [0, 10, 0, 10],
  ])("there is none of %i of %i and %i of %i", (a, m, b, n) => {
    expect(ratio({ hits: a, of: m }, { hits: b, of: n })).toEqual({ ratio: null, interval: null });
  });
});

describe("the difference of two shares", () => {
  // R. G. Newcombe, Statistics in Medicine 17 (1998) 873, table II, method 10.
  test.each([
    [56, 70, 48, 80, 0.0524, 0.3339],
    [9, 10, 3, 10, 0.1705, 0.809],
    [6, 7, 2, 7, 0.0582, 0.8062],
    [5, 56, 0, 29, -0.0381, 0.1926],
    [0, 10, 0, 20, -0.1611, 0.2775],
    [0, 10, 0, 10, -0.2775, 0.2775],
    [10, 10, 0, 20, 0.6791, 1],
    [10, 10, 0, 10, 0.6075, 1],
  ])("%i of %i less %i of %i", (a, m, b, n, low, high) => {
    const found = difference({ hits: a, of: m }, { hits: b, of: n });
    expect(found?.difference).toBeCloseTo(a / m - b / n, 12);
    expect(found?.interval[0]).toBeCloseTo(low, 4);
    expect(found?.interval[1]).toBeCloseTo(high, 4);
    // And the other way round.
    const back = difference({ hits: b, of: n }, { hits: a, of: m });
    expect(back?.interval).toEqual(found?.interval.map((end) => 0 - end).toReversed());
  });

  test("of nobody there is none", () => {
    expect(difference({ hits: 0, of: 0 }, { hits: 1, of: 2 })).toBeNull();
    expect(difference({ hits: 1, of: 2 }, { hits: 0, of: 0 })).toBeNull();
  });
});

describe("the area under the ROC curve", () => {
  const times = (count: number, score: number, hit: boolean): Scored[] =>
    Array.from({ length: count }, () => ({ score, hit, weight: 1 }));

  test("ratings of 109 CT images", () => {
    // Hanley and McNeil, Radiology 143 (1982), table II: area 0.893; by their formula its standard error is 0.032.
    const all = [33, 6, 6, 11, 2].flatMap((count, i) => times(count, i, false));
    all.push(...[3, 2, 2, 11, 33].flatMap((count, i) => times(count, i, true)));
    const found = areaUnderCurve(all);
    expect(found?.area).toBeCloseTo(0.893, 3);
    expect(((found?.interval[1] ?? 0) - (found?.area ?? 0)) / 1.959964).toBeCloseTo(0.0326, 3);
  });

  test("is what counting pairs finds, weights and ties included", () => {
    const all = Array.from({ length: 60 }, (_, i) => ({
      score: (i * 37) % 11,
      hit: (i * 13) % 7 < 3,
      weight: 1 + (i % 3),
    }));
    let [won, pairs] = [0, 0];
    for (const hit of all.filter((one) => one.hit)) {
      for (const miss of all.filter((one) => !one.hit)) {
        const weight = hit.weight * miss.weight;
        pairs += weight;
        won += weight * (hit.score > miss.score ? 1 : hit.score === miss.score ? 0.5 : 0);
      }
    }
    expect(areaUnderCurve(all)?.area).toBeCloseTo(won / pairs, 12);
  });

  test("1 where all hits are above, 0 where all are below, none without both", () => {
    expect(areaUnderCurve([...times(2, 1, false), ...times(2, 2, true)])).toEqual({ area: 1, interval: [1, 1] });
    expect(areaUnderCurve([...times(2, 2, false), ...times(2, 1, true)])?.area).toBe(0);
    expect([areaUnderCurve([]), areaUnderCurve(times(3, 1, true)), areaUnderCurve(times(3, 1, false))]).toEqual([
      null,
      null,
      null,
    ]);
  });
});

describe("the logistic fit", () => {
  /** The same by walking downhill in small steps, on full matrices. */
  function downhill(rows: readonly FitRow[], columns: number, penalty: number): number[] {
    const at: number[] = Array.from({ length: columns + 1 }, () => 0);
    const weight = rows.reduce((sum, row) => sum + row.weight, 0);
    for (let step = 0; step < 60_000; step++) {
      const gradient: number[] = at.map((value, j) => (j < columns ? penalty * value : 0));
      for (const row of rows) {
        const x: number[] = at.map((_, j) => (j === columns || row.ones.includes(j) ? 1 : 0));
        const chance = 1 / (1 + Math.exp(-x.reduce((sum, one, j) => sum + one * (at[j] ?? 0), 0)));
        for (const [j, one] of x.entries()) {
          gradient[j] = (gradient[j] ?? 0) + row.weight * one * (chance - Number(row.hit));
        }
      }
      for (const [j, slope] of gradient.entries()) at[j] = (at[j] ?? 0) - (slope * 2) / (weight + penalty);
    }
    return at;
  }

  const rows: FitRow[] = Array.from({ length: 40 }, (_, i) => ({
    ones: [0, 1, 2].filter((j) => (i * (2 * j + 3) + j) % 5 < 2),
    hit: (i * 7) % 10 < 3 || (i % 5 < 2 && i % 3 === 0),
    weight: i % 4 === 0 ? 2 : 1,
  }));

  test("is where walking downhill arrives", () => {
    for (const penalty of [1, 0.3]) {
      const { intercept, coefficients } = ridgeLogistic(rows, 3, penalty);
      for (const [j, value] of downhill(rows, 3, penalty).entries()) {
        expect([...coefficients, intercept][j]).toBeCloseTo(value, 6);
      }
    }
  });

  test("one column without penalty: the logarithm of the odds ratio", () => {
    const times = (count: number, ones: number[], hit: boolean): FitRow[] =>
      Array.from({ length: count }, () => ({ ones, hit, weight: 1 }));
    const table = [...times(8, [0], true), ...times(4, [0], false), ...times(5, [], true), ...times(20, [], false)];
    const { intercept, coefficients } = ridgeLogistic(table, 1, 0);
    expect(intercept).toBeCloseTo(Math.log(5 / 20), 8);
    expect(coefficients[0]).toBeCloseTo(Math.log(8 / 4 / (5 / 20)), 8);
  });

  test("stays finite where a column tells hits from misses without fail, and where columns are the same", () => {
    const apart: FitRow[] = Array.from({ length: 2_000 }, (_, i) => ({
      ones: i % 2 === 0 ? [0, 1] : [],
      hit: i % 2 === 0,
      weight: 50,
    }));
    const { intercept, coefficients } = ridgeLogistic(apart, 2, 1);
    expect(Number.isFinite(intercept)).toBe(true);
    expect(coefficients[0]).toBeGreaterThan(1);
    expect(coefficients[1]).toBeCloseTo(coefficients[0] ?? 0, 6);
    const { coefficients: none } = ridgeLogistic([...apart, { ones: [], hit: true, weight: 1 }], 0, 1);
    expect(none).toEqual([]);
  });
});
