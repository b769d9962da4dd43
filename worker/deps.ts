/** What the verbs need from outside: the database, the clock, a source of ids, and what the isolate holds. */
import { Backlog } from "./backlog";
import { Behind } from "./behind";
import { Budget } from "./budget";
import { LeadCache } from "./db/cache";
import { pause } from "./db/deadline";
import { MAIN } from "./db/directory";
import { metered } from "./db/meter";
import { SiteStore } from "./db/sites";
import type { Env } from "./env";
import { type Files, filesOf, readLists } from "./files";
import { type KeySet, keySetAt } from "./jwks";
import { KeyStore } from "./keys";
import { type LimitSettings, Limits } from "./limits";
import { Outbox } from "./outbox";
import { Queues } from "./queues";
import { Tallies } from "./tallies";

export interface Deps {
  /** A site's database; of what is the account's own, DB. */
  db: D1Database;
  /** Its binding. */
  database: string;
  /** Bindings of all databases, DB first. */
  databases: readonly string[];
  /** The same for a site, whose database it is then. */
  in(site: { database: string }): Deps;
  /** The database that new sites are made in. */
  newSitesIn: string;
  /** ms since the epoch */
  clock: () => number;
  /** The clock, ever increasing: orders what this isolate accepts, also within a millisecond. */
  tick: () => number;
  /** A random id, 128 bits. */
  newId: () => string;
  /** Overwrites what was deleted, where that can be done; never fails. */
  overwrite: () => Promise<void>;
  files: Files;
  sites: SiteStore;
  keys: KeyStore;
  leads: LeadCache;
  queues: Queues;
  /** The public keys of an identity provider, by the address of its key set. */
  keySetAt: (url: string) => KeySet;
  limits: Limits;
  budget: Budget;
  /** Where events wait while the database cannot take them. */
  backlog: Backlog;
  /** Which letters of the queue were put back. */
  behind: Behind;
  /** Whether webhooks are to be told something. */
  outbox: Outbox;
  /** What happens, counted. */
  tallies: Tallies;
  /** How webhooks are called. */
  fetch: Fetch;
  /** Waits, ms. */
  pause: (ms: number) => Promise<void>;
  /** Whether this is `npm start`. */
  isLocal: boolean;
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** What may be set and has a default. */
export type Settings = LimitSettings &
  Pick<Partial<Env>, "ASSETS" | "KELVIN_LOCAL" | "BEACONS" | "KELVIN_NEW_SITES" | `DB_${number}`>;

/** Dependencies of one isolate; `db` may be a new binding with every request. */
export function createDeps(
  db: () => D1Database,
  clock: () => number,
  newId: () => string,
  settings: Settings = {},
  overwrite: () => Promise<void> = async () => {},
  call: Fetch = (url, init) => fetch(url, init),
): Deps {
  const dbOf = databasesOf(db, settings);
  const files = filesOf(settings.ASSETS);
  const deps: Deps = {
    get db() {
      return metered(db());
    },
    database: MAIN,
    databases: DATABASES.filter((name) => dbOf(name)),
    in({ database }) {
      return database === this.database ? this : through(deps, database, () => required(dbOf, database));
    },
    newSitesIn: settings.KELVIN_NEW_SITES ?? MAIN,
    clock,
    tick: increasing(clock),
    newId,
    overwrite,
    files,
    sites: new SiteStore(
      clock,
      (database) => required(dbOf, database),
      () => readLists(files),
    ),
    keys: new KeyStore(clock, () => metered(db())),
    leads: new LeadCache(),
    queues: new Queues(clock),
    keySetAt,
    limits: new Limits(clock, settings),
    budget: new Budget(clock),
    backlog: new Backlog(clock, settings.BEACONS),
    behind: new Behind(clock),
    outbox: new Outbox(),
    tallies: new Tallies(clock),
    fetch: call,
    pause,
    isLocal: Boolean(settings.KELVIN_LOCAL),
  };
  return deps;
}

/** The same dependencies with another database; everything else is shared. */
export function through(deps: Deps, database: string, db: () => D1Database): Deps {
  return Object.create(deps, { database: { value: database }, db: { get: db } });
}

/** Bindings that a database may have. */
const DATABASES = [MAIN, ...Array.from({ length: 99 }, (_, i) => `DB_${i + 1}` as const)] as const;

function databasesOf(db: () => D1Database, settings: Settings): (database: string) => D1Database | undefined {
  return (database) => {
    const name = DATABASES.find((one) => one === database);
    const found = name === MAIN ? db() : name && settings[name];
    return found && metered(found);
  };
}

function required(dbOf: (database: string) => D1Database | undefined, database: string): D1Database {
  const found = dbOf(database);
  if (found) return found;
  throw new Error(`a site lives in ${database}, but there is no such binding`);
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
