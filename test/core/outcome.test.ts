/** Outcomes in a log: which events are one, what was known before, and where a lead stood on a day. */
import { describe, expect, test } from "vitest";
import { daysBetween, endOf, levelThen } from "../../worker/core/days.ts";
import type { LoggedEvent } from "../../worker/core/event.ts";
import { endingOf, outcomeOf, outcomeWith } from "../../worker/core/outcome.ts";
import { oldestWith } from "../../worker/core/prune.ts";

const track = (event: string, timestamp: number, more: Partial<LoggedEvent> = {}): LoggedEvent => ({
  messageId: `${event}-${timestamp}`,
  type: "track",
  event,
  timestamp,
  visitor: "v",
  ...more,
});
const ended = (outcome: string, timestamp: number, more: Partial<LoggedEvent> = {}) =>
  track("Outcome Recorded", timestamp, { verified: true, visitor: "", properties: { outcome }, ...more });

describe("an outcome", () => {
  test("is verified, one of three, and nobody's that a machine sent", () => {
    expect(outcomeOf(ended("won", 1))).toBe("won");
    expect(outcomeOf(ended("won", 1, { event: "outcome recorded" }))).toBe("won");
    const { verified: _, ...claimed } = ended("won", 1);
    expect(outcomeOf(claimed)).toBeNull();
    expect(outcomeOf(ended("won", 1, { machine: true }))).toBeNull();
    expect(outcomeOf(ended("undecided", 1))).toBeNull();
    expect(outcomeOf(track("Other", 1, { verified: true, properties: { outcome: "won" } }))).toBeNull();
  });

  test("is never pruned, unlike the same from a browser", () => {
    expect(oldestWith(null, ended("lost", 5))).toBeNull();
    const { verified: _, ...claimed } = ended("lost", 5);
    expect(oldestWith(null, claimed)).toBe(5);
  });

  test("the earliest counts, whatever order they were recorded in", () => {
    const log = [track("a", 1), ended("lost", 9), track("b", 2), ended("won", 4)];
    expect(endingOf(log)).toEqual({ outcome: "won", at: 4, before: [log[0], log[2]] });
    expect(log.reduce<number | null>(outcomeWith, null)).toBe(4);
    expect(endingOf([track("a", 1)])).toBeNull();
  });

  test("what came after it, by the log or by its own time, is not before it", () => {
    const log = [track("a", 1), track("dated after", 6), track("same instant", 5), ended("won", 5), track("late", 2)];
    expect(endingOf(log)?.before.map(({ event }) => event)).toEqual(["a", "same instant"]);
  });
});

describe("days", () => {
  const HOUR = 3_600_000;
  test("from and to are both among them, and none ends after now", () => {
    const from = Date.parse("2026-11-20T23:00:00Z");
    const days = daysBetween(from, from + 2 * HOUR);
    expect(days.map((day) => new Date(day).toISOString())).toEqual([
      "2026-11-20T00:00:00.000Z",
      "2026-11-21T00:00:00.000Z",
    ]);
    const now = from + 3 * HOUR;
    expect(days.map((day) => endOf(day, now))).toEqual([Date.parse("2026-11-20T23:59:59.999Z"), now]);
    expect(daysBetween(from, from - 24 * HOUR)).toEqual([]);
  });

  test("the level then is the one left first after it, or the present one", () => {
    const leavings = [
      { at: 10, from: "cold" },
      { at: 20, from: "warm" },
    ];
    expect([5, 9, 10, 19, 20, 30].map((at) => levelThen(leavings, "hot", at))).toEqual([
      "cold",
      "cold",
      "warm",
      "warm",
      "hot",
      "hot",
    ]);
  });
});
