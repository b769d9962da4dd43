/**
 * `npm run scale`: what so many sites and beacons a month mean in requests, rows, databases and dollars. It multiplies
 * what the bench has measured (the newest file in bench/results/) by Cloudflare's prices; docs/scale.md reads it out.
 */
import { parseArgs } from "node:util";
import { arithmetic, DEFAULTS, type Load, SCENARIOS } from "./scale/arithmetic.ts";
import { findMeasured } from "./scale/measured.ts";
import { asTable, scaleReport } from "./scale/report.ts";

const HELP = `npm run scale -- [options]

  --sites N          sites (default ${DEFAULTS.sites})
  --beacons N        beacons a month, as 1e9 or 250000 (default ${DEFAULTS.beacons})
  --peak N           how many times the average the busiest hour has (default ${DEFAULTS.peak})
  --months N         how long leads are kept (default ${DEFAULTS.months})
  --anonymous N      months that leads are kept which nobody knows (default: as the others)
  --queued N         share of beacons that wait in the queue (default ${DEFAULTS.queued})
  --table            the table of docs/scale.md, of several sizes
  --results FILE     other measured figures than the newest of bench/results/
  --json             as JSON
  --help             this text`;

const { values } = parseArgs({
  options: {
    sites: { type: "string" },
    beacons: { type: "string" },
    peak: { type: "string" },
    months: { type: "string" },
    anonymous: { type: "string" },
    queued: { type: "string" },
    table: { type: "boolean", default: false },
    results: { type: "string" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function number(name: string, text: string | undefined, usual: number): number {
  if (text === undefined) return usual;
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  console.error(`--${name} is "${text}"; it must be a number, not below 0.`);
  process.exit(2);
}

if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const months = number("months", values.months, DEFAULTS.months);
const load: Load = {
  sites: number("sites", values.sites, DEFAULTS.sites),
  beacons: number("beacons", values.beacons, DEFAULTS.beacons),
  peak: number("peak", values.peak, DEFAULTS.peak),
  months,
  anonymousMonths: number("anonymous", values.anonymous, months),
  queued: number("queued", values.queued, DEFAULTS.queued),
};
const found = findMeasured(values.results);
if (!found) {
  console.error("There are no measured figures yet: npm run bench makes some.");
  process.exit(2);
}
const result = arithmetic(load, found.measured);
if (values.table) console.log(asTable(SCENARIOS, found.measured));
else if (values.json) console.log(JSON.stringify({ load, measured: found.measured, ...result }, null, 2));
else console.log(scaleReport(load, found, result));
