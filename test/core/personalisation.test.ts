/** Impressions as they are kept, the groups that are made of them, and the uplift. */
import { describe, expect, test } from "vitest";
import type { Json, JsonObject, LoggedEvent } from "../../worker/core/event.ts";
import { Personalisation } from "../../worker/core/personalisation.ts";
import { keptShown, SHOWN_MAX, SHOWN_NAME_MAX_CHARS } from "../../worker/core/shown.ts";

describe("what is kept of a context", () => {
  const hero = { cta: "hero", variant: "warm hot", temperature: "warm" };

  test("the names of calls to action, each once, and whether the visitor is held out", () => {
    const shown = [hero, { ...hero, text: "Ann, buy!" }, { cta: "plain", variant: null, temperature: "" }];
    expect(keptShown({ shown, heldOut: true })).toEqual({ shown: [hero, { cta: "plain" }], heldOut: true });
    expect(keptShown({ shown: [], heldOut: false })).toEqual({ heldOut: false });
  });

  test.each<[string, JsonObject]>([
    ["a text", { shown: "hero", heldOut: "yes" }],
    ["an object", { shown: hero, heldOut: {} }],
    ["no objects in it", { shown: ["hero", 1, null, [hero]], heldOut: 1 }],
    ["no names in them", { shown: [{ variant: "x" }, { cta: 7 }, { cta: "" }, { cta: { cta: "x" } }] }],
    ["nothing", {}],
  ])("%s is left out", (_, context) => {
    expect(keptShown(context)).toEqual({});
  });

  test(`at most ${SHOWN_MAX} of at most ${SHOWN_NAME_MAX_CHARS} characters`, () => {
    const many = Array.from({ length: SHOWN_MAX + 1 }, (_, i): Json => ({ cta: `${i}` }));
    expect(keptShown({ shown: many.slice(1) })).toEqual({ shown: many.slice(1) });
    expect(keptShown({ shown: many })).toEqual({ shown: many.slice(0, SHOWN_MAX) });
    const long = (length: number) => keptShown({ shown: [{ cta: "😀".repeat(length) }] });
    expect(long(SHOWN_NAME_MAX_CHARS + 1)).toEqual(long(SHOWN_NAME_MAX_CHARS));
    expect(long(SHOWN_NAME_MAX_CHARS)).toEqual({ shown: [{ cta: "😀".repeat(SHOWN_NAME_MAX_CHARS) }] });
  });
});

const HOT = { cta: "hero", variant: "hot", temperature: "hot" };
const DEFAULT = { ...HOT, variant: "cold" };
const event = (timestamp: number, name: string, more: Partial<LoggedEvent> = {}): LoggedEvent => ({
  messageId: `${timestamp}`,
  type: "track",
  event: name,
  timestamp,
  visitor: "v",
  ...more,
});
const saw = (at: number, heldOut: boolean | null, shown: Json = HOT, visitor = "v") =>
  event(at, "Page Engaged", { visitor, context: { shown: [shown], ...(heldOut === null ? {} : { heldOut }) } });
const clicked = (at: number, heldOut: boolean, properties: JsonObject = HOT) =>
  event(at, "CTA Clicked", { properties, context: { heldOut } });
const ended = (at: number, outcome: string) =>
  event(at, "Outcome Recorded", { visitor: "", verified: true, properties: { outcome } });

function of(...logs: LoggedEvent[][]): Personalisation {
  const seen = new Personalisation();
  for (const log of logs) seen.add(log);
  return seen;
}

describe("lines", () => {
  test("visitors count once, and whoever clicks has seen", () => {
    const twice = [saw(1, null), saw(2, null), saw(3, null, HOT, "w")];
    const [line, ...rest] = of(twice, [clicked(1, false), clicked(2, false), ended(3, "won")]).lines();
    expect(rest).toEqual([]);
    expect(line).toMatchObject({ ...HOT, heldOut: false, shown: 3, clicks: 2 });
    expect(line?.clicked).toMatchObject({ count: 1, rate: 1 / 3 });
    expect(line?.converted).toMatchObject({
      count: 1,
      rate: 1 / 3,
      interval: [expect.any(Number), expect.any(Number)],
    });
  });

  test("the held out have lines of their own; machines and pruned events have none", () => {
    const machine: LoggedEvent = { ...saw(1, false), machine: true };
    const pruned: LoggedEvent = { ...clicked(1, false), pruned: {} };
    const lines = of([saw(1, false)], [saw(1, true, DEFAULT)], [machine], [pruned]).lines();
    expect(lines.map(({ variant, heldOut, shown }) => [variant, heldOut, shown])).toEqual([
      ["hot", false, 1],
      ["cold", true, 1],
    ]);
  });
});

