/**
 * Claims that nobody but us can read, make up or change: JWE (RFC 7516) in its compact form, of the one kind that we use,
 * `dir` with `A128GCM`. The platform encrypts; what is here is the five parts and their order.
 */
import { base64url } from "jose";
import { utf8 } from "./core/utf8";

/** The algorithm of the keys taken here, as the platform names it. */
export const SEAL = { name: "AES-GCM", length: 128 };
const HEADER = { alg: "dir", enc: "A128GCM" };
/** RFC 7518 §5.3. */
const IV_BYTES = 12;
const TAG_BYTES = 16;

const NONE = new Uint8Array();

/** Seals claims; `kid`, which all can read, says whose key it is. */
export async function seal(key: CryptoKey, kid: string, claims: object): Promise<string> {
  const header = base64url.encode(JSON.stringify({ ...HEADER, kid }));
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const gcm = { name: SEAL.name, iv, additionalData: utf8.encode(header) };
  const bytes = new Uint8Array(await crypto.subtle.encrypt(gcm, key, utf8.encode(JSON.stringify(claims))));
  const parts = [iv, bytes.subarray(0, -TAG_BYTES), bytes.subarray(-TAG_BYTES)];
  return [header, "", ...parts.map((part) => base64url.encode(part))].join(".");
}

/** What was sealed with this very key; `null` where it was not, or not by us. */
export async function unseal<Claims extends object>(key: CryptoKey, token: string): Promise<Claims | null> {
  const [header = "", encryptedKey, ...parts] = token.split(".");
  if (encryptedKey !== "" || parts.length !== 3) return null;
  try {
    const { alg, enc } = JSON.parse(new TextDecoder().decode(base64url.decode(header)));
    if (alg !== HEADER.alg || enc !== HEADER.enc) return null;
    const [iv = NONE, text = NONE, tag = NONE] = parts.map((part) => base64url.decode(part));
    if (iv.length !== IV_BYTES || tag.length !== TAG_BYTES) return null;
    const gcm = { name: SEAL.name, iv, additionalData: utf8.encode(header) };
    const bytes = await crypto.subtle.decrypt(gcm, key, new Uint8Array([...text, ...tag]));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}
