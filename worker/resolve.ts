/**
 * Resolution: which lead every event of a batch belongs to. Opens the leads concerned, joins them where an event says
 * that two are one, and folds. It leaves drafts that carry everything to be written; nothing is written here.
 */
import type { LoggedEvent } from "./core/event";
import {
  apartKey,
  CLAIMS_MAX,
  claimantOf,
  claimsTooMuch,
  isAnother,
  isPassedOn,
  joinOf,
  KEYS_MAX,
  keysOfOne,
  keysToLookUp,
  LEAD_KEY,
  leavesBefore,
  statedKeys,
  userKey,
  VISITOR_KEY,
  visitorKey,
} from "./core/identity";
import type { Received } from "./core/message";
import { outcomeWith } from "./core/outcome";
import { play } from "./core/play";
import { oldestWith } from "./core/prune";
import { impliedId } from "./db/implied";
import { type Entry, inAcceptedOrder, type Lead, type LeadRow, readLogs } from "./db/leads";
import { type KeyChanges, NO_KEYS } from "./db/plan";
import type { SiteRules } from "./db/sites";
import { type Deps, TICK_MS } from "./deps";
import { Failure } from "./failure";
import { type Current, current, emptyCurrent, quietUntil, retell, settle } from "./lead";
import { Doorkeeper } from "./suppression";

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
  /** When they were accepted, as the log has it; `null`: not worked out yet, or no longer right. */
  receivedAt: number | null;
  /** The key that a new lead's id follows from. */
  implied: string | null;
  keys: KeyChanges;
  /** Stored leads that go up in this one. */
  absorbed: Lead[];
  /** The whole log, where leads were joined or taken apart and it is to be written anew. */
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
type Notes = Pick<LoggedEvent, "absorbed" | "absorbedVersion" | "unjoined" | "claimed">;

export interface Resolved {
  /** Everything to be written, and what was only looked at. */
  readonly drafts: ReadonlySet<Draft>;
  /** The draft of every key looked up that has one. */
  readonly owners: ReadonlyMap<string, Draft>;
  /** Messages that do not count, by their ids. */
  readonly refused: ReadonlyMap<string, Why>;
  /** The same because they name somebody who is suppressed: not for everybody to know. */
  readonly turnedAway: ReadonlyMap<string, Why>;
  /** Whether a lead was taken from what the isolate holds: a write would notice if it were out of date, an answer not. */
  readonly held: boolean;
}

/** Resolves and folds events that state no keys, of a visitor as if it were new: nothing is read. */
export async function resolveAsNew(deps: Deps, site: SiteRules, events: readonly Placed[]): Promise<Resolved> {
  const resolution = new Resolution(deps, site, new Set(), Doorkeeper.open(site));
  for (const placed of events) await resolution.place(placed);
  resolution.settle();
  return resolution;
}

/**
 * Resolves and folds events; notes the leads it read in `read`, also where it fails. Every one of `keys` that has a lead
 * gets its draft, whether or not events came under it.
 */
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
  resolution.settle();
  return resolution;
}

/** Whether there is something of it to write. */
export function isChanged({ fresh, crossings, absorbed, poorer, log }: Draft): boolean {
  return fresh.length > 0 || crossings.length > 0 || absorbed.length > 0 || poorer || log !== null;
}

class Resolution implements Resolved {
  readonly drafts = new Set<Draft>();
  readonly owners = new Map<string, Draft>();
  readonly refused = new Map<string, Why>();
  readonly turnedAway = new Map<string, Why>();
  held = false;
  private readonly looked = new Set<string>();
  /** Ids of the stored leads that have keys, by key. */
  private readonly stored = new Map<string, string>();
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
    const missing: string[] = [];
    for (const key of this.notLooked(keys)) {
      const held = this.deps.leads.get(this.site.id, key);
      if (held) {
        this.held = true;
        await this.own(key, held);
      } else missing.push(key);
    }
    if (missing.length > 0) await this.find([...missing, ...this.notLooked(likely)]);
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

  /** Brings the columns of what has changed in line with its state, and tells which keys are to be written. */
  settle(): void {
    for (const draft of this.drafts) {
      if (!isChanged(draft)) continue;
      settle(draft.site, draft.lead, this.now);
      draft.keys = this.keyChanges(draft);
    }
  }