describe("groups", () => {
  test("a lead is in one; seen in both it is left out and counted; where nobody says, it takes no part", () => {
    const seen = of(
      [saw(1, false), saw(2, false, HOT, "w")],
      [saw(1, true, DEFAULT)],
      [saw(1, false), saw(2, true, DEFAULT, "w"), ended(3, "won")],
      [saw(1, null)],
    );
    const { personalised, heldOut, mixed } = seen.uplift();
    expect([personalised.leads, heldOut.leads, mixed]).toEqual([1, 1, 1]);
    expect(personalised.converted.count).toBe(0);
    expect(seen.uplift().note).toMatch(/^1 leads were seen in both groups/);
  });

  test("one that was seen before anybody was held out counts from when it says", () => {
    const before = [saw(1, null), ended(2, "won"), saw(3, true, DEFAULT)];
    const after = [saw(1, null), saw(3, true, DEFAULT), ended(4, "won")];
    expect(of(before).uplift().heldOut).toMatchObject({ leads: 1, converted: { count: 0 } });
    expect(of(after).uplift().heldOut).toMatchObject({ leads: 1, converted: { count: 1 } });
  });

  test.each<[string, LoggedEvent[], number]>([
    ["won after it", [saw(10, false), ended(11, "won")], 1],
    ["converted after it", [saw(10, false), ended(11, "converted")], 1],
    ["lost after it", [saw(10, false), ended(11, "lost")], 0],
    ["won before it", [ended(9, "won"), saw(10, false)], 0],
    ["won before it, recorded after it", [saw(10, false), ended(9, "won")], 0],
    ["won after it by its date, recorded before it", [ended(11, "won"), saw(10, false)], 0],
    ["won in between", [saw(10, false), ended(11, "won"), saw(12, false)], 1],
    ["claimed by a browser", [saw(10, false), { ...ended(11, "won"), verified: undefined as never }], 0],
  ])("a lead that was %s", (_, log, count) => {
    const seen = of(log);
    expect(seen.uplift().personalised).toMatchObject({ leads: 1, converted: { count } });
    expect(seen.uplifts()).toMatchObject([{ cta: "hero", temperature: "hot", personalised: { converted: { count } } }]);
    expect(seen.lines()[0]?.converted.count).toBe(count);
  });
});

describe("uplift", () => {
  /** Leads of a group that saw the hero, of which some clicked and some converted. */
  const leads = (of: number, heldOut: boolean, converted: number, clicks = 0) =>
    Array.from({ length: of }, (_, i) => [
      saw(1, heldOut, heldOut ? DEFAULT : HOT),
      ...(i < clicks ? [clicked(2, heldOut, heldOut ? DEFAULT : HOT)] : []),
      ...(i < converted ? [ended(3, "won")] : []),
    ]);

  test("is the difference of the groups' rates, the same of all and of the only call to action there is", () => {
    // Newcombe (1998), table II, (a): 56/70 less 48/80.
    const seen = of(...leads(70, false, 56, 7), ...leads(80, true, 48));
    const found = seen.uplift();
    expect(found.converted.difference).toBeCloseTo(0.2, 10);
    expect(found.converted.interval?.map((end) => end.toFixed(4))).toEqual(["0.0524", "0.3339"]);
    expect(found.clicked.difference).toBeCloseTo(0.1, 10);
    expect(found).toMatchObject({ mixed: 0, note: null });
    const { mixed: _, ...rest } = found;
    expect(seen.uplifts()).toEqual([{ cta: "hero", temperature: "hot", ...rest }]);
  });

  test("compares the same temperature only, most shown first", () => {
    const warm = saw(1, true, { ...DEFAULT, temperature: "warm" });
    const found = of([saw(1, false)], [saw(1, false)], [warm]).uplifts();
    expect(
      found.map(({ temperature, personalised, heldOut }) => [temperature, personalised.leads, heldOut.leads]),
    ).toEqual([
      ["hot", 2, 0],
      ["warm", 0, 1],
    ]);
    expect(found.map(({ converted, note }) => [converted.difference, note])).toEqual([
      [null, expect.stringContaining("Nobody was held out")],
      [null, expect.stringContaining("Everybody was held out")],
    ]);
  });
});
