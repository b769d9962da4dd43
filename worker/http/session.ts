/**
 * Sessions of people who signed in with a secret key: a signed cookie and nothing on the server. A session ends with its
 * key: when that is deleted, or, signed in with the admin key, when that is another one.
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
import { type JWTPayload, jwtVerify, SignJWT } from "jose";
import type { Scope } from "../db/keys";
import { derivedKey } from "../derive";
import { Failure } from "../failure";
import { sameText } from "../keys";
import type { Caller } from "./caller";
import type { Api } from "./context";

export const SESSION_COOKIE = "kelvin_session";
export const SESSION_MAX_AGE_S = 12 * 3_600;

/** Keeps these tokens apart from whatever else may once be signed under a key of the same origin. */
const AUDIENCE = "kelvin-dashboard";
/** What its key is derived for. */
const KEY_LABEL = "kelvin dashboard session v1";

export interface Session {
  scopes: readonly Scope[];
  /** Stands in every form of ours. */
  formToken: string;
}

async function signingKey(secret: string): Promise<CryptoKey> {
  // Anybody could sign under a key derived from nothing.
  if (!secret) throw new Failure("unauthorized", "Nobody can sign in: the secret KELVIN_ADMIN_KEY is not set.");
  return await derivedKey(secret, KEY_LABEL, { name: "HMAC", hash: "SHA-256", length: 256 }, ["sign", "verify"]);
}

/** Begins the session of a key's holder: sets its cookie. */
export async function openSession({ deps, adminKey }: Api, c: Context, { scopes, key }: Caller): Promise<void> {
  const issuedAt = Math.floor(deps.clock() / 1000);
  const token = await new SignJWT({ scopes, key: key?.id ?? null, form: crypto.randomUUID().replaceAll("-", "") })
    .setProtectedHeader({ alg: "HS256" })
    .setAudience(AUDIENCE)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + SESSION_MAX_AGE_S)
    .sign(await signingKey(adminKey));
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

/** The session that a request's cookie holds; `null` where it is missing, forged, or over. */
export async function readSession({ deps, adminKey }: Api, request: Request): Promise<Session | null> {
  const token = parse(request.headers.get("Cookie") ?? "", SESSION_COOKIE)[SESSION_COOKIE];
  if (!token || !adminKey) return null;
  const signed = await verified(token, await signingKey(adminKey), deps.clock());
  if (!signed) return null;
  const { scopes, form, key } = signed;
  if (!Array.isArray(scopes) || typeof form !== "string") return null;
  const lives = key === null || (typeof key === "string" && (await deps.keys.has(key)));
  return lives ? { scopes, formToken: form } : null;
}

/** What a token of ours says; `null` where it is not ours, or over. `now` in ms. */
async function verified(token: string, key: CryptoKey, now: number): Promise<JWTPayload | null> {
  try {
    const options = { algorithms: ["HS256"], audience: AUDIENCE, requiredClaims: ["exp"], currentDate: new Date(now) };
    return (await jwtVerify(token, key, options)).payload;
  } catch {
    return null;
  }
}

/** What a call of the REST API may do on the caller's session alone: calls that read. `null`: nothing. */
export async function sessionScopes(api: Api, request: Request): Promise<readonly Scope[] | null> {
  if (request.method !== "GET" && request.method !== "HEAD") return null;
  return (await readSession(api, request))?.scopes ?? null;
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
  if (typeof stated === "string" && sameText(stated, session.formToken)) return;
  throw new Failure("forbidden", "The form is from another session. Go back, reload the page, and send it again.");
}