  /** By whose the keys were and are, whatever hands they went through in between. Those of absorbed leads' ids come with these. */
  private keyChanges({ lead, implied }: Draft): KeyChanges {
    const gained = lead.keys.filter((key) => key !== implied && this.stored.get(key) !== lead.id);
    return {
      free: gained.filter((key) => !this.stored.has(key) && !key.startsWith(LEAD_KEY)),
      moved: gained.filter((key) => this.stored.has(key)),
      dropped: [],
      implied: implied !== null && lead.keys.includes(implied) ? implied : null,
    };
  }

  /** Those of the keys that were not looked up yet, and will be now. */
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
    const isIt = ({ id }: { id: string }) => id === row.id;
    const open = [...this.drafts].find(({ before, absorbed }) => (before && isIt(before)) || absorbed.some(isIt));
    const draft = open ?? this.add(await current(this.deps, this.site, row, this.now), row);
    this.owners.set(key, draft);
    if (!open) for (const one of draft.lead.keys) this.stored.set(one, row.id);
  }

  private add(found: Current, before: LeadRow | null): Draft {
    const made: Draft = {
      ...found,
      before,
      fresh: [],
      receivedAt: null,
      implied: null,
      keys: NO_KEYS,
      absorbed: [],
      log: null,
      poorer: false,
    };
    this.drafts.add(made);
    return made;
  }

  /** Gives an event to its lead, after what it says of identity has been acted on. */
  async place({ event, key, visitor, place, acceptedAt }: Placed): Promise<void> {
    // What is done with a mail begins no lead by itself: an address whose owner was erased has been named once already.
    if (event.link === key && event.type !== "identify" && !this.owners.has(key)) return;
    let mine = this.owners.get(key) ?? (await this.newcomer(key));
    if (mine.lead.tail.has(event.messageId)) return;
    if (claimsTooMuch(event, mine.lead.state)) {
      this.refused.set(event.messageId, TOO_MANY);
      return;
    }
    if (visitor !== null && leavesBefore(event, mine.lead)) mine = await this.leave(mine, visitor);
    const isNew = (one: string) => one !== key && one !== LEAD_KEY + mine.lead.id && !mine.lead.keys.includes(one);
    const stated = statedKeys(event).filter(isNew);
    await this.open(keysToLookUp(event, stated));
    if (event.link !== undefined && stated.includes(event.link)) {
      if (this.isGone(event.link) || isPassedOn(event, mine.lead.state)) return;
    }
    const notes: Notes = {};
    for (const one of stated) mine = await this.join(mine, event, one, visitor, notes);
    this.fold(mine, { ...event, ...notes }, place, acceptedAt);
  }

  /** Whether the link of a mail names a lead that is gone: what is done with it is nobody's. */
  private isGone(link: string): boolean {
    return link.startsWith(LEAD_KEY) && !this.owners.has(link);
  }

  /** Acts on one stated key; returns the lead that the event belongs to from now on. */
  private async join(
    mine: Draft,
    event: LoggedEvent,
    key: string,
    visitor: string | null,
    notes: Notes,
  ): Promise<Draft> {
    const apart = event.verified ? undefined : this.owners.get(apartKey(event.visitor, key));
    let theirs = apart ?? this.owners.get(key) ?? null;
    const goes = visitor !== null && isAnother(event, key, mine.lead.state);
    if (theirs === mine || (apart && !goes)) return mine;
    const claimant = theirs && claimantOf(event, key, theirs.lead.state);
    if (theirs && claimant !== null) theirs = await this.leave(theirs, claimant);
    const join = joinOf(event, key, mine.lead.state, theirs?.lead.state ?? null);
    if (join === "stay" || (join === "move" && visitor === null)) return mine;
    if (join === "full" || !hasRoom(join, mine, theirs)) {
      notes.unjoined = "full";
      // Somebody else goes elsewhere all the same, and cannot tell that there was no room.
      const stays = goes ? this.move(mine, this.newLead(null), visitorKey(visitor)) : mine;
      const isUser = event.userId !== undefined && key === userKey(event.userId);
      if (visitor !== null && !event.verified && isUser) this.give(stays, apartKey(visitor, key));
      return stays;
    }
    switch (join) {
      case "merge":
        if (!theirs) return mine;
        // What somebody is taken out of a lead with goes up in the one it goes to.
        if (claimant !== null) return await this.merge(theirs, mine);
        if (mine.before) {
          notes.absorbed = mine.lead.id;
          notes.absorbedVersion = mine.lead.version;
        }
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

  /** A visitor goes out of a lead with all it did there, and with what only it had called itself. */
  private async leave(mine: Draft, visitor: string): Promise<Draft> {
    const log = mine.log ?? (await readLogs(this.deps.db, [mine.lead]))[0] ?? [];
    const isOwn = (event: Entry) => event.visitor === visitor;
    const [own, rest] = [log.filter(isOwn), log.filter((event) => !isOwn(event))];
    const made = this.newLead(null);
    for (const key of keysOfOne(mine.lead.keys, visitor, own, rest)) this.move(mine, made, key);
    for (const [half, events] of [
      [mine, rest],
      [made, own],
    ] as const) {
      half.log = events;
      half.receivedAt = null;
      retell(half, events, this.now, "split");
    }
    return made;
  }

  /** `mine` goes up in `theirs`: the union of their events, folded in the order they were accepted. */
  private async merge(mine: Draft, theirs: Draft): Promise<Draft> {
    const stored = [theirs, mine].map(({ lead, log }) => ({ lead, log }));
    const logs = await readLogs(
      this.deps.db,
      stored.map(({ lead }) => lead),
    );
    const { lead } = theirs;
    theirs.log = inAcceptedOrder(stored.flatMap(({ log }, i) => log ?? logs[i] ?? []));
    theirs.receivedAt = null;
    retell(theirs, theirs.log, this.now, "merge");
    theirs.fresh.push(...mine.fresh);
    theirs.absorbed.push(...mine.absorbed, ...(mine.before ? [mine.lead] : []));
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
    this.owners.set(key, theirs);
    return theirs;
  }

  private give(owner: Draft, key: string): void {
    owner.lead.keys = [...owner.lead.keys, key];
    this.owners.set(key, owner);
  }

  private fold(mine: Draft, event: LoggedEvent, place: number, acceptedAt: number): void {
    const { site, lead, fresh, crossings, log } = mine;
    mine.receivedAt ??= receivedAfter(mine, acceptedAt);
    const { receivedAt } = mine;
    const entry: Entry = { ...event, receivedAt, ...(place > 0 ? { place } : {}) };
    const quiet = fresh.length === 0 && log === null ? quietUntil(lead) : undefined;
    const played = play(site.rules, lead.state, [entry], lead.told, site.rulesVersion, quiet);
    lead.told = played.told;
    lead.tail = lead.tail.with(entry);
    lead.oldestAt = oldestWith(lead.oldestAt, entry);
    lead.outcomeAt = outcomeWith(lead.outcomeAt, entry);
    log?.push(entry);
    crossings.push(...played.crossings);
    fresh.push(event.messageId);
  }

  /** The lead that a key nobody has begins; of a visitor's its id follows. */
  private async newcomer(key: string): Promise<Draft> {
    if (!key.startsWith(VISITOR_KEY)) return this.newLead(key);
    const id = await impliedId(this.site.id, key, this.deps.newId());
    const made = this.add(emptyCurrent(this.deps, this.site, id), null);
    made.implied = key;
    made.lead.keys = [key];
    this.owners.set(key, made);
    return made;
  }

  private newLead(key: string | null): Draft {
    if (key?.startsWith(LEAD_KEY)) throw new Failure("not_found", "The lead is gone.");
    const made = this.add(emptyCurrent(this.deps, this.site), null);
    if (key !== null) this.give(made, key);
    return made;
  }
}

/** Whether the keys that come over find room with the lead they come to. */
function hasRoom(join: "merge" | "move" | "take", mine: Draft, theirs: Draft | null): boolean {
  if (join === "take") return mine.lead.keys.length < KEYS_MAX;
  const coming = join === "merge" ? mine.lead.keys.length : 1;
  return coming + (theirs?.lead.keys.length ?? 0) <= KEYS_MAX;
}

/** When events of a batch count as accepted: after all before, so that (receivedAt, place) orders a lead's events for good. */
function receivedAfter({ lead, fresh, log }: Draft, acceptedAt: number): number {
  const isOlder = ({ messageId }: Entry) => !fresh.includes(messageId);
  const before = log || fresh.length > 0 ? (log ?? lead.tail.entries).findLast(isOlder) : lead.tail.last;
  return Math.max(acceptedAt, (before?.receivedAt ?? 0) + TICK_MS);
}
