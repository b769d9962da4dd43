/** What a run of the bench finds: the shape of bench/results/*.json, and what the figures are to be. */
import type { Load } from "./load.ts";

/** What the project holds itself to; docs/performance.md says why. */
export const GOALS = {
  /** Share of the floor's rate that warm beacons reach, at least. */
  ratio: 0.6,
  /** Times the floor's 99th percentile, at most. */
  p99Ratio: 3,
  newVisitorsPerSecond: 400,
  gzipBytes: 200_000,
  cpuMsPerBeacon: 0.5,
  importedPerSecond: 5_000,
  foldedPerSecond: 100_000,
  rowsWrittenPerBeacon: 3,
  rowsWrittenPerFurtherEvent: 1,
  rowsReadPerBeacon: 10,
  rowsReadPerListedLead: 3,
} as const;

export interface Figures {
  at: string;
  /** Short hash, with `+` where the tree was changed since. */
  commit: string;
  isQuick: boolean;
  machine: Machine;
  size: Size;
  /** From starting Miniflare to the first answer, ms. */
  startMs: number;
  speed: Speed;
  /** Processor time of a warm beacon outside D1, ms; `null` where the system does not tell. */
  cpuMsPerBeacon: number | null;
  imported: { eventsPerSecond: number; events: number };
  cost: Cost;
  leads: LeadFigures[];
  refold: { leads: number; leadsPerSecond: number };
  /** What bench/fold.ts tells. */
  fold: { events: number; replayPerSecond: number; withCrossingsPerSecond: number }[];
}

export interface Machine {
  processor: string;
  cores: number;
  memoryGb: number;
  system: string;
  node: string;
  workerd: string;
  miniflare: string;
  wrangler: string;
  /** Of the last minute, at the beginning: more than the cores means that others were at work too. */
  loadAverage: number;
}

export interface Size {
  rawBytes: number;
  gzipBytes: number;
  /** What weighs what, before compression. */
  parts: { name: string; bytes: number }[];
}

export interface Speed {
  concurrency: number;
  floor: Load;
  warm: Load;
  newVisitors: Load;
  ratio: number;
  p99Ratio: number;
}

export interface Average {
  beacons: number;
  trips: number;
  rowsRead: number;
  rowsWritten: number;
}

export interface Cost {
  visits: number;
  beacons: number;
  messages: number;
  leads: number;
  /** Share of the leads that somebody knows: the others may be forgotten. */
  knownShare: number;
  /** All beacons of the mix. */
  all: Average;
  /** Those of one message: all, those of a visitor never seen, and the others. */
  one: Average;
  newVisitor: Average;
  knownVisitor: Average;
  /** Rows that a further page view in a beacon writes, … */
  furtherEventRowsWritten: number;
  /** … and what a further message of the mix does with all that it causes: crossings, new keys, the log. */
  furtherOfMixRowsWritten: number;
  /** How often the score of a lead of the mix is looked at again, if nothing more happens, … */
  looksPerLead: number;
  /** … and the rows that writes: one each, and one more where its place in lists changes. */
  lookRowsPerLead: number;
  /** Characters that the database grows by with a lead of the mix, and rows of all tables. */
  bytesPerLead: number;
}

export interface Call {
  name: string;
  rowsShown: number;
  rowsRead: number;
  trips: number;
  p50Ms: number;
}

export interface LeadFigures {
  leads: number;
  calls: Call[];
  /** Rows that a run reads where nothing is due. */
  idleRunRowsRead: number;
  sweepRowsReadPerCrossing: number;
  sweepRowsWrittenPerCrossing: number;
  crossings: number;
}
