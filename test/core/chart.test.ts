/** Scales and paths of the charts; what is expected of round values and of curves is what d3 makes of the same. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  area,
  clamped,
  line,
  linear,
  logarithmic,
  nice,
  type Point,
  type Span,
  smooth,
  ticks,
} from "../../worker/dashboard/chart.ts";

describe("scales", () => {
  test("even distances, even ratios, and nothing outside", () => {
    expect([0, 5, 20].map(linear([0, 10], [100, 0]))).toEqual([100, 50, -100]);
    expect([0, 5, 20].map(clamped([0, 10], linear([0, 10], [100, 0])))).toEqual([100, 50, 0]);
    expect(logarithmic([1 / 8, 8], [2, 98])(2)).toBeCloseTo(66, 9);
    expect(linear([3, 3], [0, 10])(3)).toBe(5);
  });

  test.each<[Span, Span, number[]]>([
    [
      [0, 7],
      [0, 8],
      [0, 2, 4, 6, 8],
    ],
    [
      [0, 1],
      [0, 1],
      [0, 0.2, 0.4, 0.6, 0.8, 1],
    ],
    [
      [0, 230],
      [0, 250],
      [0, 50, 100, 150, 200, 250],
    ],
    [
      [-13, 61],
      [-20, 80],
      [-20, 0, 20, 40, 60, 80],
    ],
    [
      [0, 0.0031],
      [0, 0.004],
      [0, 0.001, 0.002, 0.003, 0.004],
    ],
    [
      [0.015828, 0.032961],
      [0.015, 0.035],
      [0.015, 0.02, 0.025, 0.03, 0.035],
    ],
    [[4, 4], [4, 4], [4]],
  ])("%j reaches to %j, with %j", (span, wider, marks) => {
    expect(nice(span, 4)).toEqual(wider);
    expect(ticks(wider, 4)).toEqual(marks);
  });

  test("without widening, ticks stay within", () => {
    expect(ticks([-3, 97], 6)).toEqual([0, 20, 40, 60, 80]);
  });

  test("of any span: wide enough, round at both ends, a handful of ticks", () => {
    const ends = fc.tuple(fc.integer({ min: -1_000_000, max: 1_000_000 }), fc.integer({ min: 1, max: 1_000_000 }));
    fc.assert(
      fc.property(ends, fc.constantFrom(1, 100, 10_000), ([from, length], parts) => {
        const span: Span = [from / parts, (from + length) / parts];
        const wider = nice(span, 4);
        const marks = ticks(wider, 4);
        expect(wider[0]).toBeLessThanOrEqual(span[0]);
        expect(wider[1]).toBeGreaterThanOrEqual(span[1]);
        // No minus before a zero.
        expect([marks[0], marks.at(-1)]).toEqual(wider.map((end) => end + 0));
        expect(marks.length).toBeGreaterThan(2);
        expect(marks.length).toBeLessThan(10);
      }),
    );
  });
});

describe("paths", () => {
  const points: Point[] = [
    [0, 10],
    [10, 20],
    [20, 15],
    [30, 15],
  ];

  test("lines and areas", () => {
    expect(line(points.slice(0, 2))).toBe("M0,10L10,20");
    expect(line([[1 / 3, 2]])).toBe("M0.333,2Z");
    expect(line([])).toBe("");
    expect(
      area(points.slice(0, 2), [
        [0, 50],
        [10, 50],
      ]),
    ).toBe("M0,10L10,20L10,50L0,50Z");
    expect(area([], [])).toBe("");
  });

  test("a smooth line turns only where its points do", () => {
    expect(smooth(points)).toBe("M0,10C3.333,15,6.667,20,10,20C13.333,20,16.667,15,20,15C23.333,15,26.667,15,30,15");
    const rising: Point[] = [
      [0, 1],
      [5, 2],
      [10, 8],
    ];
    expect(smooth(rising)).toBe("M0,1C1.667,1.167,3.333,1.333,5,2C6.667,2.667,8.333,5.333,10,8");
    expect(smooth(points.slice(0, 2))).toBe("M0,10L10,20");
    expect(smooth([])).toBe("");
  });
});
