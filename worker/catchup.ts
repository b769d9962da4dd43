/** Writes one lead that nothing happened to: brought up to the present, or with whatever else a run does to it. */
import { LEAD_KEY } from "./core/identity";
import { findLeads, type LeadRow } from "./db/leads";
import type { LeadWrite } from "./db/plan";
import { refusalOf } from "./db/refusal";
import type { Deps } from "./deps";
import { type Current, current, leadWrite, pendingCrossings, settle } from "./lead";
import { writeAndTell } from "./outbox";

/** Most tries, where others write the lead at the same time. */
const TRIES_MAX = 5;

/** Leads that a run could not see to: what is wrong with one keeps it from none of the others. */
export class Failures {
  private readonly all: unknown[] = [];

  /** How many there were. */
  get count(): number {
    return this.all.length;
  }

  /** Sees to one lead; `null` where that failed. Throws where it is the database that is in trouble, which ends a run. */
  async outlive<T>(work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      if (refusalOf(error) !== null) throw error;
      this.all.push(error);
      return null;
    }
  }

  /** Ends the run: throws the first of them, where there were any. */
  throwFirst(): void {
    if (this.count > 0) throw this.all[0];
  }
}

/**
 * Under the rules in force, all that time has changed told. Returns how many crossings were recorded; throws what a later
 * run may mend.
 */
export async function catchUp(deps: Deps, row: LeadRow): Promise<number> {
  const written = await rewriteLead(deps, row, async (found, before, tries) => {
    const { site, lead, crossings } = found;
    crossings.push(...pendingCrossings(site.rules, lead, deps.clock()));
    settle(site, lead, deps.clock());
    // Whoever wrote it in between has told of what was due.
    if (tries > 0 && crossings.length === 0 && before.rules_version === site.rulesVersion) return null;
    return leadWrite(found, before);
  });
  return written?.crossings.length ?? 0;
}

/** Makes a lead anew by a plan, again where others write it at the same time; `null`: there is nothing to write. */
export async function rewriteLead(
  deps: Deps,
  row: LeadRow,
  plan: (found: Current, before: LeadRow, tries: number) => Promise<LeadWrite | null>,
): Promise<LeadWrite | null> {
  const held = await deps.sites.find(row.site_id);
  let latest: LeadRow | undefined = row;
  for (let tries = 0; held && latest && tries < TRIES_MAX; tries++) {
    try {
      const write = await plan(await current(deps, held, latest, deps.clock()), latest, tries);
      if (write) await writeAndTell(deps, held.id, [], [write]);
      return write;
    } catch (error) {
      const refusal = refusalOf(error);
      // What is to be done of a lead that moves is done where it goes.
      if (refusal === "fenced") return null;
      if (refusal !== "conflict") throw error;
    } finally {
      deps.leads.drop(row.id);
    }
    const key = `${LEAD_KEY}${row.id}`;
    latest = (await findLeads(deps.db, row.site_id, [key])).get(key);
  }
  return null;
}
