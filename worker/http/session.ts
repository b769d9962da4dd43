/**
 * Sessions of people who signed in with a secret key: a signed cookie and nothing on the server.
 *
 * What keeps other sites from acting through a signed-in browser:
 * - The cookie is SameSite=Lax and not Strict, so that a link to a lead in a chat or a mail opens signed in. Lax still
 *   goes along with top-level GETs from anywhere, therefore no GET changes anything, and the cookie opens the REST API
 *   for reading only.
 * - Lax is about sites, not origins: another host under the same domain counts as the same site. Therefore every POST
 *   must also come from a page of this very origin (what the browser itself says in Sec-Fetch-Site and Origin), and
 *   carry the token that is in the session and in our own forms, which no other page can read.
 */
import type { Context } from "hono";
import { deleteCookie, setCookie } from "hono/cookie";
import { parse } from "hono/utils/cookie";
import { jwtVerify, SignJWT } from "jose";
import { Failure } from "../failure";
import type { Scope } from "./access";

export const SESSION_COOKIE = "kelvin_session";
export const SESSION_MAX_AGE_S = 12 * 3_600;

/** Keeps these tokens apart from whatever else may once be signed under a key of the same origin. */
const AUDIENCE = "kelvin-dashboard";
/** HKDF's label: the signing key is of no use for anything else, and does not tell the admin key. */
const KEY_LABEL = "kelvin dashboard session v1";

export interface Session {
  scopes: Scope[];
  /** Stands in every form of ours. */
  formToken: string;
}

/** The key is derived anew only where the secret is another one: deriving costs more than verifying. */
let derived: { secret: string; key: CryptoKey } | null = null;

async function signingKey(secret: string): Promise<CryptoKey> {
  if (derived?.secret !== secret) derived = { secret, key: await deriveKey(secret) };
  return derived.key;
}

async function deriveKey(secret: string): Promise<CryptoKey> {
  // Anybody could sign under a key derived from nothing.
  if (!secret) throw new Failure("unauthorized", "Nobody can sign in: the secret KELVIN_ADMIN_KEY is not set.");
  const bytes = (text: string) => new TextEncoder().encode(text);
  const material = await crypto.subtle.importKey("raw", bytes(secret), "HKDF", false, ["deriveKey"]);
  return await crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: bytes(KEY_LABEL) },
    material,
    { name: "HMAC", hash: "SHA-256", length: 256 },
    false,
    ["sign", "verify"],
  );
}

/** Begins a session: sets its cookie. `now` in ms. */
export async function openSession(c: Context, secret: string, scopes: Scope[], now: number): Promise<void> {
  const issuedAt = Math.floor(now / 1000);
  const token = await new SignJWT({ scopes, form: crypto.randomUUID().replaceAll("-", "") })
    .setProtectedHeader({ alg: "HS256" })
    .setAudience(AUDIENCE)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + SESSION_MAX_AGE_S)
    .sign(await signingKey(secret));
  setCookie(c, SESSION_COOKIE, token, { ...cookieScope(c), maxAge: SESSION_MAX_AGE_S });
}

export function closeSession(c: Context): void {
  deleteCookie(c, SESSION_COOKIE, cookieScope(c));
}

function cookieScope(c: Context) {
  const secure = new URL(c.req.url).protocol === "https:";
  // On "/", for the REST API takes it as well.
  return { path: "/", httpOnly: true, sameSite: "Lax", secure } as const;
}

/** The session that a request's cookie holds; `null` where it is missing, forged, or over. `now` in ms. */
export async function readSession(request: Request, secret: string, now = Date.now()): Promise<Session | null> {
  const token = parse(request.headers.get("Cookie") ?? "", SESSION_COOKIE)[SESSION_COOKIE];
  if (!token || !secret) return null;
  try {
    const { payload } = await jwtVerify(token, await signingKey(secret), {
      algorithms: ["HS256"],
      audience: AUDIENCE,
      requiredClaims: ["exp"],
      currentDate: new Date(now),
    });
    const { scopes, form } = payload;
    return Array.isArray(scopes) && typeof form === "string" ? { scopes, formToken: form } : null;
  } catch {
    return null;
  }
}

/** Whether a call of the REST API may go ahead on the caller's session alone: reading calls of its scope. */
export async function sessionOpens(request: Request, secret: string, scope: Scope, now = Date.now()): Promise<boolean> {
  if (request.method !== "GET" && request.method !== "HEAD") return false;
  return (await readSession(request, secret, now))?.scopes.includes(scope) ?? false;
}

/** Refuses forms that were not sent from a page of ours. */
export function requireOwnPage(request: Request): void {
  const site = request.headers.get("Sec-Fetch-Site");
  const origin = request.headers.get("Origin");
  // All browsers send Origin with a POST; those that also send Sec-Fetch-Site must say the same there.
  if (origin === new URL(request.url).origin && (site === null || site === "same-origin")) return;
  throw new Failure(
    "forbidden",
    "This form was sent from another site, or through a proxy that changes the host name.",
  );
}

/** Refuses forms without the session's own token. */
export function requireFormToken(session: Session, stated: unknown): void {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const [sent, wanted] = [bytes(typeof stated === "string" ? stated : ""), bytes(session.formToken)];
  // It compares in a time that does not tell where they differ, and wants them of equal length.
  if (sent.byteLength === wanted.byteLength && crypto.subtle.timingSafeEqual(sent, wanted)) return;
  throw new Failure("forbidden", "The form is from another session. Go back, reload the page, and send it again.");
}
