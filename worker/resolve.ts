/**
 * Resolution: which lead every event of a batch belongs to. Opens the leads concerned, joins them where an event says
 * that two are one, and folds. It leaves drafts that carry everything to be written; nothing is written here.
 */
import type { LoggedEvent } from "./core/event";
import {
  apartKey,
  CLAIMS_MAX,
  claimsTooMuch,
  joinOf,
  KEYS_MAX,
  keysToLookUp,
  LEAD_KEY,
  statedKeys,
  visitorKey,
} from "./core/identity";
import { levelsNow } from "./core/levels";
import type { Received } from "./core/message";
import { outcomeWith } from "./core/outcome";
import { play, replay, Teller } from "./core/play";
import { oldestWith } from "./core/prune";
import { type Entry, inAcceptedOrder, type Lead, type LeadRow, readLogs } from "./db/leads";
import type { SiteRules } from "./db/sites";
import type { KeyChanges } from "./db/write";
import { type Deps, TICK_MS } from "./deps";
import { Failure } from "./failure";
import { type Current, current, emptyCurrent, pendingCrossings } from "./lead";
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
  keys: KeyChanges;
  /** Stored leads that go up in this one. */
  absorbed: Lead[];
  /** The whole log, where leads were joined and it is to be written anew. */
  log: Entry[] | null;
  /** Whether a stored lead lost a key. */
  poorer: boolean;
}

/** Why a message does not count because of who it says it is. */
export interface Why {
  code: "too_many_identities" | "suppressed";
  detail: string;
}

const TOO_MANY: Why = {
  code: "too_many_identities",
  detail: `A visitor may claim at most ${CLAIMS_MAX} identities (userIds, addresses, previous ids).`,
};
const SUPPRESSED: Why = {
  code: "suppressed",
  detail: "It names an address that is suppressed: whose it is was erased and is not to be kept again.",
};

/** What the log notes of an event besides what was sent. */
type Notes = Pick<LoggedEvent, "absorbed" | "unjoined" | "claimed">;

export interface Resolved {
  /** Everything to be written, and what was only looked at. */
  readonly drafts: ReadonlySet<Draft>;
  /** The draft of every key looked up that has one. */
  readonly owners: ReadonlyMap<string, Draft>;
  /** Messages that do not count, by their ids. */
  readonly refused: ReadonlyMap<string, Why>;
  /** Whether a lead was taken from what the isolate holds: a write would notice if it were out of date, an answer not. */
  readonly held: boolean;
  /** The same because they name somebody who is suppressed: not for everybody to know. */
  readonly turnedAway: ReadonlyMap<string, Why>;
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
    events.flatMap(({ event }) => keysToLookUp(event)),
  );
  for (const placed of await resolution.letIn(events)) await resolution.place(placed);
  return resolution;
}

class Resolution implements Resolved {
  readonly drafts = new Set<Draft>();
  readonly owners = new Map<string, Draft>();
  readonly refused = new Map<string, Why>();
  held = false;
  readonly turnedAway = new Map<string, Why>();
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
    if (doubtful.length > 0) await this.find(this.notLooked(doubtful.flatMap(({ event }) => keysToLookUp(event))));
    const turned = events.filter(({ key, event }) => this.door.isTurnedAway(event, keysOf(key)));
    for (const { event } of turned) this.turnedAway.set(event.messageId, SUPPRESSED);
    return events.filter(({ event }) => !this.turnedAway.has(event.messageId));
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
    if (claimsTooMuch(event, mine.lead.state)) {
      this.refused.set(event.messageId, TOO_MANY);
      return;
    }
    const stated = statedKeys(event).filter((one) => one !== key && !mine.lead.keys.includes(one));
    await this.open(keysToLookUp(event, stated));
    if (event.link?.startsWith(LEAD_KEY) && !this.owners.has(event.link)) return;
    const notes: Notes = {};
    for (const one of stated) mine = await this.join(mine, event, one, visitor, notes);
    // A click on somebody else's link, by whoever is proved to be another person, says nothing of either.
    if (event.link !== undefined && event.link !== key && this.owners.get(event.link) !== mine) return;
    this.fold(mine, { ...event, ...notes }, place, acceptedAt);
  }

  /** Acts on one stated key; returns the lead that the event belongs to from now on. */
  private async join(
    mine: Draft,
    event: LoggedEvent,
    key: string,
    visitor: string | null,
    notes: Notes,
  ): Promise<Draft> {
    const theirs = this.owners.get(key) ?? null;
    if (theirs === mine || this.isApart(event, key)) return mine;
    const join = joinOf(event, key, mine.lead.state, theirs?.lead.state ?? null);
    if (join === "stay" || (join === "move" && visitor === null)) return mine;
    if (join === "full" || !hasRoom(join, mine, theirs)) {
      notes.unjoined = "full";
      return mine;
    }
    switch (join) {
      case "merge":
        if (!theirs) return mine;
        if (mine.before) notes.absorbed = mine.lead.id;
        return await this.merge(mine, theirs);
      case "move": {
        const claims = mine.lead.state.visitors.find(({ id }) => id === visitor)?.claims;
        if (claims) notes.claimed = claims;
        return this.move(mine, theirs ?? this.newLead(key), visitorKey(visitor ?? ""));
      }
      case "take":
        if (theirs) this.move(theirs, mine, key);
        else this.give(mine, key);
        return mine;
    }
  }

  /** Whether the event's visitor was split from the key's owner, and only says again what it said before. */
  private isApart(event: LoggedEvent, key: string): boolean {
    return !event.verified && this.owners.has(apartKey(event.visitor, key));
  }

  /** `mine` goes up in `theirs`: the union of their events, folded in the order they were accepted. */
  private async merge(mine: Draft, theirs: Draft): Promise<Draft> {
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
    lead.oldestAt = theirs.log.reduce<number | null>(oldestWith, null);
    lead.outcomeAt = theirs.log.reduce<number | null>(outcomeWith, null);
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
    lead.oldestAt = oldestWith(lead.oldestAt, entry);
    lead.outcomeAt = outcomeWith(lead.outcomeAt, entry);
    log?.push(entry);
    crossings.push(...played.crossings);
    fresh.push(event.messageId);
  }

  private newLead(key: string): Draft {
    if (key.startsWith(LEAD_KEY)) throw new Failure("not_found", "The lead is gone.");
    const made = this.add(draft(emptyCurrent(this.deps, this.site), null));
    this.give(made, key);
    return made;
  }
}

/** Whether the keys that come over find room with the lead they come to. */
function hasRoom(join: "merge" | "move" | "take", mine: Draft, theirs: Draft | null): boolean {
  if (join === "take") return mine.lead.keys.length < KEYS_MAX;
  const coming = join === "merge" ? mine.lead.keys.length : 1;
  return coming + (theirs?.lead.keys.length ?? 0) <= KEYS_MAX;
}

function draft(found: Current, before: LeadRow | null): Draft {
  return {
    ...found,
    before,
    fresh: [],
    keys: { free: [], moved: [], dropped: [] },
    absorbed: [],
    log: null,
    poorer: false,
  };
}
