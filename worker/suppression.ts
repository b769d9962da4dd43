/**
 * Who is turned away: events that name an address whose owner was erased and asked to be left alone. What is kept of
 * such addresses is asked for in the trip that looks for leads. An address that is one of the lead's own keys is never
 * turned away, and costs no question: erasing its owner would have taken the lead away.
 */
import { namedAddresses, plainAddress } from "./core/addresses";
import type { LoggedEvent } from "./core/event";
import { findLeads, findLeadsAndSuppressed, type LeadRow } from "./db/leads";
import type { SiteRules } from "./db/sites";
import { addressHashes } from "./db/suppressions";

/** Sees to the events of one batch. */
export class Doorkeeper {
  private suppressed: ReadonlySet<string> | null = null;

  private constructor(
    private readonly siteId: string,
    private readonly named: ReadonlyMap<LoggedEvent, string[]>,
    private readonly hashes: ReadonlyMap<string, string>,
  ) {}

  static async of(site: SiteRules, received: readonly { event: LoggedEvent }[]): Promise<Doorkeeper> {
    const named = new Map(received.map(({ event }) => [event, namedAddresses(event)]));
    const addresses = [...new Set([...named.values()].flat())];
    return new Doorkeeper(site.id, named, await addressHashes(site.secret, addresses));
  }

  /** One that lets everybody in. */
  static open(site: SiteRules): Doorkeeper {
    return new Doorkeeper(site.id, new Map(), new Map());
  }

  /** Whether none of the events names an address. */
  get hasNothingToAsk(): boolean {
    return this.hashes.size === 0;
  }

  /** Finds leads, and at the first time what is suppressed. One trip. */
  async find(db: D1Database, keys: readonly string[]): Promise<Map<string, LeadRow>> {
    if (this.suppressed !== null || this.hasNothingToAsk) return await findLeads(db, this.siteId, keys);
    const { rows, suppressed } = await findLeadsAndSuppressed(db, this.siteId, keys, [...this.hashes.values()]);
    this.suppressed = suppressed;
    return rows;
  }

  /** Whether an event names an address that was not asked about yet. `keys`: its lead's. */
  doubts(event: LoggedEvent, keys: readonly string[]): boolean {
    return this.suppressed === null && this.strangeAddresses(event, keys).length > 0;
  }

  isTurnedAway(event: LoggedEvent, keys: readonly string[]): boolean {
    return this.strangeAddresses(event, keys).some((one) => this.suppressed?.has(this.hashes.get(one) ?? ""));
  }

  /** What must still not be suppressed when the events that were let in are written. */
  get asked(): string[] {
    if (this.suppressed === null) return [];
    return [...this.hashes.values()].filter((hash) => !this.suppressed?.has(hash));
  }

  private strangeAddresses(event: LoggedEvent, keys: readonly string[]): string[] {
    const named = this.named.get(event) ?? [];
    if (named.length === 0) return [];
    const own = new Set(keys.map((key) => plainAddress(key.slice(key.indexOf(":") + 1))));
    return named.filter((address) => !own.has(address));
  }
}

/** Whether an event of the lead with these keys would be turned away. */
export async function wouldBeTurnedAway(
  db: D1Database,
  site: SiteRules,
  event: LoggedEvent,
  keys: readonly string[],
): Promise<boolean> {
  const door = await Doorkeeper.of(site, [{ event }]);
  if (door.doubts(event, keys)) await door.find(db, []);
  return door.isTurnedAway(event, keys);
}
