/**
 * Moving a site to another database, while its beacons flow. In this order, each step one that any run can go on with:
 *
 * 1. fenced: the database that it lives in refuses every write of it, the other too. Reads go on. Beacons are told to
 *    come again; nothing of them is lost.
 * 2. copied, table by table, into room that was made before; then counted on both sides.
 * 3. the directory says the new database. Its fence is lifted: writes go on there, with the very next beacon.
 * 4. after half a minute, when no isolate can believe any more that it lives where it did, the old rows are deleted.
 *    The fence there stays, for good: whoever comes late is refused and looks again.
 *
 * Called off before 3, it lives on where it was, and what was copied is deleted.
 */
import { type Entry, enterMove, MAIN, movingSites, readEntry, stepMove } from "./db/directory";
import { copyChunk, countRows, deleteChunk, fence, liftFence, type Place, readPlace, turnTo } from "./db/moving";
import { refusalOf } from "./db/refusal";
import { SITE_MAX_AGE_MS, type SiteRules } from "./db/sites";
import type { Deps } from "./deps";
import { Failure } from "./failure";
import { knownDatabase } from "./sites";

/** How long one who moves goes on, ms and steps: a call is to be answered, and an invocation may ask only so often. */
const STRETCH_MS = 5_000;
const STEPS_A_STRETCH = 20;
/** Chunks copied in one step, without a look at whether the move was called off. */
const CHUNKS_A_STEP = 5;
/** How long the old rows stay after the directory says otherwise, ms: what isolates hold of a site, and clocks apart. */
export const QUIET_MS = SITE_MAX_AGE_MS + 10_000;
/** Most sites that are moved at the same time. */
const SITES_A_RUN = 10;

export type MoveState = "none" | "copying" | "clearing" | "stopping" | "done" | "stopped";

/** How the latest move of a site stands. */
export interface Move {
  state: MoveState;
  /** Where it lives. */
  database: string;
  from: string | null;
  to: string | null;
  /** Rows copied so far. */
  copied: number;
  /** Why it was given up. */
  note: string | null;
}

/**
 * Begins to move a site, or goes on with it; to where it lives still, calls the move off. Throws `conflict` where it is
 * being moved elsewhere.
 */
export async function moveSite(deps: Deps, site: SiteRules, to: string): Promise<void> {
  knownDatabase(deps, to);
  const entry = await readEntry(deps.db, site.id);
  const isCopied = entry?.step === "copying" && to === entry.database;
  if (isCopied) await callOff(deps, entry, "It was called off.");
  else if (entry?.step && to !== entry.moveTo) {
    throw new Failure(
      "conflict",
      `The site is being moved from ${entry.moveFrom} to ${entry.moveTo}. Wait until it is done.`,
    );
  } else if (!entry?.step) await begin(deps, site, entry, to);
  await goOn(deps, site.id);
}

async function begin(deps: Deps, { id, writeKey }: SiteRules, entry: Entry | null, to: string): Promise<void> {
  const from = entry?.database ?? MAIN;
  // Whoever did not hear that it is done may ask again.
  if (from === to) return;
  const one = { siteId: id, writeKey, move: deps.newId(), moveFrom: from, moveTo: to, steppedAt: deps.clock() };
  if (!(await enterMove(deps.db, one)))
    throw new Failure("conflict", "The site was moved at the same time. Look again.");
}

/** How the latest move of a site stands. */
export async function moveOf(deps: Deps, site: SiteRules): Promise<Move> {
  const entry = await readEntry(deps.db, site.id);
  if (!entry?.moveTo) return { state: "none", database: site.database, from: null, to: null, copied: 0, note: null };
  const { step, database, moveFrom: from, moveTo: to, note } = entry;
  const copying = step === "copying" ? await readPlace(deps.in({ database: to }).db, site.id) : null;
  const copied = copying?.place.move === entry.move ? copying.moved : 0;
  return { state: step ?? (database === to ? "done" : "stopped"), database, from, to, copied, note };
}

/** Goes on with every move that there is. */
export async function goOnMoving(deps: Deps): Promise<void> {
  const all = await movingSites(deps.db, SITES_A_RUN);
  const runs = await Promise.allSettled(all.map((id) => goOn(deps, id)));
  const failed = runs.find((run) => run.status === "rejected");
  if (failed) throw failed.reason;
}

