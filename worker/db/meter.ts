/** What a request asks of the databases, counted where it is asked: round trips, rows, and how long they took. */
import { AsyncLocalStorage } from "node:async_hooks";
import { batchTogether } from "./group";

export interface Trips {
  trips: number;
  rowsRead: number;
  rowsWritten: number;
  /** Spent waiting, ms; of trips at the same time, each. */
  ms: number;
}

/** The count of whatever runs within it. */
export const tripsOf = new AsyncLocalStorage<Trips>();

export const noTrips = (): Trips => ({ trips: 0, rowsRead: 0, rowsWritten: 0, ms: 0 });

const meters = new WeakMap<D1Database, D1Database>();

/** The same database, which counts. Rows are those that D1 tells of: it tells nothing of reads as arrays (`raw`). */
export function metered(db: D1Database): D1Database {
  const known = meters.get(db);
  if (known) return known;
  const meter = wrapped(db);
  meters.set(db, meter);
  return meter;
}

/** A statement whose round trips are counted. */
class Statement {
  constructor(readonly inner: D1PreparedStatement) {}

  bind(...values: unknown[]) {
    return new Statement(this.inner.bind(...values));
  }
  first(column?: string) {
    return trip(() => (column === undefined ? this.inner.first() : this.inner.first(column)));
  }
  run() {
    return trip(() => this.inner.run());
  }
  all() {
    return trip(() => this.inner.all());
  }
  raw(options?: { columnNames?: false }) {
    return trip(() => this.inner.raw(options));
  }
}

function wrapped(db: D1Database): D1Database {
  const inner = (one: D1PreparedStatement) => (one instanceof Statement ? one.inner : one);
  return {
    prepare: (sql: string) => new Statement(db.prepare(sql)) as unknown as D1PreparedStatement,
    batch: (statements: D1PreparedStatement[]) => trip(() => batchTogether(db, statements.map(inner))),
    exec: (sql: string) => trip(() => db.exec(sql)),
    dump: () => db.dump(),
    withSession: (from?: D1SessionConstraint | D1SessionBookmark) => session(db.withSession(from)),
  } as D1Database;
}

/** A session counts like its database, and keeps its bookmark. */
function session(one: D1DatabaseSession): D1DatabaseSession {
  const { prepare, batch } = wrapped(one as unknown as D1Database);
  return { prepare, batch, getBookmark: () => one.getBookmark() } as D1DatabaseSession;
}

interface Told {
  meta?: { rows_read?: number; rows_written?: number };
}

async function trip<T>(ask: () => Promise<T>): Promise<T> {
  const trips = tripsOf.getStore();
  if (!trips) return await ask();
  const since = performance.now();
  trips.trips += 1;
  try {
    const answer = await ask();
    for (const one of Array.isArray(answer) ? answer : [answer]) {
      const { meta } = (one ?? {}) as Told;
      trips.rowsRead += meta?.rows_read ?? 0;
      trips.rowsWritten += meta?.rows_written ?? 0;
    }
    return answer;
  } finally {
    trips.ms += performance.now() - since;
  }
}
