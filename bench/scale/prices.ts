/**
 * What Cloudflare asks on the Workers Paid plan, and where its plans end; read from its documentation in November 2026.
 * Who reads this later looks at the price list first.
 */
export const PRICES_OF = "2026-11";

/** Dollars, and what the month's five dollars already hold. */
export const PRICES = {
  plan: 5,
  request: { included: 10e6, perMillion: 0.3 },
  cpuMs: { included: 30e6, perMillion: 0.02 },
  rowRead: { included: 25e9, perMillion: 0.001 },
  rowWritten: { included: 50e6, perMillion: 1 },
  storedGb: { included: 5, each: 0.75 },
  /** A message is written, read and deleted: three operations. */
  queueOperation: { included: 1e6, perMillion: 0.4 },
} as const;

/** Of the free plan, a day; the day begins at midnight UTC. */
export const FREE = {
  requestsPerDay: 100_000,
  rowsReadPerDay: 5_000_000,
  rowsWrittenPerDay: 100_000,
  storedGb: 0.5,
} as const;

export const LIMITS = {
  databaseGb: 10,
  databases: 50_000,
  accountGb: 1_000,
  queueMessagesPerSecond: 5_000,
} as const;
