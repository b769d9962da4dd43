/**
 * Resolution: which lead every event of a batch belongs to. Opens the leads concerned, joins them where an event says
 * that two are one, and folds. It leaves drafts that carry everything to be written; nothing is written here.
 */
import type { LoggedEvent } from "./core/event";
import { joinOf, KEYS_MAX, statedKeys, visitorKey } from "./core/identity";
import { levelsNow } from "./core/levels";
import type { Received } from "./core/message";
import { NOTHING_TOLD, play, replay, Teller } from "./core/play";
import { emptyState } from "./core/state";
import { type Entry, inAcceptedOrder, LEAD_KEY, type Lead, type LeadRow, readLogs } from "./db/leads";
import type { SiteRules } from "./db/sites";
import { type Deps, TICK_MS } from "./deps";
import { Failure } from "./failure";
import { type Current, current, pendingCrossings } from "./lead";
import type { Doorkeeper } from "./suppression";

/** A received event, with when its batch was accepted and its place in there: the order of the fold. */
export interface Placed extends Received {
  acceptedAt: number;
  place: number;
}

/** A lead with what is to be written of it. */
export interface Draft extends Current {
  before: LeadRow | null;
  /** Ids of the messages folded into it. */
  fresh: string[];
  /** Keys that become the lead's: `free` ones nobody may have, `moved` ones come from another lead. */
  keys: { free: string[]; moved: string[] };
  /** Stored leads that go up in this one. */
  absorbed: Lead[];
  /** The whole log, where leads were joined and it is to be written anew. */
  log: Entry[] | null;
  /** Whether a stored lead lost a key. */
  poorer: boolean;
}

export interface Resolved {
  /** Everything to be written, and what was only looked at. */
  readonly drafts: ReadonlySet<Draft>;
  /** The draft of every key looked up that has one. */
  readonly owners: ReadonlyMap<string, Draft>;
  /** Whether a lead was taken from what the isolate holds: a write would notice if it were out of date, an answer not. */
  readonly held: boolean;
  /** Events that are not to be kept: they are in none of the drafts. */
  readonly turnedAway: ReadonlySet<LoggedEvent>;
}

/** Resolves and folds events; notes the leads it read in `read`, also where it fails. Every one of `keys` that has a lead gets its draft, whether or not events came under it. */
export async function resolve(
  deps: Deps,
  site: SiteRules,
  keys: readonly string[],
  events: readonly Placed[],
  read: Set<string>,
  door: Doorkeeper,
): Promise<Resolved> {
  const resolution = new Resolution(deps, site, read, door);
  await resolution.open(
    keys,
    events.flatMap(({ event }) => statedKeys(event)),
  );
  for (const placed of await resolution.letIn(events)) await resolution.place(placed);
  return resolution;
}

class Resolution implements Resolved {
  readonly drafts = new Set<Draft>();
  readonly owners = new Map<string, Draft>();
  held = false;
  readonly turnedAway = new Set<LoggedEvent>();
  private readonly looked = new Set<string>();
  private readonly now: number;

  constructor(
    private readonly deps: Deps,
    private readonly site: SiteRules,
    private readonly read: Set<string>,
    private readonly door: Doorkeeper,
  ) {
    this.now = deps.clock();
  }

  /** Finds the leads of keys not looked up yet; where that takes a trip, those of `likely` keys in the same one. */
  async open(keys: readonly string[], likely: readonly string[] = []): Promise<void> {
    const wanted = keys.filter((key) => !this.looked.has(key));
    const missing: string[] = [];
    for (const key of wanted) {
      this.looked.add(key);
      const held = this.deps.leads.get(this.site.id, key);
      if (held) {
        this.held = true;
        await this.own(key, held);
      } else missing.push(key);
    }
    if (missing.length === 0) return;
    await this.find([...missing, ...this.notLooked(likely)]);
  }

  /** Leaves out the events that are turned away. */
  async letIn(events: readonly Placed[]): Promise<Placed[]> {
    const keysOf = (key: string) => this.owners.get(key)?.lead.keys ?? [];
    const doubtful = events.filter(({ key, event }) => this.door.doubts(event, keysOf(key)));
    if (doubtful.length > 0) await this.find(this.notLooked(doubtful.flatMap(({ event }) => statedKeys(event))));
    const turned = events.filter(({ key, event }) => this.door.isTurnedAway(event, keysOf(key)));
    for (const { event } of turned) this.turnedAway.add(event);
    return events.filter(({ event }) => !this.turnedAway.has(event));
  }

  private notLooked(keys: readonly string[]): string[] {
    const wanted = keys.filter((key) => !this.looked.has(key));
    for (const key of wanted) this.looked.add(key);
    return wanted;
  }

  private async find(keys: readonly string[]): Promise<void> {
    for (const [key, row] of await this.door.find(this.deps.db, keys)) await this.own(key, row);
  }

  private async own(key: string, row: LeadRow): Promise<void> {
    this.read.add(row.id);
    const open = [...this.drafts].find(({ before }) => before?.id === row.id);
    this.owners.set(key, open ?? this.add(draft(await current(this.deps, this.site, row, this.now), row)));
  }

  private add(one: Draft): Draft {
    this.drafts.add(one);
    return one;
  }

