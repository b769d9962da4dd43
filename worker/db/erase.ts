/** Erasing a lead: one atomic batch, guarded by the version that was read as every write is (see write.ts). */
import { LEAD_KEY } from "../core/identity";
import { deadOfStatement, erasedStatement } from "./dead";
import { unlessFenced } from "./fences";
import type { Lead } from "./leads";

/** How much of a lead's id stays where it says how far a run has come: its kind and 8 of 32 characters. */
const PLACE_CHARS = "lead_".length + 8;

/**
 * Deletes all there is of a lead, whose message ids are kept as digests only. `keyHashes`: of its keys, by which what
 * still waits in the queue is known; `hashes`: of addresses that are suppressed from now on, `at` ms. Refused as a conflict where anybody wrote the lead since it was read.
 */
export async function deleteLead(
  db: D1Database,
  lead: Lead,
  keyHashes: readonly string[],
  hashes: readonly string[],
  at: number,
): Promise<void> {
  const { siteId, id, version, keys } = lead;
  const guard = `${LEAD_KEY}${id}`;
  const ids = [id, ...keys.filter((key) => key.startsWith(LEAD_KEY)).map((key) => key.slice(LEAD_KEY.length))];
  await db.batch([
    unlessFenced(db, siteId),
    // NULL in lead_id refuses the batch if the lead is no longer as it was read.
    db
      .prepare(
        `INSERT INTO identities (site_id, key, lead_id) SELECT ?1, ?4, CASE WHEN EXISTS
         (SELECT 1 FROM leads WHERE site_id = ?1 AND id = ?2 AND version = ?3) THEN ?2 END`,
      )
      .bind(siteId, id, version, guard),
    db
      .prepare(
        "DELETE FROM identities WHERE site_id = ?1 AND key IN (SELECT value FROM json_each(?2)) AND lead_id = ?3",
      )
      .bind(siteId, JSON.stringify([guard, ...keys]), id),
    db.prepare("DELETE FROM log WHERE lead_id = ?1").bind(id),
    db.prepare("DELETE FROM crossings WHERE lead_id = ?1").bind(id),
    db.prepare("DELETE FROM deliveries WHERE lead_id IN (SELECT value FROM json_each(?1))").bind(JSON.stringify(ids)),
    db.prepare("DELETE FROM leads WHERE site_id = ?1 AND id = ?2").bind(siteId, id),
    deadOfStatement(db, siteId, keys),
    ...(keyHashes.length > 0 ? [erasedStatement(db, siteId, keyHashes, at)] : []),
    ...placeStatements(db, siteId, ids),
    ...(hashes.length > 0 ? [suppressStatement(db, siteId, hashes, at)] : []),
  ]);
}

/** Most digests in a parameter: some 250 kB of the 2 MB that D1 takes. */
const DIGESTS_MAX = 10_000;

/** A lead at the version that was read, with the digests of its messages' ids. */
export interface Forgotten {
  id: string;
  version: number;
  messages: string[];
}

/**
 * Deletes leads of whom nobody knows who they are, with the ids of their messages: those that nobody wrote since they were
 * read. What webhooks were told of them goes when its own time is over.
 */
export async function deleteForgotten(db: D1Database, siteId: string, leads: readonly Forgotten[]): Promise<void> {
  const still = `json_each(?2) j CROSS JOIN leads l ON l.site_id = ?1 AND l.id = j.value ->> 'id' AND l.version = j.value ->> 'version'`;
  const list = JSON.stringify(leads.map(({ id, version }) => ({ id, version })));
  const ofMessages = `DELETE FROM messages WHERE site_id = ?1 AND id IN (SELECT m.value FROM ${still} CROSS JOIN json_each(j.value, '$.messages') m)`;
  const deletions = [
    `DELETE FROM log WHERE lead_id IN (SELECT l.id FROM ${still})`,
    `DELETE FROM crossings WHERE lead_id IN (SELECT l.id FROM ${still})`,
    `DELETE FROM identities WHERE site_id = ?1 AND key IN (SELECT k.value FROM ${still} CROSS JOIN json_each(l.keys) k)`,
    `DELETE FROM leads WHERE site_id = ?1 AND id IN (SELECT l.id FROM ${still})`,
  ];
  await db.batch([
    unlessFenced(db, siteId),
    ...inParts(leads).map((part) => db.prepare(ofMessages).bind(siteId, JSON.stringify(part))),
    ...deletions.map((sql) => db.prepare(sql).bind(siteId, list)),
  ]);
}

/** The same leads with as many digests together as a parameter takes; those of one lead may go on in the next part. */
function inParts(leads: readonly Forgotten[]): Forgotten[][] {
  const parts: Forgotten[][] = [];
  let room = 0;
  for (const { id, version, messages } of leads) {
    for (let from = 0; from < messages.length; from += DIGESTS_MAX) {
      const some = messages.slice(from, from + DIGESTS_MAX);
      if (some.length > room) {
        parts.push([]);
        room = DIGESTS_MAX;
      }
      parts.at(-1)?.push({ id, version, messages: some });
      room -= some.length;
    }
  }
  return parts;
}

/** Cuts an id short where a run stands at it, which the run does not notice: hardly any other lies in between. */
function placeStatements(db: D1Database, siteId: string, ids: readonly string[]): D1PreparedStatement[] {
  const list = JSON.stringify(ids);
  return [
    db
      .prepare(
        `UPDATE rule_versions SET cursor = substr(cursor, 1, ${PLACE_CHARS})
         WHERE site_id = ?1 AND cursor IN (SELECT value FROM json_each(?2))`,
      )
      .bind(siteId, list),
    db
      .prepare(
        `UPDATE sites SET pruned_to = substr(pruned_to, 1, ${PLACE_CHARS})
         WHERE id = ?1 AND pruned_to IN (SELECT value FROM json_each(?2))`,
      )
      .bind(siteId, list),
  ];
}

function suppressStatement(db: D1Database, siteId: string, hashes: readonly string[], at: number): D1PreparedStatement {
  return db
    .prepare(
      `INSERT INTO suppressions (site_id, hash, at) SELECT ?1, value, ?3 FROM json_each(?2) WHERE true
       ON CONFLICT DO NOTHING`,
    )
    .bind(siteId, JSON.stringify(hashes), at);
}
