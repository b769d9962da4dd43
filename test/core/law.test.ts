/** The law, in core: what the fold keeps is what a naive model finds by scoring the whole history from nothing. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileRules } from "../../worker/core/compile.ts";
import { Range } from "../../worker/core/condition.ts";
import { levelNames, levelsNow, nextChange } from "../../worker/core/levels.ts";
import { play, replay } from "../../worker/core/play.ts";
import type { RuleSet } from "../../worker/core/rules.ts";
import { emptyState, packState, type State, unpackState } from "../../worker/core/state.ts";
import { View } from "../../worker/core/view.ts";
import { arbitraryCase, clockOf } from "../support/arbitraries.ts";
import { naive } from "../support/naive.ts";

const RUNS = Number(process.env.KELVIN_RUNS ?? 400);

function compile(document: unknown): RuleSet {
  const result = compileRules(document);
  if ("errors" in result) throw new Error(JSON.stringify(result.errors, null, 1));
  return result.rules;
}

function seen(rules: RuleSet, state: State, at: number) {
  const view = new View(rules, state, at);
  return {
    scores: Object.fromEntries(rules.dimensions.map(({ name }, i) => [name, view.scores().low[i] ?? 0])),
    levels: levelNames(rules, levelsNow(rules, state, at)),
    disqualified: view.disqualified(),
    visits: state.visits,
    pageviews: state.pageviews,
    daysActive: state.daysBefore + state.days.length,
  };
}

describe("the law", () => {
  test("incremental, replayed and naive agree at any instant", () => {
    fc.assert(
      fc.property(arbitraryCase(), ({ rules: document, events, at }) => {
        const rules = compile(document);
        const expected = naive(document, events, at);
        const replayed = replay(rules, events);
        // One event at a time, through JSON, as the database keeps it.
        let state = emptyState(rules);
        for (const event of events) {
          state = unpackState(packState(state));
          play(rules, state, [event]);
        }
        expect(JSON.parse(JSON.stringify(replayed))).toEqual(JSON.parse(JSON.stringify(state)));
        const actual = seen(rules, state, at);
        for (const [name, score] of Object.entries(expected.scores)) expect(actual.scores[name]).toBeCloseTo(score, 6);
        const { scores: _, ...rest } = actual;
        const { levels, disqualified, visits, pageviews, daysActive } = expected;
        expect(rest).toEqual({ levels, disqualified, visits, pageviews, daysActive });
        for (const rule of rules.on) {
          const { fired = 0, limited = 0 } = state.rules[rule.index] ?? {};
          expect({ fired, limited }).toEqual({
            fired: expected.perRule[rule.id]?.fired,
            limited: expected.perRule[rule.id]?.limited,
          });
        }
      }),
      { numRuns: RUNS },
    );
  });

  test("the next change is the earliest instant at which a level changes by itself", () => {
    fc.assert(
      fc.property(
        arbitraryCase(),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }),
        (one, shares) => {
          const { rules: document, events } = one;
          if (events.length === 0) return;
          const rules = compile(document);
          const state = replay(rules, events);
          const from = clockOf(events);
          const levels = levelsNow(rules, state, from);
          const change = nextChange(rules, state, levels, from);
          const at = (instant: number) => naive(document, events, instant).levels;
          const now = levelNames(rules, levels);
          expect(at(from)).toEqual(now);
          // Whatever is guessed: the instant itself, those beside it, and any other.
          const some = shares.map((share) => Math.floor(from + share * 400 * 86_400_000));
          for (const guess of [from, ...(change === null ? [] : [change - 1, change, change + 1]), ...some])
            expect(nextChange(rules, state, levels, from, undefined, { guess })).toBe(change);
          if (change !== null) {
            expect(at(change - 1000 < from ? from : change - 1000)).toEqual(now);
            // A level may last a millisecond ("inactive" of exactly 30m), and rounding may shift a threshold by as much.
            expect([change, change + 1, change + 1000].map(at)).not.toEqual([now, now, now]);
          }
          const quietMs = change === null ? 400 * 86_400_000 : Math.max(0, change - 1000 - from);
          for (const share of shares) expect(at(Math.floor(from + share * quietMs))).toEqual(now);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("a stretch of time holds what each of its instants does, to the last bit", () => {
    const share = () => fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(
        arbitraryCase(),
        share(),
        share(),
        fc.array(share(), { maxLength: 20 }),
        (one, start, length, shares) => {
          if (one.events.length === 0) return;
          const rules = compile(one.rules);
          const state = replay(rules, one.events);
          const from = clockOf(one.events) + Math.floor(start ** 4 * 100 * 86_400_000);
          const to = from + Math.floor(length ** 4 * 100 * 86_400_000);
          const ends = (view: View) => {
            const { low, high } = view.scores();
            const total = view.total();
            const [least, most] = total instanceof Range ? [total.low, total.high] : [total, total];
            return { low: [...low, least], high: [...high, most] };
          };
          const { low, high } = ends(new View(rules, state, from, to));
          for (const share of [0, 1, ...shares]) {
            const now = ends(new View(rules, state, Math.floor(from + share * (to - from))));
            expect(now.low).toEqual(now.high);
            now.low.forEach((value, i) => {
              expect(value).toBeGreaterThanOrEqual(low[i] ?? Number.NaN);
              expect(value).toBeLessThanOrEqual(high[i] ?? Number.NaN);
            });
          }
        },
      ),
      { numRuns: RUNS },
    );
  });
});
