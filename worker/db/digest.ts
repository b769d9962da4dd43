/** Message ids as they are kept: clients make them up, so they may hold a name. */
import { base64url } from "jose";
import { utf8 } from "../core/utf8";

/** Bytes of a digest: two ids of a site meet by chance after some 10^19 messages. */
const DIGEST_BYTES = 16;

/** What stands in the table `messages` for an id: 22 characters. */
async function messageDigest(id: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", utf8.encode(id));
  return base64url.encode(new Uint8Array(digest, 0, DIGEST_BYTES));
}

export async function messageDigests(ids: readonly string[]): Promise<string[]> {
  return await Promise.all(ids.map(messageDigest));
}