/** Goes on with the move of a site, for a while. */
async function goOn(deps: Deps, siteId: string): Promise<void> {
  const began = deps.clock();
  for (let steps = 0; steps < STEPS_A_STRETCH; steps++) {
    if (steps > 0 && deps.clock() - began > STRETCH_MS) return;
    const entry = await readEntry(deps.db, siteId);
    if (!entry?.step) return;
    const went = await takeStep(deps, entry).catch(async (error: unknown) => {
      const refusal = refusalOf(error);
      // Another goes on with it.
      if (refusal === "fenced") return false;
      if (refusal !== null || entry.step !== "copying") throw error;
      // What no second try would mend must not keep the site fenced.
      return await callOff(deps, entry, `It was given up: ${error instanceof Error ? error.message : error}`);
    });
    if (!went) return;
  }
}

/** Does the next step; `false`: there is nothing to be done now. */
async function takeStep(deps: Deps, entry: Entry): Promise<boolean> {
  return entry.step === "copying" ? await copy(deps, entry) : await clear(deps, entry);
}

/** The two databases of a move: where the site lives, and the other. */
function sidesOf(deps: Deps, { database, moveFrom, moveTo }: Entry): { live: D1Database; other: D1Database } {
  const other = database === moveFrom ? moveTo : moveFrom;
  return { live: deps.in({ database }).db, other: deps.in({ database: other ?? database }).db };
}

async function placeOf(db: D1Database, { siteId, move }: Entry, phase: Place["phase"]): Promise<Place> {
  const found = await readPlace(db, siteId);
  if (found?.place.move === move) return found.place;
  await fence(db, siteId, move ?? "", phase);
  return { move: move ?? "", phase, table: 0, after: null };
}

async function copy(deps: Deps, entry: Entry): Promise<boolean> {
  const { siteId } = entry;
  const { live, other } = sidesOf(deps, entry);
  let place = (await readPlace(other, siteId))?.place;
  if (place?.move !== entry.move) {
    await fence(live, siteId, entry.move ?? "", "fenced");
    place = await placeOf(other, entry, "room");
  }
  if (place.phase === "room") await deleteChunk(other, siteId, place, "copying");
  else if (place.phase === "copied") await turn(deps, entry, live, other);
  for (let chunk = 0; chunk < CHUNKS_A_STEP && place.phase === "copying"; chunk++) {
    place = await copyChunk(live, other, siteId, place);
  }
  return true;
}

/** Everything is copied: from now on the site lives there. */
async function turn(deps: Deps, entry: Entry, live: D1Database, other: D1Database): Promise<void> {
  const [was, is] = await Promise.all([countRows(live, entry.siteId), countRows(other, entry.siteId)]);
  const wrong = Object.keys(was).filter((table) => was[table] !== is[table]);
  if (wrong.length > 0) {
    await callOff(deps, entry, `It was given up: not as many rows of ${wrong.join(", ")} came to ${entry.moveTo}.`);
    return;
  }
  await stepMove(deps.db, entry, { database: entry.moveTo ?? "", step: "clearing", steppedAt: deps.clock() });
  deps.sites.forget();
}

async function callOff(deps: Deps, entry: Entry, note: string): Promise<boolean> {
  const isOff = await stepMove(deps.db, entry, { step: "stopping", steppedAt: deps.clock(), note });
  if (!isOff) throw new Failure("conflict", "The site has come to where it was moved to. Move it back instead.");
  return isOff;
}

/** Lets writes in where the site lives, and deletes what the other database has of it. */
async function clear(deps: Deps, entry: Entry): Promise<boolean> {
  const { siteId, move, step, steppedAt } = entry;
  const { live, other } = sidesOf(deps, entry);
  await liftFence(live, siteId, move ?? "");
  // Where it never lived nobody reads of it.
  if (step === "clearing" && deps.clock() < (steppedAt ?? 0) + QUIET_MS) return false;
  const place = await placeOf(other, entry, "clearing");
  if (place.phase === "cleared") {
    await deps.overwrite();
    return await stepMove(deps.db, entry, { step: null });
  }
  if (place.phase === "clearing") await deleteChunk(other, siteId, place, "cleared");
  else await turnTo(other, siteId, place, "clearing");
  return true;
}
