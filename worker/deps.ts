/** What the verbs need from outside: the database, the clock, a source of ids, and what the isolate holds. */
import { LeadCache } from "./db/cache";
import { SiteStore } from "./db/sites";
import { Queues } from "./queues";

export interface Deps {
  db: D1Database;
  /** ms since the epoch */
  clock: () => number;
  /** A random id, 128 bits. */
  newId: () => string;
  sites: SiteStore;
  leads: LeadCache;
  queues: Queues;
}

/** Dependencies of one isolate; `db` may be a new binding with every request. */
export function createDeps(db: () => D1Database, clock: () => number, newId: () => string): Deps {
  return {
    get db() {
      return db();
    },
    clock,
    newId,
    sites: new SiteStore(clock, db),
    leads: new LeadCache(),
    queues: new Queues(),
  };
}
