/** Keys for one purpose each, derived from a secret: none of them tells the secret or serves another purpose (HKDF). */
import { utf8 } from "./core/utf8";

/** Most keys held in an isolate: deriving one costs more than using it. */
const KEYS_MAX = 500;

const held = new Map<string, CryptoKey>();

type Algorithm = { name: string; hash?: string; length: number };

/** The key of a secret for the purpose that `label` names. */
export async function derivedKey(
  secret: string,
  label: string,
  algorithm: Algorithm,
  usages: string[],
): Promise<CryptoKey> {
  const name = `${label} ${secret}`;
  const known = held.get(name);
  if (known) return known;
  const key = await derive(secret, label, algorithm, usages);
  if (held.size >= KEYS_MAX) held.clear();
  held.set(name, key);
  return key;
}

async function derive(secret: string, label: string, algorithm: Algorithm, usages: string[]): Promise<CryptoKey> {
  const material = await crypto.subtle.importKey("raw", utf8.encode(secret), "HKDF", false, ["deriveKey"]);
  const hkdf = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: utf8.encode(label) };
  return await crypto.subtle.deriveKey(hkdf, material, algorithm, false, usages);
}
