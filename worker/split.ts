/**
 * Undoing a claimed join: the visitor's events go back into a lead of its own, and both leads are what they would be had
 * it never joined. The claims it had made are remembered, so that saying the same again does not join it again.
 */
import { apartKey, LEAD_KEY, statedKeys, visitorKey } from "./core/identity";
import { levelsNow } from "./core/levels";
import { outcomeWith } from "./core/outcome";
import { replay, Teller } from "./core/play";
import { oldestWith } from "./core/prune";
import { type Entry, type Lead, readLog } from "./db/leads";
import { readingAgain, refusalOf } from "./db/refusal";
import type { SiteRules } from "./db/sites";
import { NO_KEYS, writeLeads } from "./db/write";
import type { Deps } from "./deps";
import { Failure } from "./failure";
import { TRIES_MAX } from "./ingest";
import { type Current, current, emptyCurrent, leadWrite, pendingCrossings, settle } from "./lead";
import { noSuchLead, rowOf } from "./leads";

/** The lead that was split, and the one that the visitor has now. */
export interface Halves {
  rest: Current;
  split: Current;
}

/** Splits a visitor from a lead. Throws `not_found` where it is not the lead's, `conflict` where it did not claim to be. */
export async function splitLead(deps: Deps, site: SiteRules, id: string, visitor: string): Promise<Halves> {
  for (let tries = 1; ; tries++) {
    try {
      return await readingAgain(() => trySplit(deps, site, id, visitor));
    } catch (error) {
      if (refusalOf(error) !== "conflict") throw error;
      if (tries >= TRIES_MAX) throw new Failure("busy", "The lead is being written all the time. Try again.");
    }
  }
}

async function trySplit(deps: Deps, site: SiteRules, id: string, visitor: string): Promise<Halves> {
  const now = deps.clock();
  const row = await rowOf(deps, site, id);
  if (!row) throw noSuchLead(id);
  const rest = await current(deps, site, row, now);
  requireClaim(rest.lead, visitor);
  const log = await readLog(deps.db, rest.lead);
  const isMine = (event: Entry) => event.visitor === visitor;
  const theirs = log.filter((event) => !isMine(event));
  if (theirs.length === 0) {
    throw new Failure("conflict", "All of the lead's events are this visitor's: there is nothing to split it from.");
  }
  const mine = log.filter(isMine);
  const keys = dividedKeys(rest.lead.keys, visitor, mine);
  const split = emptyCurrent(deps, rest.site, keys.oldId);
  rest.crossings.push(...pendingCrossings(rest.site.rules, rest.lead, now));
  rest.lead.keys = rest.lead.keys.filter((key) => !keys.gone.includes(key));
  split.lead.keys = [...keys.moved, ...keys.free];
  // What it had absorbed is a lead again.
  const own = mine.map(({ absorbed: _, ...event }) => event);
  tellSplit(rest, theirs, now);
  tellSplit(split, own, now);
  await writeLeads(
    deps.db,
    site.id,
    [],
    [
      {
        ...leadWrite(rest.site, row, rest.lead, rest.crossings),
        log: theirs,
        keys: { ...NO_KEYS, dropped: keys.dropped },
      },
      { ...leadWrite(rest.site, null, split.lead, split.crossings), log: own, keys: { ...NO_KEYS, ...keys } },
    ],
  ).finally(() => deps.leads.drop(rest.lead.id));
  return { rest, split };
}

/** Which keys leave a lead with a visitor, and those that remember its claims. */
function dividedKeys(before: readonly string[], visitor: string, events: readonly Entry[]) {
  const claimed = new Set(events.filter(({ verified }) => !verified).flatMap((event) => statedKeys(event)));
  const apart = before.filter((key) => claimed.has(key)).map((key) => apartKey(visitor, key));
  const moved = before.filter((key) => key === visitorKey(visitor) || key.startsWith(apartKey(visitor, "")));
  // Its own id again, where it had one before it joined; then that is no longer a name of the other's.
  const oldId = events.find(({ absorbed }) => before.includes(`${LEAD_KEY}${absorbed}`))?.absorbed ?? null;
  const dropped = oldId === null ? [] : [`${LEAD_KEY}${oldId}`];
  return { oldId, moved, free: apart.filter((key) => !before.includes(key)), dropped, gone: [...moved, ...dropped] };
}

function requireClaim(lead: Lead, visitor: string): void {
  const known = lead.state.visitors.find(({ id }) => id === visitor);
  if (!known) throw new Failure("not_found", `The lead has no visitor "${visitor}".`);
  if (known.trust !== "verified") return;
  throw new Failure("conflict", `The visitor "${visitor}" proved who it is: only a claimed join can be undone.`);
}

/** Gives a half its log, the state that follows from it, and the levels crossed because of the split. */
function tellSplit({ site, lead, crossings }: Current, log: Entry[], now: number): void {
  lead.state = replay(site.rules, log);
  lead.oldestAt = log.reduce<number | null>(oldestWith, null);
  lead.outcomeAt = log.reduce<number | null>(outcomeWith, null);
  const teller = new Teller(site.rules, lead.state, lead.told, site.rulesVersion);
  const at = Math.max(now, lead.state.clock ?? now, lead.told.at ?? now);
  teller.tell(levelsNow(site.rules, lead.state, at), at, "split");
  lead.told = teller.told;
  crossings.push(...teller.crossings);
  settle(site, lead);
}
