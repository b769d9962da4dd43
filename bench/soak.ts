/**
 * `npm run soak`: a thousand simulated visitors, marketers who publish and note, a database and a queue that fail, a
 * workerd that is killed; and at the end every lead against the naive model. Exit code 1 where anything differs.
 */
import { numberOf, optionsOf } from "../tools/options.ts";
import { buildFiles } from "./host.ts";
import { soakReport } from "./soak/report.ts";
import { soak } from "./soak/run.ts";

const HELP = `npm run soak -- [options]

Runs Kelvin in two isolates on one local database, with faults at D1 and at the queue, and kills it now and then.

  --minutes N    how long, the verdict at the end not counted, 0.05 to 1440 (default 5)
  --visitors N   how many visitors there are at most, 3 to 100000 (default 1000)
  --seed N       for the same visitors and faults again, 0 to 2^32 (default: a random one, which is printed)
  --mishaps N    share of round trips to D1 that something happens to, 0 to 0.5 (default 0.03)
  --kills N      how often workerd is killed, 0 to 100 (default 2)
  --json         the report as JSON
  --help         this text`;

const values = optionsOf(HELP, {
  minutes: { type: "string", default: "5" },
  visitors: { type: "string", default: "1000" },
  seed: { type: "string", default: String(Date.now() % 1_000_000) },
  mishaps: { type: "string", default: "0.03" },
  kills: { type: "string", default: "2" },
  json: { type: "boolean", default: false },
});
const number = (name: "minutes" | "visitors" | "seed" | "mishaps" | "kills", least: number, most: number) =>
  numberOf(name, values[name], least, most);

const options = {
  minutes: number("minutes", 0.05, 1_440),
  visitors: Math.ceil(number("visitors", 3, 100_000)),
  seed: Math.floor(number("seed", 0, 2 ** 32)),
  mishaps: number("mishaps", 0, 0.5),
  kills: Math.floor(number("kills", 0, 100)),
};
buildFiles();
const found = await soak(options, (line) => void process.stderr.write(`${line}\n`));
console.log(values.json ? JSON.stringify(found, null, 2) : soakReport(found));
process.exitCode = found.verdict.differences.length > 0 ? 1 : 0;
