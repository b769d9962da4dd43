/**
 * A D1 database that counts what it is asked and fails when it is told to: the n-th round trip, before it is done or
 * after (done, but the answer is lost), or the n-th statement of the next write. Everything else is the real database.
 */

/** D1's own texts of errors (its documentation, "Debug D1"), but for `D1_ERROR: ` before them. */
export const D1_ERRORS = [
  "Network connection lost.",
  "D1 DB reset because its code was updated.",
  "Internal error while starting up D1 DB storage caused object to be reset.",
  "Internal error in D1 DB storage caused object to be reset.",
  "Cannot resolve D1 DB due to transient issue on remote node.",
  "Can't read from request stream because client disconnected.",
  "D1 DB is overloaded. Requests queued for too long.",
  "D1 DB is overloaded. Too many requests queued.",
  "D1 DB storage operation exceeded timeout which caused object to be reset.",
  "D1 DB's isolate exceeded its memory limit and was reset.",
  "D1 DB exceeded its CPU time limit and was reset.",
  // Not documented, and seen: the platform's own, of anything.
  "internal error; reference = q1ilv2gefml6b0h4vbg4s1r5",
] as const;

export interface Meter {
  trips: number;
  statements: number;
  rowsRead: number;
  rowsWritten: number;
}

export interface Fault {
  /** Which round trip from now, 1: the next one. */
  trip: number;
  /** D1's text, without `D1_ERROR: `. */
  message: string;
  /** `before`: nothing is done; `after`: done, but nobody is told; `never`: the call hangs, and nothing is done. */
  when: "before" | "after" | "never";
}

/** What dice may say of a round trip: as a fault, and that it is slow, ms; without a message it is only that. */
export interface Mishap {
  message?: string;
  when: "before" | "after";
  delayMs?: number;
}

interface Metered {
  meta?: { rows_read?: number; rows_written?: number };
}

/** The parts of a D1 database that are used, so that this compiles for Node as for workerd. */
interface Statement {
  bind(...values: unknown[]): Statement;
  all(): Promise<Metered>;
  run(): Promise<Metered>;
  raw(...args: unknown[]): Promise<unknown>;
  first(...args: unknown[]): Promise<unknown>;
}
interface Database {
  prepare(sql: string): Statement;
  batch(statements: Statement[]): Promise<Metered[]>;
}
interface Session extends Database {
  getBookmark(): string | null;
}
interface Sessions {
  withSession(from: string): Session;
}

/** A statement of SQL that always fails, and so rolls back its batch. */
const FAILING_SQL = "SELECT json('not json')";
const WRITES = /^\s*(insert|update|delete)\b/i;

export class FaultyDatabase<D1> {
  readonly meter: Meter = { trips: 0, statements: 0, rowsRead: 0, rowsWritten: 0 };
  /** To be given where the database is expected. */
  readonly db: D1;
  /** What sessions were begun from. */
  readonly sessions: string[] = [];
  /** Whether rows of reads without meta are counted too. */
  countsRaw = false;
  /** Asked at every round trip what is to happen to it; may call `failStatement`. */
  dice: (() => Mishap | null) | null = null;
  /** A batch that binds a text with one of these in it fails, always. */
  readonly sick = new Set<string>();
  private faults: Fault[] = [];
  private failing: number | null = null;
  private broken: Fault | null = null;

  constructor(real: D1) {
    const database = real as unknown as Database & Sessions;
    const inner = new WeakMap<object, { statement: Statement; writes: boolean; values: unknown[] }>();
    const wrap = (statement: Statement, writes: boolean, bound: unknown[] = []): Statement => {
      const one: Statement = {
        bind: (...values) => wrap(statement.bind(...values), writes, values),
        all: () => this.trip(() => statement.all()),
        run: () => this.trip(() => statement.run()),
        raw: (...args) =>
          this.trip(async () => {
            const rows = await statement.raw(...args);
            // Tells no meta: where rows are to be counted, what only reads is asked once more, for that.
            if (this.countsRaw && !writes) this.count(await statement.all());
            return rows;
          }),
        first: (...args) => this.trip(() => statement.first(...args)),
      };
      inner.set(one, { statement, writes, values: bound });
      return one;
    };
    const wrapAll = (database: Database): Database => ({
      prepare: (sql) => wrap(database.prepare(sql), WRITES.test(sql)),
      batch: (statements) =>
        this.trip(() => {
          const all = statements.map((one) => inner.get(one)?.statement ?? one);
          const texts = this.sick.size > 0 ? statements.flatMap((one) => inner.get(one)?.values ?? []) : [];
          if ([...this.sick].some((text) => texts.some((value) => String(value).includes(text))))
            throw new Error("D1_ERROR: database disk image is malformed");
          if (this.failing !== null && statements.some((one) => inner.get(one)?.writes)) {
            if (this.failing < all.length) all.splice(this.failing, 1, database.prepare(FAILING_SQL));
            this.failing = null;
          }
          return database.batch(all);
        }),
    });
    const withSession = (from: string): Session => {
      this.sessions.push(from);
      const session = database.withSession(from);
      return { ...wrapAll(session), getBookmark: () => session.getBookmark() };
    };
    this.db = { ...wrapAll(database), withSession } as unknown as D1;
  }

  /** Fails a round trip to come; several faults may be set. */
  fail(fault: Fault): void {
    this.faults.push({ ...fault, trip: fault.trip + this.meter.trips });
  }

  /** Fails a statement, from 0, of the next batch that writes; none where it has fewer. */
  failStatement(n: number): void {
    this.failing = n;
  }

  /** Faults set but not met. */
  get pending(): number {
    return this.faults.length;
  }

  /** Fails every round trip until it is healed. */
  break(message: string, when: Fault["when"] = "before"): void {
    this.broken = { trip: 0, message, when };
  }

  heal(): void {
    this.broken = null;
    this.faults = [];
    this.failing = null;
  }

  /** What `work` asks of the database. */
  async measure(work: () => Promise<unknown>): Promise<Meter> {
    const before = { ...this.meter };
    await work();
    return {
      trips: this.meter.trips - before.trips,
      statements: this.meter.statements - before.statements,
      rowsRead: this.meter.rowsRead - before.rowsRead,
      rowsWritten: this.meter.rowsWritten - before.rowsWritten,
    };
  }

  private async trip<T>(run: () => Promise<T>): Promise<T> {
    this.meter.trips += 1;
    const fault = this.broken ?? this.faults.find(({ trip }) => trip === this.meter.trips);
    this.faults = this.faults.filter((one) => one !== fault);
    const refusal = () => new Error(`D1_ERROR: ${fault?.message}`);
    if (fault?.when === "before") throw refusal();
    if (fault?.when === "never") return await new Promise<never>(() => {});
    const mishap = fault ? null : (this.dice?.() ?? null);
    if (mishap?.delayMs) await new Promise((resolve) => setTimeout(resolve, mishap.delayMs));
    const struck = (when: Mishap["when"]) => mishap?.message !== undefined && mishap.when === when;
    if (struck("before")) throw new Error(`D1_ERROR: ${mishap?.message}`);
    const result = await run();
    this.count(result);
    if (struck("after")) throw new Error(`D1_ERROR: ${mishap?.message}`);
    if (fault?.when === "after") throw refusal();
    return result;
  }

  private count(result: unknown): void {
    for (const one of Array.isArray(result) ? result : [result]) {
      this.meter.statements += 1;
      const { meta } = (one ?? {}) as Metered;
      this.meter.rowsRead += meta?.rows_read ?? 0;
      this.meter.rowsWritten += meta?.rows_written ?? 0;
    }
  }
}