  /** Gives an event to its lead, after what it says of identity has been acted on. */
  async place({ event, key, visitor, place, acceptedAt }: Placed): Promise<void> {
    let mine = this.owners.get(key) ?? this.newLead(key);
    if (mine.lead.tail.some(({ messageId }) => messageId === event.messageId)) return;
    const stated = statedKeys(event).filter((one) => one !== key && !mine.lead.keys.includes(one));
    await this.open(stated);
    for (const one of stated) mine = await this.join(mine, event, one, visitor);
    this.fold(mine, event, place, acceptedAt);
  }

  /** Acts on one stated key; returns the lead that the event belongs to from now on. */
  private async join(mine: Draft, event: LoggedEvent, key: string, visitor: string | null): Promise<Draft> {
    const theirs = this.owners.get(key) ?? null;
    if (theirs === mine) return mine;
    switch (joinOf(event, key, mine.lead.state, theirs?.lead.state ?? null)) {
      case "merge":
        return theirs ? await this.merge(mine, theirs) : mine;
      case "move":
        return visitor === null ? mine : this.move(mine, theirs ?? this.newLead(key), visitorKey(visitor));
      case "take":
        if (mine.lead.keys.length >= KEYS_MAX) return mine;
        if (theirs) this.move(theirs, mine, key);
        else this.give(mine, key);
        return mine;
      case "stay":
        return mine;
    }
  }

  /** `mine` goes up in `theirs`: the union of their events, folded in the order they were accepted. */
  private async merge(mine: Draft, theirs: Draft): Promise<Draft> {
    if (mine.lead.keys.length + theirs.lead.keys.length > KEYS_MAX) return mine;
    const stored = [theirs, mine].map(({ lead, log }) => ({ lead, log }));
    const logs = await readLogs(
      this.deps.db,
      stored.map(({ lead }) => lead),
    );
    const { site, lead } = theirs;
    // What time has brought until now is history of its own, not the merge's doing.
    theirs.crossings.push(...pendingCrossings(site.rules, lead, this.now));
    theirs.log = inAcceptedOrder(stored.flatMap(({ log }, i) => log ?? logs[i] ?? []));
    lead.state = replay(site.rules, theirs.log);
    const teller = new Teller(site.rules, lead.state, lead.told, site.rulesVersion);
    const at = Math.max(this.now, lead.state.clock ?? this.now, lead.told.at ?? this.now);
    teller.tell(levelsNow(site.rules, lead.state, at), at, "merge");
    lead.told = teller.told;
    theirs.crossings.push(...teller.crossings);
    theirs.fresh.push(...mine.fresh);
    theirs.absorbed.push(...mine.absorbed, ...(mine.before ? [mine.lead] : []));
    theirs.keys.free.push(...mine.keys.free);
    theirs.keys.moved.push(...mine.keys.moved);
    lead.keys = [...lead.keys, ...mine.lead.keys];
    if (mine.before) this.give(theirs, `${LEAD_KEY}${mine.lead.id}`);
    this.drafts.delete(mine);
    for (const [key, owner] of this.owners) if (owner === mine) this.owners.set(key, theirs);
    return theirs;
  }

  /** A key is another lead's from here on; what came under it before stays. */
  private move(mine: Draft, theirs: Draft, key: string): Draft {
    mine.lead.keys = mine.lead.keys.filter((one) => one !== key);
    mine.poorer = mine.before !== null;
    theirs.lead.keys = [...theirs.lead.keys, key];
    if (mine.keys.free.includes(key)) {
      mine.keys.free = mine.keys.free.filter((one) => one !== key);
      theirs.keys.free.push(key);
    } else theirs.keys.moved.push(key);
    this.owners.set(key, theirs);
    return theirs;
  }

  private give(owner: Draft, key: string): void {
    owner.lead.keys = [...owner.lead.keys, key];
    owner.keys.free.push(key);
    this.owners.set(key, owner);
  }

  private fold(
    { site, lead, fresh, crossings, log }: Draft,
    event: LoggedEvent,
    place: number,
    acceptedAt: number,
  ): void {
    // Above that of the batch before, so that (receivedAt, place) orders a lead's events for good.
    const before = (log ?? lead.tail).findLast((entry) => !fresh.includes(entry.messageId))?.receivedAt ?? 0;
    const receivedAt = Math.max(acceptedAt, before + TICK_MS);
    const entry: Entry = { ...event, receivedAt, ...(place > 0 ? { place } : {}) };
    const played = play(site.rules, lead.state, [entry], lead.told, site.rulesVersion);
    lead.told = played.told;
    lead.tail.push(entry);
    log?.push(entry);
    crossings.push(...played.crossings);
    fresh.push(event.messageId);
  }

  private newLead(key: string): Draft {
    if (key.startsWith(LEAD_KEY)) throw new Failure("not_found", "The lead is gone.");
    const { site } = this;
    const lead: Lead = {
      id: `lead_${this.deps.newId()}`,
      siteId: site.id,
      version: 0,
      rulesVersion: site.rulesVersion,
      state: emptyState(site.rules),
      told: NOTHING_TOLD,
      tail: [],
      logged: 0,
      dueAt: null,
      refreshAt: null,
      score: 0,
      scores: {},
      keys: [],
    };
    const made = this.add(draft({ site, lead, crossings: [] }, null));
    this.give(made, key);
    return made;
  }
}

function draft(found: Current, before: LeadRow | null): Draft {
  return { ...found, before, fresh: [], keys: { free: [], moved: [] }, absorbed: [], log: null, poorer: false };
}
