/** Awards and how they fade, over stretches of time. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { award, type Decay, type Pool, worth, worthBetween } from "../../worker/core/decay.ts";

const HOUR = 3_600_000;

const decay: fc.Arbitrary<Decay> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("halfLife", "linear", "expires"),
    ms: fc.integer({ min: HOUR, max: 90 * 24 * HOUR }),
  }),
  fc.record({
    kind: fc.constant("every" as const),
    ms: fc.integer({ min: HOUR, max: 24 * HOUR }),
    percent: fc.integer({ min: 1, max: 100 }),
  }),
);

test("a stretch of time holds what each of its instants does, to the last bit", () => {
  const awards = fc.array(fc.tuple(fc.integer({ min: 0, max: 48 * HOUR }), fc.integer({ min: -500, max: 500 })), {
    minLength: 1,
    maxLength: 20,
  });
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(decay, awards, share, share, fc.array(share), (decay, awards, start, length, shares) => {
      const clock = Math.max(...awards.map(([at]) => at));
      let pool: Pool | null = null;
      for (const [at, tenths] of awards) pool = award(pool, decay, at, tenths / 10, clock);
      const from = clock + Math.floor(start * 2 * 24 * HOUR);
      const to = from + Math.floor(length ** 4 * 100 * 24 * HOUR);
      const [low, high] = worthBetween(pool, decay, from, to);
      for (const share of [0, 1, ...shares]) {
        const now = worth(pool, decay, Math.floor(from + share * (to - from)));
        expect(now).toBeGreaterThanOrEqual(low);
        expect(now).toBeLessThanOrEqual(high);
      }
    }),
    { numRuns: 2000 },
  );
});

test("linear awards that cancel are worth nothing at all, at every instant and at once", () => {
  const linear: Decay = { kind: "linear", ms: 30 * 24 * HOUR };
  const cancelling = [
    [10, 5, -15],
    [0.1, -0.1],
    [20, 10, -30],
    Array.from({ length: 200 }, (_, i) => (i % 2 ? -1 : 1)),
  ];
  for (const points of cancelling) {
    let pool: Pool | null = null;
    for (const one of points) pool = award(pool, linear, 0, one, 0);
    expect(worthBetween(pool, linear, 1, 60 * 24 * HOUR).map(Math.abs)).toEqual([0, 0]);
    for (let at = 1; at < 31 * 24 * HOUR; at += 999_983) expect(Math.abs(worth(pool, linear, at))).toBe(0);
  }
});
