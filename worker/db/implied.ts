/**
 * Leads that are found without a row saying so: the id of a lead that a visitor begins starts with a digest of the
 * visitor's key, and goes on at random. Such a key is the lead's for as long as it is among the lead's keys; whoever gets
 * it then has a row in `identities`, which comes first. Most visitors stay by themselves, and cost a row less.
 */
import { VISITOR_KEY } from "../core/identity";
import { hex, utf8 } from "../core/utf8";

/** Hexadecimal characters of the digest. Keys that share it find each other's leads and leave them alone. */
const START_CHARS = 16;

/** The id of the lead that a visitor's key begins; `random`: 32 hexadecimal characters. */
export async function impliedId(siteId: string, key: string, random: string): Promise<string> {
  return (await impliedStart(siteId, key)) + random.slice(START_CHARS);
}

/** A key that may imply a lead: how its id starts, and the key as the lead's `keys` have it. */
export type Implied = [key: string, start: string, quoted: string];

/** Those of the keys that may imply a lead. */
export async function impliedBy(siteId: string, keys: readonly string[]): Promise<Implied[]> {
  const visitors = keys.filter((key) => key.startsWith(VISITOR_KEY));
  return await Promise.all(visitors.map(async (key) => [key, await impliedStart(siteId, key), quoted(key)] as Implied));
}

/** The same of a lead's own key, whose id is known. */
export const impliedOf = (key: string, id: string): Implied => [key, id.slice(0, -START_CHARS), quoted(key)];

const quoted = (key: string) => JSON.stringify(key);

/** SQL: whether the id of lead `l` starts so; the primary key finds it. */
export const startsWith = (start: string) => `l.id >= ${start} AND l.id < ${start} || 'g'`;

/** SQL: whether a key, quoted, is among those of lead `l`: a comma, a quote and a letter follow each other between texts alone. */
export const hasKey = (quoted: string) =>
  `(instr(l.keys, '[' || ${quoted}) = 1 OR instr(l.keys, ',' || ${quoted}) > 0)`;

/** SQL: whether the key that a new lead's id follows from, where it does, is nobody's. */
export const unclaimed = (site: string, key: string, start: string, quoted: string) =>
  `(${key} IS NULL OR NOT EXISTS (SELECT 1 FROM identities WHERE site_id = ${site} AND key = ${key}
    UNION ALL SELECT 1 FROM leads l WHERE l.site_id = ${site} AND ${startsWith(start)} AND ${hasKey(quoted)}))`;

async function impliedStart(siteId: string, key: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", utf8.encode(`${siteId} ${key}`));
  return `lead_${hex(new Uint8Array(digest, 0, START_CHARS / 2))}`;
}
