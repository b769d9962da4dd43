/** What the arithmetic needs of the bench's figures: those of the newest run that is kept, or of a file. */
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

/** `null`: no run is kept. */
export function findMeasured(file?: string): Found | null {
  const files = file
    ? [file]
    : readdirSync(FOLDER)
        .filter((name) => name.endsWith(".json"))
        .map((name) => join(FOLDER, name));
  const all = files.map((path) => JSON.parse(readFileSync(path, "utf8")) as Figures);
  const newest = all.sort((a, b) => a.at.localeCompare(b.at)).at(-1);
  if (!newest) return null;
  const { cost, cpuMsPerBeacon, leads, commit } = newest;
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
