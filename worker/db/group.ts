/**
 * Group commit: batches that are asked for while another is on its way to the same database wait for the next trip and
 * make it together, in one transaction. D1 does one thing at a time, so a crowd is done sooner and costs it less. Nobody is
 * refused for another's sake: where a shared transaction is rolled back, each batch goes alone. Where few come nobody waits.
 */
import { waitUntil } from "cloudflare:workers";
import { pause, TooSlow } from "./deadline";
import { isRolledBack, refusalOf, SharedFailure } from "./refusal";

/** In a crowd, pause between two trips, ms: who was just answered comes back, and makes the next one as well. */
const REST_MS = 3;
/** How long the next trip waits for one that is under way, ms: one that hangs holds nobody up for longer. */
const AWAY_MS = 50;
/** Most trips under way: of a database that is slow no more is asked, and the more share the next one. */
const TRIPS_MAX = 2;
/** Most statements of a batch that shares a trip; longer ones go alone, at once. */
const SHARING_MAX = 8;
/** Most statements of a shared trip: an invocation on the free plan has 50. */
const SHARED_MAX = 40;
/** Longest that anybody waits who was taken along, ms. Requests that others wait for are kept alive: it takes a disaster. */
const PATIENCE_MS = 3_000;

type Results = D1Result[];

interface Trip {
  /** ms */
  since: number;
  /** The first makes it. */
  passengers: Passenger[];
}

class Passenger {
  /** Results, where another took it along; the trip that it is to make; or that it is to go alone. */
  readonly outcome = Promise.withResolvers<Results | Trip | "alone">();

  constructor(readonly statements: D1PreparedStatement[]) {}
}

const groups = new WeakMap<D1Database, Group>();

/** `db.batch`, of which several may be one. */
export async function batchTogether(db: D1Database, statements: D1PreparedStatement[]): Promise<Results> {
  if (statements.length > SHARING_MAX) return await db.batch(statements);
  const group = groups.get(db) ?? new Group(db);
  groups.set(db, group);
  const work = group.batch(new Passenger(statements));
  // Others wait for what this one does, whether or not anybody still waits for its own answer.
  waitUntil(work.catch(() => {}));
  return await work;
}

class Group {
  /** Those under way, or that were until just now, the latest last. */
  private readonly trips = new Set<Trip>();
  private waiting: Passenger[] = [];

  constructor(private readonly db: D1Database) {}

  async batch(mine: Passenger): Promise<Results> {
    let outcome = this.isCrowded ? await this.wait(mine) : this.begin(mine);
    if (typeof outcome === "object" && "passengers" in outcome) outcome = await this.make(outcome);
    return outcome === "alone" ? await this.db.batch(mine.statements) : outcome;
  }

  /** Whether the next trip is to wait. */
  private get isCrowded(): boolean {
    const latest = [...this.trips].at(-1);
    return this.isFull || (latest !== undefined && latest.since > performance.now() - AWAY_MS);
  }

  private get isFull(): boolean {
    const since = performance.now() - PATIENCE_MS;
    // Of what was cut off nobody hears any more.
    for (const trip of this.trips) if (trip.since <= since) this.trips.delete(trip);
    return this.trips.size >= TRIPS_MAX;
  }

  private async wait(mine: Passenger): Promise<Results | Trip | "alone"> {
    this.waiting.push(mine);
    const look = () => {
      if (!this.waiting.includes(mine)) timer = setTimeout(() => mine.outcome.reject(new TooSlow()), PATIENCE_MS);
      else if (this.isFull) timer = setTimeout(look, AWAY_MS);
      else mine.outcome.resolve(this.begin(mine));
    };
    let timer = setTimeout(look, AWAY_MS);
    try {
      return await mine.outcome.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** A trip of one and of as many of those who wait as there is room for. */
  private begin(first: Passenger): Trip {
    const passengers = [first];
    let room = SHARED_MAX - first.statements.length;
    this.waiting = this.waiting.filter((one) => {
      if (one === first) return false;
      room -= one.statements.length;
      if (room >= 0) passengers.push(one);
      return room < 0;
    });
    const trip = { since: performance.now(), passengers };
    this.trips.add(trip);
    return trip;
  }

  private async make(trip: Trip): Promise<Results | "alone"> {
    const [first, ...others] = trip.passengers;
    try {
      const results = await this.db.batch(trip.passengers.flatMap(({ statements }) => statements));
      const mine = results.splice(0, first?.statements.length);
      for (const { statements, outcome } of others) outcome.resolve(results.splice(0, statements.length));
      return mine;
    } catch (error) {
      if (others.length === 0) throw error;
      const isSomebodys = isRolledBack(error);
      const failure = refusalOf(error) === null ? new SharedFailure(error) : error;
      for (const { outcome } of others) isSomebodys ? outcome.resolve("alone") : outcome.reject(failure);
      if (isSomebodys) return "alone";
      throw failure;
    } finally {
      if (others.length + this.waiting.length > 0) waitUntil(pause(REST_MS).then(() => this.end(trip)));
      else this.end(trip);
    }
  }

  private end(trip: Trip): void {
    this.trips.delete(trip);
    const [next] = this.waiting;
    if (next && !this.isFull) next.outcome.resolve(this.begin(next));
  }
}
