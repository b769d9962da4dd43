/**
 * Undoing a claimed join: the visitor's events go back into a lead of its own, and both leads are what they would be had
 * it never joined. The claims it had made are remembered, so that saying the same again does not join it again.
 */
import { apartKey, isName, keysOfOne, LEAD_KEY, statedKeys } from "./core/identity";
import { type Entry, type Lead, readLog } from "./db/leads";
import { NO_KEYS } from "./db/plan";
import { readingAgain, refusalOf } from "./db/refusal";
import type { SiteRules } from "./db/sites";
import type { Deps } from "./deps";
import { Failure } from "./failure";
import { TRIES_MAX } from "./ingest";
import { type Current, current, emptyCurrent, leadWrite, retell, settle } from "./lead";
import { noSuchLead, rowOf } from "./leads";
import { writeAndTell } from "./outbox";

/** The lead that was split, and the one that the visitor has now. */
export interface Halves {
  rest: Current;
  split: Current;
}

/** Splits a visitor from a lead. Throws `not_found` where it is not the lead's, `conflict` where it did not claim to be. */
export async function splitLead(deps: Deps, site: SiteRules, id: string, visitor: string): Promise<Halves> {
  let latest = site;
  for (let tries = 1; ; tries++) {
    try {
      return await readingAgain(() => trySplit(deps, latest, id, visitor));
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal !== "conflict" && refusal !== "outdated") throw error;
      if (refusal === "outdated") latest = (await deps.sites.lookAgain(latest)) ?? latest;
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
  const [mine, theirs] = [log.filter(isMine), log.filter((event) => !isMine(event))];
  const keys = dividedKeys(rest.lead.keys, visitor, mine, theirs);
  // Notes of sales are about the lead, and nobody to split it from.
  if (!rest.lead.keys.some((key) => isName(key) && !keys.gone.includes(key))) {
    throw new Failure("conflict", "All that the lead goes by is this visitor's: there is nobody to split it from.");
  }
  const split = emptyCurrent(deps, rest.site, keys.old?.id ?? null);
  // Its id again, and none of the versions it had: an isolate that still holds such a row would write over what it is now.
  if (keys.old) split.lead.version = keys.old.version;
  rest.lead.keys = rest.lead.keys.filter((key) => !keys.gone.includes(key));
  split.lead.keys = [...keys.moved, ...keys.free];
  // What it had absorbed is a lead again.
  const own = mine.map(({ absorbed: _, absorbedVersion: __, ...event }) => event);
  for (const [half, events] of [
    [rest, theirs],
    [split, own],
  ] as const) {
    retell(half, events, now, "split");
    settle(half.site, half.lead, now);
  }
  await writeAndTell(
    deps,
    site.id,
    [],
    [
      {
        ...leadWrite(rest, row),
        log: theirs,
        keys: { ...NO_KEYS, dropped: keys.dropped },
      },
      { ...leadWrite(split, null), log: own, keys: { ...NO_KEYS, ...keys } },
    ],
  ).finally(() => deps.leads.drop(rest.lead.id));
  return { rest, split };
}

/** Which keys leave a lead with a visitor, and those that remember its claims. */
function dividedKeys(before: readonly string[], visitor: string, mine: readonly Entry[], theirs: readonly Entry[]) {
  const moved = keysOfOne(before, visitor, mine, theirs);
  const claimed = new Set(mine.flatMap((event) => statedKeys(event)));
  const kept = before.filter((key) => claimed.has(key) && !moved.includes(key));
  const free = kept.map((key) => apartKey(visitor, key)).filter((key) => !before.includes(key));
  // Its own id again, where it had one before it joined; then that is no longer a name of the other's.
  const joined = mine.find(({ absorbed }) => before.includes(`${LEAD_KEY}${absorbed}`));
  const old = joined?.absorbed === undefined ? null : { id: joined.absorbed, version: joined.absorbedVersion ?? 0 };
  const dropped = old === null ? [] : [`${LEAD_KEY}${old.id}`];
  return { old, moved, free, dropped, gone: [...moved, ...dropped] };
}

function requireClaim(lead: Lead, visitor: string): void {
  const known = lead.state.visitors.find(({ id }) => id === visitor);
  if (!known) throw new Failure("not_found", `The lead has no visitor "${visitor}".`);
  if (known.trust !== "verified") return;
  throw new Failure("conflict", `The visitor "${visitor}" proved who it is: only a claimed join can be undone.`);
}
