/**
 * `npm run scale`: what so many sites and beacons a month mean in requests, rows, databases and dollars. It multiplies
 * what the bench has measured (the newest file in bench/results/) by Cloudflare's prices; docs/scale.md reads it out.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Figures } from "./figures.ts";
import { arithmetic, DEFAULTS, type Load, type Measured, SCENARIOS } from "./scale/arithmetic.ts";
import { asTable, scaleReport } from "./scale/report.ts";

const HELP = `npm run scale -- [options]

  --sites N          sites (default ${DEFAULTS.sites})
  --beacons N        beacons a month, as 1e9 or 250000 (default ${DEFAULTS.beacons})
  --peak N           how many times the average the busiest hour has (default ${DEFAULTS.peak})
  --months N         how long leads are kept (default ${DEFAULTS.months})
  --queued N         share of beacons that wait in the queue (default ${DEFAULTS.queued})
  --table            the table of docs/scale.md, of several sizes
  --results FILE     other measured figures than the newest of bench/results/
  --json             as JSON
  --help             this text`;

const FOLDER = join(import.meta.dirname, "results");

const { values } = parseArgs({
  options: {
    sites: { type: "string" },
    beacons: { type: "string" },
    peak: { type: "string" },
    months: { type: "string" },
    queued: { type: "string" },
    table: { type: "boolean", default: false },
    results: { type: "string" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function number(name: keyof Load, text: string | undefined): number {
  if (text === undefined) return DEFAULTS[name];
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  console.error(`--${name} is "${text}"; it must be a number, not below 0.`);
  process.exit(2);
}

/** The newest figures that are kept. */
function measured(file: string | undefined): { name: string; measured: Measured } {
  const newest = readdirSync(FOLDER)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .at(-1);
  if (!file && !newest) {
    console.error("There are no measured figures yet: npm run bench makes some.");
    process.exit(2);
  }
  const path = file ?? join(FOLDER, newest ?? "");
  const { cost, cpuMsPerBeacon, leads, commit } = JSON.parse(readFileSync(path, "utf8")) as Figures;
  const last = leads.at(-1);
  return {
    name: commit,
    measured: {
      rowsWrittenPerBeacon: cost.all.rowsWritten,
      rowsReadPerBeacon: cost.all.rowsRead,
      tripsPerBeacon: cost.all.trips,
      beaconsPerLead: cost.beacons / cost.newVisitor.beacons,
      beaconsPerVisit: cost.beacons / cost.visits,
      bytesPerLead: cost.bytesPerLead,
      looksPerLead: cost.looksPerLead,
      cpuMsPerBeacon: cpuMsPerBeacon ?? 1,
      sweepRowsPerCrossing: last?.sweepRowsWrittenPerCrossing ?? 0,
    },
  };
}

if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const found = measured(values.results);
if (values.table) console.log(asTable(SCENARIOS, found.measured));
else {
  const load: Load = {
    sites: number("sites", values.sites),
    beacons: number("beacons", values.beacons),
    peak: number("peak", values.peak),
    months: number("months", values.months),
    queued: number("queued", values.queued),
  };
  const result = arithmetic(load, found.measured);
  console.log(
    values.json
      ? JSON.stringify({ load, measured: found.measured, ...result }, null, 2)
      : scaleReport(load, found, result),
  );
}
