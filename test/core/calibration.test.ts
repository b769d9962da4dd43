/** Expected and observed conversion by score: the fit of one variable, and the groups. */
import { describe, expect, test } from "vitest";
import { calibration, type Observation } from "../../worker/core/evidence.ts";
import { logisticCurve, type Scored } from "../../worker/core/stats.ts";

const one = (score: number, hit: boolean, weight = 1): Scored => ({ score, hit, weight });
const lead = (score: number, hit: boolean, weight = 1): Observation => ({
  outcome: hit ? "won" : null,
  weight,
  score,
  levels: [],
  fired: [],
});
/** Leads of whom more convert, the higher they score: by a fixed pattern, no chance. */
const crowd = Array.from({ length: 200 }, (_, i) => ({ score: (i * 37) % 100, hit: (i * 53) % 100 < (i * 37) % 100 }));

describe("the logistic curve of a score", () => {
  test("is that of the space shuttle's O-rings", () => {
    // Flights before Challenger by joint temperature, °F: Dalal, Fowlkes, Hoadley, JASA 84 (1989). Without penalty the
    // maximum likelihood fit is known to be log odds = 15.0429 - 0.23216 · temperature.
    const damaged = [53, 57, 58, 63, 70, 70, 75];
    const sound = [66, 67, 67, 67, 68, 69, 70, 70, 72, 73, 75, 76, 76, 78, 79, 81];
    const chance = logisticCurve([...damaged.map((t) => one(t, true)), ...sound.map((t) => one(t, false))], 0);
    for (const at of [31, 53, 66, 81]) {
      expect(chance?.(at)).toBeCloseTo(1 / (1 + Math.exp(-(15.0429 - 0.23216 * at))), 3);
    }
  });

  test("expects as many hits as there were, whatever they weigh", () => {
    const all = crowd.map(({ score, hit }, i) => one(score, hit, 1 + (i % 3)));
    const chance = logisticCurve(all, 1);
    const sum = (of: (it: Scored) => number) => all.reduce((total, it) => total + of(it) * it.weight, 0);
    expect(sum(({ score }) => chance?.(score) ?? 0)).toBeCloseTo(
      sum(({ hit }) => Number(hit)),
      6,
    );
  });

  test("asks the same of a score in other units", () => {
    const all = crowd.map(({ score, hit }) => one(score, hit));
    const wide = logisticCurve(
      all.map((it) => ({ ...it, score: it.score * 1000 - 7 })),
      1,
    );
    const chance = logisticCurve(all, 1);
    for (const at of [0, 40, 99]) expect(wide?.(at * 1000 - 7)).toBeCloseTo(chance?.(at) ?? 0, 8);
  });

  test("stays finite where the score tells without fail, and is none where there is nothing to fit", () => {
    const apart = Array.from({ length: 500 }, (_, i) => one(i, i >= 250, 40));
    const chance = logisticCurve(apart, 1);
    expect(chance?.(0)).toBeGreaterThanOrEqual(0);
    expect(chance?.(0)).toBeLessThan(0.01);
    expect(chance?.(499)).toBeGreaterThan(0.99);
    expect(chance?.(499)).toBeLessThanOrEqual(1);
    expect(logisticCurve([], 1)).toBeNull();
    expect(logisticCurve([one(1, true), one(2, true)], 1)).toBeNull();
    expect(logisticCurve([one(1, false), one(2, false)], 1)).toBeNull();
    expect(logisticCurve([one(5, true), one(5, false)], 1)).toBeNull();
  });
});

describe("calibration", () => {
  test("ten groups of about equally many in the order of their scores; all leads are in one", () => {
    const groups = calibration(crowd.map(({ score, hit }) => lead(score, hit)));
    expect(groups).toHaveLength(10);
    for (const [i, { from, to, score, leads, converted, predicted, rate }] of groups.entries()) {
      const mine = crowd.filter((it) => it.score >= from && it.score <= to);
      expect([leads, converted]).toEqual([mine.length, mine.filter(({ hit }) => hit).length]);
      expect(leads).toBe(20);
      expect(rate).toBe(converted / leads);
      expect(score).toBeGreaterThanOrEqual(from);
      expect(score).toBeLessThanOrEqual(to);
      expect(from).toBeGreaterThan(groups[i - 1]?.to ?? -1);
      expect(predicted).toBeGreaterThan(groups[i - 1]?.predicted ?? 0);
    }
    const expected = groups.reduce((sum, { predicted, leads }) => sum + predicted * leads, 0);
    expect(expected).toBeCloseTo(crowd.filter(({ hit }) => hit).length, 6);
  });

  test("leads of one score are never parted, so there may be fewer groups", () => {
    const all = [...Array.from({ length: 150 }, (_, i) => lead(0, i % 30 === 0)), ...crowd.slice(0, 50)].map((it) =>
      lead(it.score, "hit" in it ? it.hit : it.outcome !== null),
    );
    const groups = calibration(all);
    expect(groups.length).toBeLessThan(10);
    expect(groups.filter(({ from, to }) => from <= 0 && to >= 0)).toHaveLength(1);
    expect(groups.reduce((sum, { leads }) => sum + leads, 0)).toBe(200);
  });

  test("a group is of ten leads that were read, whatever they stand for", () => {
    const few = crowd.slice(0, 35).map(({ score, hit }) => lead(score, hit, 100));
    const groups = calibration(few);
    expect(groups).toHaveLength(3);
    expect(groups.reduce((sum, { leads }) => sum + leads, 0)).toBe(3_500);
    expect(calibration([lead(1, true), lead(0, false)])).toHaveLength(1);
  });

  test("none where nobody or everybody converted, or all have one score", () => {
    expect(calibration([])).toEqual([]);
    expect(calibration(crowd.map(({ score }) => lead(score, false)))).toEqual([]);
    expect(calibration(crowd.map(({ score }) => lead(score, true)))).toEqual([]);
    expect(calibration(crowd.map(({ hit }) => lead(7, hit)))).toEqual([]);
  });
});
