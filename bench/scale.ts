/**
 * `npm run scale`: what so many sites and beacons a month mean in requests, rows, databases and dollars. It multiplies
 * what the bench has measured (the newest file in bench/results/) by Cloudflare's prices; docs/scale.md reads it out.
 */
import { numberOf, optionsOf, refuse } from "../tools/options.ts";
import { arithmetic, DEFAULTS, type Load, SCENARIOS } from "./scale/arithmetic.ts";
import { findMeasured, readMeasured } from "./scale/measured.ts";
import { asTable, scaleReport } from "./scale/report.ts";

const HELP = `npm run scale -- [options]

Tells what so many sites and beacons a month mean in requests, rows, databases and dollars, by what the bench has
measured and Cloudflare's prices. docs/scale.md explains the figures.

  --sites N          sites, 1 to 1e9 (default ${DEFAULTS.sites})
  --beacons N        beacons a month, as 1e9 or 250000, up to 1e15 (default ${DEFAULTS.beacons})
  --peak N           how many times the average the busiest hour has, 1 to 1e6 (default ${DEFAULTS.peak})
  --months N         how long leads are kept, 1 to 10000 (default ${DEFAULTS.months})
  --anonymous N      months that leads are kept which nobody knows, 1 to 10000 (default: as the others)
  --queued N         share of beacons that wait in the queue, 0 to 1 (default ${DEFAULTS.queued})
  --table            the table of docs/scale.md, of several sizes
  --results FILE     other measured figures than the newest of bench/results/
  --json             as JSON
  --help             this text`;

const values = optionsOf(HELP, {
  sites: { type: "string", default: String(DEFAULTS.sites) },
  beacons: { type: "string", default: String(DEFAULTS.beacons) },
  peak: { type: "string", default: String(DEFAULTS.peak) },
  months: { type: "string", default: String(DEFAULTS.months) },
  anonymous: { type: "string" },
  queued: { type: "string", default: String(DEFAULTS.queued) },
  table: { type: "boolean", default: false },
  results: { type: "string" },
  json: { type: "boolean", default: false },
});

function measuredIn(file: string | undefined) {
  if (file === undefined)
    return findMeasured() ?? refuse("There are no measured figures yet: npm run bench makes some.");
  try {
    return readMeasured(file);
  } catch (error) {
    return refuse(`--results is "${file}", which holds no results of npm run bench: ${(error as Error).message}`);
  }
}

const load: Load = {
  sites: numberOf("sites", values.sites, 1, 1e9),
  beacons: numberOf("beacons", values.beacons, 0, 1e15),
  peak: numberOf("peak", values.peak, 1, 1e6),
  months: numberOf("months", values.months, 1, 1e4),
  anonymousMonths: numberOf("anonymous", values.anonymous ?? values.months, 1, 1e4),
  queued: numberOf("queued", values.queued, 0, 1),
};
const found = measuredIn(values.results);
const result = arithmetic(load, found.measured);
if (values.table) console.log(asTable(SCENARIOS, found.measured));
else if (values.json) console.log(JSON.stringify({ load, measured: found.measured, ...result }, null, 2));
else console.log(scaleReport(load, found, result));
