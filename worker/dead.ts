/** The dead-letter office: letters of the queue that could not be folded, kept until somebody replays or deletes them. */
import type { Mail } from "./backlog";
import { type DeadLetter, deleteDead, insertDead, listDead, readDead } from "./db/dead";
import { refusalOf } from "./db/refusal";
import type { SiteRules } from "./db/sites";
import type { Deps } from "./deps";
import { keysOf, unerasedOf, withoutErased } from "./erase";
import { Failure } from "./failure";
import { ingest } from "./ingest";

/** Most letters replayed in one call. */
export const REPLAYED_MAX = 100;
/** Longest reason that is kept, characters. */
const REASON_MAX_CHARS = 500;
/** Digits of the time that ids begin with. */
const TIME_DIGITS = 15;

/** Keeps letters, but for what is of somebody erased since, and takes them from the queue. */
export async function bury(deps: Deps, mails: readonly Mail[], reason: string): Promise<void> {
  for (const [siteId, mine] of Map.groupBy(mails, ({ body }) => body.siteId)) {
    const site = await deps.sites.find(siteId);
    if (!site) throw new Error("a letter to a site that is not there");
    const there = deps.in(site);
    const kept = await withoutErased(there, site, mine);
    const dead = kept.map((mail) => deadLetter(mail, reason.slice(0, REASON_MAX_CHARS), deps.clock()));
    const letters = kept.map(({ body }) => body);
    await insertDead(there.db, siteId, dead, await unerasedOf(site, letters));
    for (const { body } of kept) deps.tallies.add(siteId, "buried", body.events.length);
    for (const mail of kept) mail.ack();
  }
}

/** The same for what the queue itself has given up. */
export async function buryAll(deps: Deps, mails: readonly Mail[]): Promise<void> {
  await bury(deps, mails, "The database did not take it for as long as the queue tried.");
}

function deadLetter({ id, body }: Mail, reason: string, diedAt: number): DeadLetter {
  const time = String(Math.floor(body.acceptedAt)).padStart(TIME_DIGITS, "0");
  return { id: `${time}-${id}`, keys: keysOf(body), events: body.events, reason, diedAt };
}

export interface Replayed {
  replayed: number;
  failed: { id: string; detail: string }[];
}

/**
 * Folds dead letters, the oldest first, and deletes those that could be: all, or those of some ids. Throws `not_found`
 * for an id that there is not.
 */
export async function replayDead(deps: Deps, site: SiteRules, ids: readonly string[] | null): Promise<Replayed> {
  const letters = ids ? await lettersOf(deps, site, ids) : await listDead(deps.db, site.id, null, REPLAYED_MAX);
  const failed: Replayed["failed"] = [];
  for (const { id, keys, events } of letters) {
    try {
      const [key = ""] = keys;
      const unerased = await unerasedOf(site, [{ key, events, acceptedAt: Number(id.slice(0, TIME_DIGITS)) }]);
      await ingest(deps, site, events, { isTold: true, unerased });
      await deleteDead(deps.db, site.id, id);
    } catch (error) {
      const isErased = refusalOf(error) === "erased";
      const detail = error instanceof Error ? error.message : String(error);
      failed.push({ id, detail: isErased ? "Somebody whom it names was erased meanwhile." : detail });
    }
  }
  return { replayed: letters.length - failed.length, failed };
}

async function lettersOf(deps: Deps, site: SiteRules, ids: readonly string[]): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  for (const id of ids.toSorted()) {
    const letter = await readDead(deps.db, site.id, id);
    if (!letter) throw noSuchLetter(id);
    letters.push(letter);
  }
  return letters;
}

/** Deletes a letter for good. Throws `not_found`. */
export async function removeDead(deps: Deps, site: SiteRules, id: string): Promise<void> {
  if (!(await deleteDead(deps.db, site.id, id))) throw noSuchLetter(id);
}

const noSuchLetter = (id: string) => new Failure("not_found", `There is no dead letter "${id}".`);
