/**
 * The bench comes out with all its figures. Nothing is expected of times, which tell nothing on a busy machine; what is
 * counted must be within what the project holds itself to.
 */
import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { type Figures, GOALS } from "../../bench/figures.ts";

const run = (script: string, ...args: string[]) =>
  spawnSync(process.execPath, [`bench/${script}.ts`, ...args], { encoding: "utf8", maxBuffer: 1e8 });

describe("npm run bench", () => {
  test("measures everything, and what it counts is within the goals", { timeout: 240_000 }, () => {
    const { status, stdout, stderr } = run("bench", "--quick", "--tiny", "--json");
    expect(status, stderr).toBe(0);
    const figures = JSON.parse(stdout) as Figures;
    const { speed, cost, leads, refold, imported, size, startMs, cpuMsPerBeacon, fold } = figures;
    expect(figures.isQuick).toBe(true);
    expect(figures.machine.node).toBe(process.version);
    for (const { requests, perSecond, p50Ms, p99Ms, others } of [speed.floor, speed.warm, speed.newVisitors]) {
      expect(others).toEqual({});
      expect(requests).toBeGreaterThan(0);
      expect(perSecond).toBeGreaterThan(0);
      expect(p50Ms).toBeGreaterThan(0);
      expect(p99Ms).toBeGreaterThanOrEqual(p50Ms);
    }
    for (const figure of [speed.ratio, speed.p99Ratio, startMs, imported.eventsPerSecond, refold.leadsPerSecond]) {
      expect(figure).toBeGreaterThan(0);
    }
    if (process.platform === "linux") expect(cpuMsPerBeacon).toBeGreaterThan(0);
    expect(fold.length).toBeGreaterThan(0);
    expect(size.gzipBytes).toBeGreaterThan(50_000);
    expect(size.gzipBytes).toBeLessThanOrEqual(GOALS.gzipBytes);
    expect(size.parts.reduce((sum, { bytes }) => sum + bytes, 0)).toBeGreaterThan(size.gzipBytes);

    // Two where a level is crossed at once or the day's events are noted.
    expect(cost.newVisitor.trips).toBeLessThan(1.2);
    expect(cost.newVisitor.rowsWritten).toBeLessThanOrEqual(4.5);
    expect(cost.one.rowsWritten).toBeLessThanOrEqual(GOALS.rowsWrittenPerBeacon);
    expect(cost.knownVisitor.trips).toBeLessThan(1.05);
    expect(cost.knownVisitor.rowsWritten).toBeLessThanOrEqual(3);
    expect(cost.one.rowsRead).toBeLessThanOrEqual(GOALS.rowsReadPerBeacon);
    expect(cost.furtherEventRowsWritten).toBeLessThanOrEqual(GOALS.rowsWrittenPerFurtherEvent + 0.05);
    expect(cost.looksPerLead).toBeLessThan(30);
    expect(cost.lookRowsPerLead).toBeLessThanOrEqual(2 * cost.looksPerLead);
    expect(cost.lookRowsPerLead).toBeGreaterThanOrEqual(cost.looksPerLead);

    const [few, many] = leads;
    if (!few || !many) throw new Error("no figures of lists");
    expect(many.leads).toBeGreaterThan(3 * few.leads);
    const rowsOf = ({ calls }: typeof few, name: string) => {
      const call = calls.find((one) => one.name === name);
      return (call?.rowsRead ?? Number.NaN) / (call?.rowsShown ?? Number.NaN);
    };
    for (const name of ["list, first page", "list, next page", "list, sort=-lastSeen"]) {
      expect(rowsOf(many, name)).toBeLessThanOrEqual(GOALS.rowsReadPerListedLead);
      expect(rowsOf(many, name), "flat").toBeCloseTo(rowsOf(few, name), 1);
    }
    expect(rowsOf(many, "lead")).toBeLessThanOrEqual(10);
    for (const { sweepRowsReadPerCrossing, sweepRowsWrittenPerCrossing } of leads) {
      expect(sweepRowsReadPerCrossing).toBeLessThanOrEqual(5);
      expect(sweepRowsWrittenPerCrossing).toBeLessThanOrEqual(4);
    }
  });

  test.each(["bench", "scale", "soak"])("npm run %s -- --help says what there is", (script) => {
    const { status, stdout } = run(script, "--help");
    expect(status).toBe(0);
    expect(stdout).toContain(`npm run ${script} -- [options]`);
    expect(stdout, "what it is for").toMatch(/options\]\n\n[A-Z][^.]+\./);
    expect(stdout).toContain("--json");
  });

  test.each([
    ["scale", "--sites", "many"],
    ["scale", "--sites", "0"],
    ["scale", "--queued", "2"],
    ["scale", "--months", "0"],
    ["soak", "--minutes", "0"],
    ["soak", "--kills", "-1"],
  ])("npm run %s -- %s %s says what would be right", (script, ...args) => {
    const { status, stderr } = run(script, ...args);
    expect(status).toBe(2);
    expect(stderr).toContain(`${args[0]} is "${args[1]}"; it must be a number`);
  });

  test("npm run soak -- --help has the bounds that hold", () => {
    const { stdout } = run("soak", "--help");
    const bounds = [...stdout.matchAll(/--(\w+) N .*, ([\d.]+) to ([\d.]+)(?= \()/g)];
    expect(bounds.map(([, name]) => name)).toEqual(["minutes", "visitors", "mishaps", "kills"]);
    for (const [, name, least, most] of bounds) {
      expect(run("soak", `--${name}`, "-1").stderr).toBe(
        `--${name} is "-1"; it must be a number from ${least} to ${most}.\n`,
      );
    }
  });

  test.each(["nothing.json", "package.json", "README.md", ""])(
    "npm run scale refuses results that are none: %j",
    (file) => {
      const { status, stderr } = run("scale", `--results=${file}`);
      expect(status).toBe(2);
      expect(stderr).toMatch(new RegExp(`^--results is "${file}", which holds no results`));
    },
  );

  test.each(["bench", "scale", "soak"])(
    "npm run %s refuses an option that it has not, and says what there is",
    (script) => {
      const { status, stderr } = run(script, "--nope");
      expect(status).toBe(2);
      expect(stderr).toMatch(/^Unknown option '--nope'/);
      expect(stderr).toContain(`npm run ${script} -- [options]`);
    },
  );
});
