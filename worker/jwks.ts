/** Public keys of identity providers, fetched when first asked for and kept by `jose` as long as it sees fit. */
import { createRemoteJWKSet, type JWTVerifyGetKey } from "jose";

/** Most key sets held in an isolate. */
const KEY_SETS_MAX = 100;

const held = new Map<string, JWTVerifyGetKey>();

export function keySetAt(url: string): JWTVerifyGetKey {
  const keys = held.get(url) ?? createRemoteJWKSet(new URL(url));
  if (held.size >= KEY_SETS_MAX) held.clear();
  held.set(url, keys);
  return keys;
}
