/**
 * After rules were published: every lead of the site is brought under them, in chunks that any run can go on with.
 * Leads read or active in the meantime have come over by themselves and cost the run only a look.
 */
import { catchUp, Failures } from "./catchup";
import { leadsAfter } from "./db/leads";
import { noteProgress, type RulesVersion, unfinishedVersions } from "./db/rules";
import { deliverWritten } from "./deliver";
import type { Deps } from "./deps";

/** Leads looked at between two notes of progress. */
const CHUNK = 50;
/** Sites worked on in one run, and chunks for each: what is left waits for the next run, a minute later. */
const SITES_A_RUN = 10;
const CHUNKS_A_RUN = 20;

/** Goes on with all unfinished versions; returns how many leads were looked at. Throws in the end where a lead failed. */
export async function refoldAll(deps: Deps): Promise<number> {
  const failures = new Failures();
  let seen = 0;
  for (const version of await unfinishedVersions(deps.db, SITES_A_RUN))
    seen += await refoldSite(deps, version, failures);
  failures.throwFirst();
  return seen;
}

/** The same right after publishing; what it crossed is told at once. */
export async function refoldAndTell(deps: Deps): Promise<void> {
  await refoldAll(deps).finally(() => deliverWritten(deps));
}

async function refoldSite(deps: Deps, version: RulesVersion, failures: Failures): Promise<number> {
  deps.sites.forget();
  const site = await deps.sites.find(version.siteId);
  if (!site || site.rulesVersion !== version.version) return 0;
  let { cursor } = version;
  let seen = 0;
  for (let chunk = 0; chunk < CHUNKS_A_RUN; chunk++) {
    const rows = await leadsAfter(deps.db, site.id, cursor, CHUNK);
    for (const row of rows) {
      if (row.rules_version < site.rulesVersion) await failures.outlive(() => catchUp(deps, row));
    }
    const finishedAt = rows.length < CHUNK ? deps.clock() : null;
    const next = rows.at(-1)?.id ?? cursor;
    await noteProgress(deps.db, { ...version, cursor }, { seen: rows.length, cursor: next, finishedAt });
    seen += rows.length;
    cursor = next;
    if (finishedAt !== null) break;
  }
  return seen;
}
