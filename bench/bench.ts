/**
 * `npm run bench`: how fast, how frugal and how large Kelvin is, measured on this machine in one run. docs/performance.md
 * explains each figure. A full run keeps its results in bench/results/.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import * as esbuild from "esbuild";
import { ROOT } from "../demo/runtime.ts";
import { optionsOf } from "../tools/options.ts";
import type { Figures, Machine } from "./figures.ts";
import { buildFiles, buildWorker } from "./host.ts";
import { measureCost } from "./measure/cost.ts";
import { measureCpu } from "./measure/cpu.ts";
import { measureLeads } from "./measure/leads.ts";
import { measureSize } from "./measure/size.ts";
import { measureSpeed } from "./measure/speed.ts";
import { report } from "./report.ts";

const HELP = `npm run bench -- [options]

Measures the built Worker in Miniflare beside a Worker that only writes one row, what beacons cost on D1, lists with
many leads, the sweep, refolding, and the fold by itself. docs/performance.md explains the figures.

  --quick     smaller and shorter: under a minute, figures are rougher; kept only with --save
  --million   lists with a million leads too: minutes more, and some 3 GB of disk for the time
  --json      the figures as JSON on standard output
  --save      keep the results of a quick run as well
  --no-save   keep nothing
  --help      this text`;

const PLANS = {
  full: {
    speed: { rounds: 5, roundMs: 4_000, importedBatches: 20 },
    cpu: { beacons: 2_000, rounds: 5 },
    visits: 400,
    leads: { sizes: [10_000, 100_000], visits: 200, calls: 15, due: 200, refolded: 1_000 },
  },
  quick: {
    speed: { rounds: 3, roundMs: 600, importedBatches: 3 },
    cpu: { beacons: 500, rounds: 3 },
    visits: 60,
    leads: { sizes: [1_000, 10_000], visits: 40, calls: 5, due: 50, refolded: 200 },
  },
  /** For the test that all figures come out: nothing about time can be told from it. */
  tiny: {
    speed: { rounds: 1, roundMs: 200, importedBatches: 1 },
    cpu: { beacons: 200, rounds: 1 },
    visits: 40,
    leads: { sizes: [300, 1_000], visits: 20, calls: 2, due: 20, refolded: 100 },
  },
};
const MILLION = 1_000_000;

const say = (line: string) =>
  void process.stderr.write(`${(performance.now() / 1_000).toFixed(0).padStart(4)} s  ${line}\n`);

async function measure(plan: (typeof PLANS)["full"], isQuick: boolean, sizes: number[]): Promise<Figures> {
  const machine = machineNow();
  buildFiles();
  say("bench: building the Worker");
  const built = buildWorker();
  say("bench: speed");
  const { startMs, speed, imported } = await measureSpeed(built, plan.speed);
  say("bench: processor time");
  const cpuMsPerBeacon = await measureCpu(plan.cpu);
  say("bench: cost of beacons");
  const cost = await measureCost(plan.visits);
  say(`bench: lists with ${sizes.join(", ")} leads`);
  const { leads, refold } = await measureLeads({ ...plan.leads, sizes });
  say("bench: the fold");
  const fold = measureFold();
  const at = new Date().toISOString();
  const size = measureSize(built);
  return {
    at,
    commit: commit(),
    isQuick,
    machine,
    size,
    startMs,
    speed,
    cpuMsPerBeacon,
    imported,
    cost,
    leads,
    refold,
    fold,
  };
}

/** Node cannot run it as it is, for the Worker's imports are a bundler's. */
function measureFold(): Figures["fold"] {
  const outfile = join(ROOT, "dist/bench/fold.mjs");
  esbuild.buildSync({
    absWorkingDir: ROOT,
    entryPoints: ["bench/fold.ts"],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile,
    logLevel: "error",
  });
  const run = spawnSync(process.execPath, [outfile, "--json", "--quick"], { encoding: "utf8" });
  if (run.status !== 0) throw new Error(`bench/fold.ts failed:\n${run.stderr}`);
  return (JSON.parse(run.stdout) as { folds: Figures["fold"] }).folds;
}

function machineNow(): Machine {
  const versionOf = (name: string) =>
    (JSON.parse(readFileSync(join(ROOT, `node_modules/${name}/package.json`), "utf8")) as { version: string }).version;
  return {
    processor: cpus()[0]?.model ?? "?",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()}`,
    node: process.version,
    workerd: versionOf("workerd"),
    miniflare: versionOf("miniflare"),
    wrangler: versionOf("wrangler"),
    loadAverage: loadavg()[0] ?? 0,
  };
}

/** Short hash; with `+` where the tree holds more than that. */
function commit(): string {
  const git = (...args: string[]) => spawnSync("git", args, { cwd: ROOT, encoding: "utf8" });
  const { status, stdout } = git("rev-parse", "--short", "HEAD");
  if (status !== 0) return "unknown";
  return `${stdout.trim()}${git("status", "--porcelain", "--untracked-files=no").stdout ? "+" : ""}`;
}

function save(figures: Figures): string {
  const folder = join(ROOT, "bench/results");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${figures.at.slice(0, 10)}-${figures.commit.replace("+", "-changed")}.json`);
  writeFileSync(file, `${JSON.stringify(figures, null, 2)}\n`);
  return file;
}

const values = optionsOf(HELP, {
  quick: { type: "boolean", default: false },
  tiny: { type: "boolean", default: false },
  million: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  save: { type: "boolean" },
  "no-save": { type: "boolean", default: false },
});
const isQuick = values.quick || values.tiny;
const plan = values.tiny ? PLANS.tiny : values.quick ? PLANS.quick : PLANS.full;
const sizes = [...plan.leads.sizes, ...(values.million ? [MILLION] : [])];
const figures = await measure(plan, isQuick, sizes);
console.log(values.json ? JSON.stringify(figures, null, 2) : report(figures));
if ((values.save ?? !isQuick) && !values["no-save"]) say(`bench: kept in ${save(figures)}`);
