/**
 * Leads that are found without a row saying so: the id of a lead that a visitor begins starts with a digest of the
 * visitor's key, and goes on at random. Such a key is the lead's for as long as it is among the lead's keys; whoever gets
 * it then has a row in `identities`, which comes first. Most visitors stay by themselves, and cost a row less.
 */
import { VISITOR_KEY } from "../core/identity";

/** Hexadecimal characters of the digest. Keys that share it find each other's leads and leave them alone. */
const START_CHARS = 16;

/** The id of the lead that a visitor's key begins; `random`: 32 hexadecimal characters. */
export async function impliedId(siteId: string, key: string, random: string): Promise<string> {
  return (await impliedStart(siteId, key)) + random.slice(START_CHARS);
}

/** Those of the keys that may imply a lead, each with how its id starts. */
export async function impliedStarts(siteId: string, keys: readonly string[]): Promise<[key: string, start: string][]> {
  const visitors = keys.filter((key) => key.startsWith(VISITOR_KEY));
  return await Promise.all(visitors.map(async (key) => [key, await impliedStart(siteId, key)] as [string, string]));
}

/** How the id of a lead starts. */
export const startOf = (id: string) => id.slice(0, -START_CHARS);

/** SQL: whether the id of lead `l` starts so; the primary key finds it. */
export const startsWith = (start: string) => `l.id >= ${start} AND l.id < ${start} || 'g'`;

/** SQL: whether a key is among those of lead `l`. */
export const hasKey = (key: string) => `EXISTS (SELECT 1 FROM json_each(l.keys) o WHERE o.value = ${key})`;

async function impliedStart(siteId: string, key: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${siteId} ${key}`));
  const bytes = [...new Uint8Array(digest, 0, START_CHARS / 2)];
  return `lead_${bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
