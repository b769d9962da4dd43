/** Addresses that are turned away: kept as hashes under the site's secret, so that the table tells nobody who they are. */
import { base64url } from "jose";
import { utf8 } from "../core/utf8";

const HMAC = { name: "HMAC", hash: "SHA-256" };

/** What is kept of addresses, by address. `secret` is the site's. */
export async function addressHashes(secret: string, addresses: readonly string[]): Promise<Map<string, string>> {
  if (addresses.length === 0) return new Map();
  const key = await crypto.subtle.importKey("raw", utf8.encode(secret), HMAC, false, ["sign"]);
  const hashed = addresses.map(async (address): Promise<[string, string]> => {
    const hash = await crypto.subtle.sign("HMAC", key, utf8.encode(address));
    return [address, base64url.encode(new Uint8Array(hash))];
  });
  return new Map(await Promise.all(hashed));
}

/** Asks which of some hashes are suppressed: rows of `hash`. */
export function suppressedQuery(db: D1Database, siteId: string, hashes: readonly string[]): D1PreparedStatement {
  return db
    .prepare("SELECT hash FROM suppressions WHERE site_id = ?1 AND hash IN (SELECT value FROM json_each(?2))")
    .bind(siteId, JSON.stringify(hashes));
}

/** Refuses its batch, as a conflict, where one of some hashes is suppressed; writes nothing. */
export function unlessSuppressed(db: D1Database, siteId: string, hashes: readonly string[]): D1PreparedStatement {
  return db
    .prepare(
      `INSERT INTO identities (site_id, key, lead_id) SELECT ?1, '', NULL WHERE EXISTS
       (SELECT 1 FROM suppressions WHERE site_id = ?1 AND hash IN (SELECT value FROM json_each(?2)))`,
    )
    .bind(siteId, JSON.stringify(hashes));
}
