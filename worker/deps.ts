/** What the verbs need from outside: the database, the clock, a source of ids, and what the isolate holds. */
import { LeadCache } from "./db/cache";
import { SiteStore } from "./db/sites";
import { type KeySet, keySetAt } from "./jwks";
import { KeyStore } from "./keys";
import { Queues } from "./queues";

export interface Deps {
  db: D1Database;
  /** ms since the epoch */
  clock: () => number;
  /** The clock, ever increasing: orders what this isolate accepts, also within a millisecond. */
  tick: () => number;
  /** A random id, 128 bits. */
  newId: () => string;
  sites: SiteStore;
  keys: KeyStore;
  leads: LeadCache;
  queues: Queues;
  /** The public keys of an identity provider, by the address of its key set. */
  keySetAt: (url: string) => KeySet;
}

/** Dependencies of one isolate; `db` may be a new binding with every request. */
export function createDeps(db: () => D1Database, clock: () => number, newId: () => string): Deps {
  return {
    get db() {
      return db();
    },
    clock,
    tick: increasing(clock),
    newId,
    sites: new SiteStore(clock, db),
    keys: new KeyStore(clock, db),
    leads: new LeadCache(),
    queues: new Queues(),
    keySetAt,
  };
}

/** Step between two ticks of the same millisecond, ms; a float of today's size tells steps of 0.00025 apart. */
export const TICK_MS = 0.001;

function increasing(clock: () => number): () => number {
  let last = 0;
  return () => {
    last = Math.max(clock(), last + TICK_MS);
    return last;
  };
}
