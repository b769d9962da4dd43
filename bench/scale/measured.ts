/** What the arithmetic needs of the bench's figures. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Figures } from "../figures.ts";
import type { Measured } from "./arithmetic.ts";

const FOLDER = join(import.meta.dirname, "../results");

/** Used where the system did not tell the processor time, ms. */
const CPU_MS_USUAL = 1;

export interface Found {
  /** The commit that was measured. */
  commit: string;
  measured: Measured;
}

/** Of the newest run that is kept; `null`: there is none. */
export function findMeasured(): Found | null {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
  const all = files.map((name) => readFigures(join(FOLDER, name)));
  const newest = all.sort((a, b) => a.at.localeCompare(b.at)).at(-1);
  return newest ? measuredBy(newest) : null;
}

/** Of the run whose results a file holds. Throws where it holds none. */
export const readMeasured = (file: string): Found => measuredBy(readFigures(file));

const readFigures = (file: string) => JSON.parse(readFileSync(file, "utf8")) as Figures;

function measuredBy({ cost, cpuMsPerBeacon, leads, commit }: Figures): Found {
  return {
    commit,
    measured: {
      rowsWrittenPerBeacon: cost.all.rowsWritten,
      rowsReadPerBeacon: cost.all.rowsRead,
      beaconsPerLead: cost.beacons / cost.leads,
      beaconsPerVisit: cost.beacons / cost.visits,
      messagesPerLead: cost.messages / cost.leads,
      knownShare: cost.knownShare,
      bytesPerLead: cost.bytesPerLead,
      looksPerLead: cost.looksPerLead,
      lookRowsPerLead: cost.lookRowsPerLead,
      cpuMsPerBeacon: cpuMsPerBeacon ?? CPU_MS_USUAL,
      rowsPerCrossing: leads.at(-1)?.sweepRowsWrittenPerCrossing ?? 0,
    },
  };
}
