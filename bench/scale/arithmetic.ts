/** The arithmetic of docs/scale.md: pure, from a load and measured figures to requests, rows, databases and dollars. */
import { FREE, LIMITS, PRICES } from "./prices.ts";

export interface Load {
  sites: number;
  /** A month. */
  beacons: number;
  /** How many times the average the busiest hour has. */
  peak: number;
  /** How long leads are kept; … */
  months: number;
  /** … those that nobody knows, where that is shorter. */
  anonymousMonths: number;
  /** Share of beacons that wait in the queue. */
  queued: number;
}

/** What the bench found. */
export interface Measured {
  rowsWrittenPerBeacon: number;
  rowsReadPerBeacon: number;
  beaconsPerLead: number;
  beaconsPerVisit: number;
  messagesPerLead: number;
  /** Share of leads that somebody knows. */
  knownShare: number;
  bytesPerLead: number;
  /** How often the score of a lead is looked at again while nothing happens, until it fades no more. */
  looksPerLead: number;
  /** Rows that those write. */
  lookRowsPerLead: number;
  cpuMsPerBeacon: number;
  /** Rows that going cold writes. */
  rowsPerCrossing: number;
}

export const DEFAULTS: Load = { sites: 10_000, beacons: 1e9, peak: 4, months: 13, anonymousMonths: 13, queued: 0.001 };

/** Sizes of the table in docs/scale.md. */
export const SCENARIOS: readonly (Load & { name: string })[] = [
  { ...DEFAULTS, name: "one site, free plan", sites: 1, beacons: 25_000 },
  { ...DEFAULTS, name: "one site, as large as it may be", sites: 1, beacons: 400_000 },
  { ...DEFAULTS, name: "the same, strangers for 3 months", sites: 1, beacons: 1.4e6, anonymousMonths: 3 },
  { ...DEFAULTS, name: "100 sites", sites: 100, beacons: 30e6 },
  { ...DEFAULTS, name: "1,000 sites", sites: 1_000, beacons: 150e6 },
  { ...DEFAULTS, name: "10,000 sites", sites: 10_000, beacons: 1e9 },
  { ...DEFAULTS, name: "10,000 sites, strangers for 3 months", sites: 10_000, beacons: 1e9, anonymousMonths: 3 },
];

const DAYS = 30;
const SECONDS = DAYS * 86_400;
/** How often the run of every minute comes by a lead, a day: worker/refresh.ts. */
const PASSES_A_DAY = 3;
/** Crossings that time alone brings, a lead: who became warm goes cold once. About as many as became warm. */
const COLD_PER_LEAD = 0.1;
/** Requests besides beacons, a visit: the tag, where the browser does not hold it. */
const TAGS_PER_VISIT = 1;
/**
 * Rows that forgetting a lead writes, besides one for each message id: its own, and its places by score and by time. The
 * local D1 counts no index entry that is deleted; Cloudflare may.
 */
const ROWS_FORGOTTEN = 3;
/** Batches that one database writes in a second: its writer waits some milliseconds for each (Cloudflare: "several"). */
const WRITES_PER_SECOND = 200;
/** `DB` and `DB_1` to `DB_99`: worker/deps.ts. */
const DEPLOYMENT_DATABASES = 100;
/** How full a database is planned to be: there must be room to grow, and to move a site out. */
const FULL = 0.7;

export interface Arithmetic {
  leadsPerMonth: number;
  requests: number;
  beaconsPerSecondAtPeak: number;
  rowsWritten: { beacons: number; looks: number; goingCold: number; forgotten: number; all: number };
  rowsRead: number;
  storedGb: number;
  /** Needed for size, for writing at peak, and so in all. */
  databases: { forSize: number; forWrites: number; all: number };
  /** One of average size, which lives in one database: what it takes of that, and the most beacons a month that fit. */
  site: { gb: number; writesPerSecond: number; mostBeacons: number };
  queueMessages: number;
  dollars: {
    plan: number;
    requests: number;
    cpu: number;
    rowsRead: number;
    rowsWritten: number;
    stored: number;
    queue: number;
    all: number;
  };
  /** Share of what the free plan allows a day that is used up; above 1 it does not do. */
  free: { requests: number; rowsRead: number; rowsWritten: number; stored: number };
  isFree: boolean;
  /** What comes to its end first as the load grows, the nearest first: share of the limit that is used up. */
  ends: { what: string; used: number }[];
}

