/** The arithmetic of docs/scale.md: its table is what the simulator says, and the simulator what the prices say. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { arithmetic, DEFAULTS, type Measured, SCENARIOS, warningsOf } from "../../bench/scale/arithmetic.ts";
import { findMeasured } from "../../bench/scale/measured.ts";
import { LIMITS, PRICES } from "../../bench/scale/prices.ts";
import { asTable, scaleReport, short } from "../../bench/scale/report.ts";

const PLAIN: Measured = {
  rowsWrittenPerBeacon: 3,
  rowsReadPerBeacon: 4,
  beaconsPerLead: 10,
  beaconsPerVisit: 5,
  messagesPerLead: 12,
  knownShare: 0.1,
  bytesPerLead: 10_000,
  looksPerLead: 10,
  lookRowsPerLead: 30,
  cpuMsPerBeacon: 1,
  rowsPerCrossing: 3,
};

test("the table of docs/scale.md is the simulator's (npm run scale -- --table)", () => {
  const found = findMeasured();
  if (!found) throw new Error("no run of the bench is kept in bench/results");
  expect(readFileSync(join(import.meta.dirname, "../../docs/scale.md"), "utf8")).toContain(
    asTable(SCENARIOS, found.measured),
  );
});

describe("the arithmetic", () => {
  const month = (beacons: number, more = {}) => arithmetic({ ...DEFAULTS, beacons, ...more }, PLAIN);

  test("adds up what beacons, looks and going cold write", () => {
    const { rowsWritten, leadsPerMonth, dollars } = month(1e9);
    expect(leadsPerMonth).toBe(1e8);
    expect(rowsWritten.beacons).toBe(3e9);
    expect(rowsWritten.looks).toBe(3e9);
    expect(rowsWritten.all).toBe(rowsWritten.beacons + rowsWritten.looks + rowsWritten.goingCold);
    expect(dollars.rowsWritten).toBeCloseTo((rowsWritten.all - PRICES.rowWritten.included) / 1e6, 6);
    const { all, ...parts } = dollars;
    expect(all).toBeCloseTo(
      Object.values(parts).reduce((sum, part) => sum + part, 0),
      6,
    );
  });

  test("leads that nobody knows, forgotten earlier, take less room and a row for all that is deleted of each", () => {
    const [all, few] = [month(1e9), month(1e9, { anonymousMonths: 3 })];
    expect(all.rowsWritten.forgotten).toBe(0);
    expect(few.rowsWritten.forgotten).toBeCloseTo(few.leadsPerMonth * 0.9 * 15);
    expect(few.storedGb / all.storedGb).toBeCloseTo((0.1 * 13 + 0.9 * 3) / 13);
    expect(month(1e9, { anonymousMonths: 99 })).toEqual(all);
  });

  test("a month within what the plan holds costs the plan alone", () => {
    expect(month(1e6, { months: 1, queued: 0 }).dollars.all).toBe(PRICES.plan);
  });

  test("the free plan does for what stays within all it allows", () => {
    expect(month(20_000).isFree).toBe(true);
    const { isFree, free } = month(3e6);
    expect(isFree).toBe(false);
    expect(free.rowsWritten).toBeGreaterThan(1);
  });

  test("databases are as many as size or writing asks for, whichever is more", () => {
    const large = month(1e9, { peak: 0.001 });
    expect(large.databases.all).toBe(large.databases.forSize);
    expect(large.databases.forSize * LIMITS.databaseGb).toBeGreaterThan(large.storedGb);
    const busy = month(1e9, { months: 0.001, peak: 1_000 });
    expect(busy.databases.all).toBe(busy.databases.forWrites);
    expect(month(0).databases.all).toBe(1);
  });

  test("says what cannot be had: a site too large for its database, or too busy, or too many for a deployment", () => {
    const warnings = (beacons: number, more = {}) => warningsOf(month(beacons, more));
    const one = month(1e6, { sites: 1 });
    expect(one.site.gb).toBeCloseTo(one.storedGb);
    expect(warnings(one.site.mostBeacons, { sites: 1 })).toEqual([]);
    expect(month(one.site.mostBeacons * 0.999, { sites: 1 }).databases.forSize).toBe(1);
    expect(warnings(2 * one.site.mostBeacons, { sites: 1 })).toEqual([expect.stringMatching(/does not fit.+14 GB/)]);
    expect(warnings(1e8, { sites: 1, months: 0.01, peak: 40 })).toEqual([expect.stringMatching(/measure first/)]);
    expect(warnings(1e9)).toEqual([expect.stringMatching(/takes 19 of them/)]);
    expect(scaleReport(DEFAULTS, { commit: "abc1234" }, month(1e9))).toContain("takes 19 of them");
  });

  test("the sizes of the table can be had, but for as many deployments as docs/scale.md says", () => {
    const measured = findMeasured()?.measured ?? expect.fail("no run of the bench is kept");
    const warnings = SCENARIOS.flatMap((scenario) => warningsOf(arithmetic(scenario, measured)));
    expect(warnings.filter((warning) => !warning.startsWith("One deployment knows"))).toEqual([]);
  });

  test("what ends first stands first", () => {
    const used = month(1e9).ends.map((one) => one.used);
    expect(used).toEqual(used.toSorted((a, b) => b - a));
  });

  test("is told in words and short numbers", () => {
    const load = { ...DEFAULTS };
    const text = scaleReport(load, { commit: "abc1234" }, arithmetic(load, PLAIN));
    expect(text).toContain("10,000 sites, 1.00 B beacons a month; figures measured at abc1234");
    expect(text).toContain("dollars a month");
    expect([short(0.5), short(7), short(1_234), short(12_300_000), short(1.5e9)]).toEqual([
      "0.50",
      "7.0",
      "1,234",
      "12.3 M",
      "1.50 B",
    ]);
  });
});
