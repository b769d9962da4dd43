/**
 * Secret keys: made, found by what a caller sends, taken away. A key is `kelvin_<id>_<secret>`: the id finds its row and
 * is no secret; of the secret only the SHA-256 is kept. It is 256 random bits, so nothing slower than that is needed.
 */
import { hex, utf8 } from "./core/utf8";
import { deleteKey, insertKey, type Key, markUsed, readKey, type Scope } from "./db/keys";
import type { Deps } from "./deps";

/** Longest that an isolate goes by what it read of a key, ms: how long one that was deleted elsewhere may still open. */
export const KEY_MAX_AGE_MS = 10_000;
/** Most keys that it holds, and as many ids that nobody has. */
const KEYS_MAX = 500;
/** How exactly the last use of a key is known, ms: each note of it is a row written. */
export const USE_NOTED_EVERY_MS = 60_000;
const SECRET_BYTES = 32;

/** Anything else is no key of ours, and nothing is read for it. */
const FORM = /^kelvin_(key_[0-9a-f]{32})_([0-9a-f]{64})$/;

/** Makes a key; its text is known only now. */
export async function createKey(
  deps: Deps,
  { name, scopes }: { name: string; scopes: Scope[] },
): Promise<{ key: Key; text: string }> {
  const id = `key_${deps.newId()}`;
  const secret = hex(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));
  const key = { id, name, scopes, hash: await hashOf(secret), createdAt: deps.clock(), lastUsedAt: null };
  await insertKey(deps.db, key);
  return { key, text: `kelvin_${id}_${secret}` };
}

/** Takes a key away, in this isolate at once; `false` where there is none. */
export async function removeKey(deps: Deps, id: string): Promise<boolean> {
  try {
    return await deleteKey(deps.db, id);
  } finally {
    // Also where it failed: what the database did may only not have been told.
    deps.keys.forget(id);
  }
}

interface Held {
  key: Key;
  until: number;
  /** The key's text, once somebody sent it. */
  proven: string | null;
}

/** Keys by id, held for a moment; ids that nobody has are remembered as such, so that a wrong key is looked up once. */
export class KeyStore {
  private readonly held = new Map<string, Held>();
  /** Apart from those that exist, which a flood of made-up ids shall not push out. By id: until when, ms. */
  private readonly unknown = new Map<string, number>();
  /** Counts the keys taken away in this isolate. */
  private changes = 0;

  constructor(
    private readonly clock: () => number,
    private readonly db: () => D1Database,
  ) {}

  /** The key whose text this is; `null`: it is nobody's. */
  async find(text: string): Promise<Key | null> {
    const [, id, secret] = FORM.exec(text) ?? [];
    if (id === undefined || secret === undefined) return null;
    const held = await this.lookUp(id);
    if (!held || !sameText(await hashOf(secret), held.key.hash)) return null;
    held.proven = text;
    return held.key;
  }

  /** Whether this text was found to be a key a moment ago: told at once, for whoever must not read D1 yet. */
  isKnown(text: string): boolean {
    const held = this.fresh(FORM.exec(text)?.[1] ?? "");
    return typeof held?.proven === "string" && sameText(text, held.proven);
  }

  /** Whether there is a key of this id. */
  async has(id: string): Promise<boolean> {
    return (await this.lookUp(id)) !== null;
  }

  /** Notes that a key was used, at most once a minute. */
  async noteUse(key: Key): Promise<void> {
    const now = this.clock();
    const since = now - USE_NOTED_EVERY_MS;
    if (key.lastUsedAt !== null && key.lastUsedAt > since) return;
    // Of the row as it is held: those who come while this is written need not write it too.
    key.lastUsedAt = now;
    await markUsed(this.db(), key.id, now, since);
  }

  /** Makes the next look at a key read again, after it was taken away. */
  forget(id: string): void {
    this.changes++;
    this.held.delete(id);
  }

  private fresh(id: string): Held | null {
    const held = this.held.get(id);
    return held && held.until > this.clock() ? held : null;
  }

  private async lookUp(id: string): Promise<Held | null> {
    const held = this.fresh(id);
    if (held || (this.unknown.get(id) ?? 0) > this.clock()) return held;
    const { changes } = this;
    const key = await readKey(this.db(), id);
    const until = this.clock() + KEY_MAX_AGE_MS;
    const found = key && { key, until, proven: null };
    // Read before a key was taken away: good for this call, not to be kept.
    if (changes !== this.changes) return found;
    if (found) keep(this.held, id, found);
    else keep(this.unknown, id, until);
    return found;
  }
}

function keep<T>(map: Map<string, T>, id: string, value: T): void {
  if (map.size >= KEYS_MAX) map.clear();
  map.set(id, value);
}

/** Whether two texts are the same, in a time that does not tell where they differ; their length is no secret. */
export function sameText(a: string, b: string): boolean {
  const [left, right] = [utf8.encode(a), utf8.encode(b)];
  return left.byteLength === right.byteLength && crypto.subtle.timingSafeEqual(left, right);
}

async function hashOf(secret: string): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8.encode(secret))));
}
