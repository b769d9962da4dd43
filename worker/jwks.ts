/** Public keys of identity providers (JSON Web Key Sets, RFC 7517), fetched when needed and held in the isolate. */
import { createRemoteJWKSet, customFetch, errors, type FetchImplementation, type JWTVerifyGetKey } from "jose";

/** Finds the key that a token names; throws `KeySetUnavailable` where the set cannot be had. */
export type KeySet = JWTVerifyGetKey;

/** What a set may verify: signatures by a private key. With an HMAC, a public key would be a secret that all know. */
export const ASYMMETRIC_ALGORITHMS = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];

/** Most sets that an isolate holds; a set is some kilobytes. */
const KEY_SETS_MAX = 100;
/** Longest that fetching one may take, ms: a caller waits for it. */
const FETCH_TIMEOUT_MS = 5_000;
/** How long a set is used before it is fetched again, ms: how late a key that was withdrawn may be noticed. */
const KEY_SET_MAX_AGE_MS = 600_000;
/** Shortest time between two fetches because a token names a key that the set has not, ms: anybody can name one. */
const UNKNOWN_KEY_PAUSE_MS = 30_000;
/** How long a set is not asked for again after it could not be had, ms: anybody can make us ask. */
export const FAILED_PAUSE_MS = 5_000;

/** A key set cannot be fetched, or is none. That says nothing of the token. */
export class KeySetUnavailable extends Error {}

const held = new Map<string, KeySet>();

/** The key set at an address. */
export function keySetAt(url: string): KeySet {
  const known = held.get(url);
  if (known) return known;
  if (held.size >= KEY_SETS_MAX) held.clear();
  const made = remoteKeySet(url);
  held.set(url, made);
  return made;
}

function remoteKeySet(url: string): KeySet {
  if (!URL.canParse(url)) {
    return async () => {
      throw new KeySetUnavailable(`"${url}" is no address of a key set`);
    };
  }
  const remote = createRemoteJWKSet(new URL(url), {
    timeoutDuration: FETCH_TIMEOUT_MS,
    cacheMaxAge: KEY_SET_MAX_AGE_MS,
    cooldownDuration: UNKNOWN_KEY_PAUSE_MS,
    [customFetch]: pausingFetch(),
  });
  return async (header, token) => {
    try {
      return await remote(header, token);
    } catch (error) {
      if (isOfToken(error)) throw error;
      throw new KeySetUnavailable(`the key set at ${url} cannot be had: ${error}`, { cause: error });
    }
  };
}

/** Whether looking for a key failed because of what the token names, and not because of the set. */
function isOfToken(error: unknown): boolean {
  return [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported].some(
    (kind) => error instanceof kind,
  );
}

/** A `fetch` that rests after a failure. Keys that were had before go on being used meanwhile. */
function pausingFetch(): FetchImplementation {
  let pausedUntil = 0;
  return async (url, init) => {
    if (Date.now() < pausedUntil) throw new Error("it could not be had a moment ago");
    let answer: Response | undefined;
    try {
      answer = await fetch(url, init);
      return answer;
    } finally {
      if (!answer?.ok) pausedUntil = Date.now() + FAILED_PAUSE_MS;
    }
  };
}
