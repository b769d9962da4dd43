/**
 * The sweep: levels that time alone has changed, recorded at the very instant they changed. It reads what is due by an
 * index and touches nothing else. A lead's version makes it safe to run twice at once, or to die half-way: whoever
 * comes second finds nothing due.
 */
import { catchUp, Failures } from "./catchup";
import { dueLeads } from "./db/leads";
import type { Deps } from "./deps";

/** Leads read at once. */
const CHUNK = 100;
/** Chunks of one run; what is left waits for the next, a minute later. */
const CHUNKS_MAX = 20;

/** Records the crossings that are due; returns how many there were. Throws in the end where a lead failed. */
export async function sweep(deps: Deps): Promise<number> {
  const failures = new Failures();
  let told = 0;
  for (let chunk = 0; chunk < CHUNKS_MAX; chunk++) {
    const rows = await dueLeads(deps.db, deps.clock(), CHUNK, failures.count);
    for (const row of rows) told += (await failures.outlive(() => catchUp(deps, row))) ?? 0;
    if (rows.length < CHUNK) break;
  }
  failures.throwFirst();
  return told;
}