export function arithmetic(load: Load, measured: Measured): Arithmetic {
  const { beacons } = load;
  const leadsPerMonth = beacons / measured.beaconsPerLead;
  const requests = beacons + (beacons / measured.beaconsPerVisit) * TAGS_PER_VISIT;
  const rowsWritten = rowsWrittenBy(load, leadsPerMonth, measured);
  const keptMonths = monthsKept(load, measured);
  const passes = leadsPerMonth * keptMonths * PASSES_A_DAY * DAYS;
  const rowsRead =
    beacons * measured.rowsReadPerBeacon + leadsPerMonth * (measured.looksPerLead + COLD_PER_LEAD) * 2 + passes;
  const storedGb = (leadsPerMonth * keptMonths * measured.bytesPerLead) / 1e9;
  const beaconsPerSecondAtPeak = (beacons / SECONDS) * load.peak;
  const forSize = Math.ceil(storedGb / (LIMITS.databaseGb * FULL));
  const forWrites = Math.ceil(beaconsPerSecondAtPeak / WRITES_PER_SECOND);
  const databases = { forSize, forWrites, all: Math.max(1, forSize, forWrites) };
  const site = {
    gb: storedGb / load.sites,
    writesPerSecond: beaconsPerSecondAtPeak / load.sites,
    mostBeacons: ((LIMITS.databaseGb * FULL * 1e9) / measured.bytesPerLead / keptMonths) * measured.beaconsPerLead,
  };
  const queueMessages = beacons * load.queued;
  const free = {
    requests: requests / DAYS / FREE.requestsPerDay,
    rowsRead: rowsRead / DAYS / FREE.rowsReadPerDay,
    rowsWritten: rowsWritten.all / DAYS / FREE.rowsWrittenPerDay,
    stored: storedGb / FREE.storedGb,
  };
  const dollars = priceOf({
    requests,
    cpuMs: beacons * measured.cpuMsPerBeacon,
    rowsRead,
    rowsWritten: rowsWritten.all,
    storedGb,
    queueMessages,
  });
  return {
    leadsPerMonth,
    requests,
    beaconsPerSecondAtPeak,
    rowsWritten,
    rowsRead,
    storedGb,
    databases,
    site,
    queueMessages,
    dollars,
    free,
    isFree: Object.values(free).every((share) => share <= 1),
    ends: endsOf({ storedGb, beaconsPerSecondAtPeak, databases: databases.all, load }),
  };
}

/** How long a lead is kept, on average. */
function monthsKept({ months, anonymousMonths }: Load, { knownShare }: Measured): number {
  return knownShare * months + (1 - knownShare) * Math.min(months, anonymousMonths);
}

function rowsWrittenBy(load: Load, leads: number, measured: Measured): Arithmetic["rowsWritten"] {
  const { beacons, months, anonymousMonths } = load;
  const areForgotten = anonymousMonths < months;
  const forgotten = areForgotten ? leads * (1 - measured.knownShare) : 0;
  const parts = {
    beacons: beacons * measured.rowsWrittenPerBeacon,
    looks: leads * measured.lookRowsPerLead,
    goingCold: leads * COLD_PER_LEAD * measured.rowsPerCrossing,
    forgotten: forgotten * (ROWS_FORGOTTEN + measured.messagesPerLead),
  };
  return { ...parts, all: parts.beacons + parts.looks + parts.goingCold + parts.forgotten };
}

interface Used {
  requests: number;
  cpuMs: number;
  rowsRead: number;
  rowsWritten: number;
  storedGb: number;
  queueMessages: number;
}

function priceOf(used: Used): Arithmetic["dollars"] {
  const metered = (amount: number, { included, perMillion }: { included: number; perMillion: number }) =>
    (Math.max(0, amount - included) / 1e6) * perMillion;
  const { storedGb } = PRICES;
  const parts = {
    plan: PRICES.plan,
    requests: metered(used.requests, PRICES.request),
    cpu: metered(used.cpuMs, PRICES.cpuMs),
    rowsRead: metered(used.rowsRead, PRICES.rowRead),
    rowsWritten: metered(used.rowsWritten, PRICES.rowWritten),
    stored: Math.max(0, used.storedGb - storedGb.included) * storedGb.each,
    queue: metered(used.queueMessages * 3, PRICES.queueOperation),
  };
  return { ...parts, all: Object.values(parts).reduce((sum, part) => sum + part, 0) };
}

function endsOf(of: {
  storedGb: number;
  beaconsPerSecondAtPeak: number;
  databases: number;
  load: Load;
}): Arithmetic["ends"] {
  const { storedGb, beaconsPerSecondAtPeak, databases, load } = of;
  return [
    { what: "size of one database, were there only one", used: storedGb / LIMITS.databaseGb },
    { what: "writes a second of one database, were there only one", used: beaconsPerSecondAtPeak / WRITES_PER_SECOND },
    { what: "storage of an account", used: storedGb / LIMITS.accountGb },
    { what: "databases of an account", used: databases / LIMITS.databases },
    {
      what: "messages a second of the queue, were everything to wait",
      used: beaconsPerSecondAtPeak / LIMITS.queueMessagesPerSecond,
    },
    { what: "size of one database, for a site of average size", used: storedGb / load.sites / LIMITS.databaseGb },
  ].sort((a, b) => b.used - a.used);
}

/** What a load asks for that cannot be had, or that nobody has measured, in words. */
export function warningsOf({ site, databases }: Arithmetic): string[] {
  const tooLarge = `A site of average size does not fit: it lives in one database, which holds ${LIMITS.databaseGb} GB, and takes ${Math.ceil(site.gb)} GB. Keep leads for a shorter time (--months, --anonymous).`;
  const tooBusy = `A site of average size writes ${Math.ceil(site.writesPerSecond)} times a second at peak, and its one database is supposed to take ${WRITES_PER_SECOND}, which is not measured: measure first.`;
  const tooMany = `One deployment knows ${DEPLOYMENT_DATABASES} databases: this takes ${Math.ceil(databases.all / DEPLOYMENT_DATABASES)} of them, each with sites of its own.`;
  return [
    ...(site.gb > LIMITS.databaseGb ? [tooLarge] : []),
    ...(site.writesPerSecond > WRITES_PER_SECOND ? [tooBusy] : []),
    ...(databases.all > DEPLOYMENT_DATABASES ? [tooMany] : []),
  ];
}
