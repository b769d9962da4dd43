/**
 * Sessions of people who signed in with a secret key: a signed cookie and nothing on the server. A session ends with its
 * key: when that is deleted, or, signed in with the admin key, when that is another one. Where Cloudflare Access stands
 * in front, people are signed in by the token that it sends along with every request; it is looked at every time, so such
 * a session ends with the token.
 *
 * What keeps other sites from acting through a signed-in browser:
 * - The cookie is SameSite=Lax and not Strict, so that a link to a lead in a chat or a mail opens signed in. Lax still
 *   goes along with top-level GETs from anywhere, therefore no GET changes anything, and the cookie opens the REST API
 *   for reading only.
 * - Lax is about sites, not origins: another host under the same domain counts as the same site. And Access' own cookie
 *   may go along from everywhere. Therefore every POST must also come from a page of this very origin (what the browser
 *   itself says in Sec-Fetch-Site and Origin), and carry the token that is in the session and in our own forms, which no
 *   other page can read; and the REST API is not read for a page of another origin.
 */
import type { Context } from "hono";
import { deleteCookie, setCookie } from "hono/cookie";
import { parse } from "hono/utils/cookie";
import { type JWTPayload, jwtVerify, SignJWT } from "jose";
import { hex, utf8 } from "../core/utf8";
import type { Scope } from "../db/keys";
import { derivedKey } from "../derive";
import { Failure } from "../failure";
import { sameText } from "../keys";
import { tokenHolder } from "../provider";
import type { Caller } from "./caller";
import type { Api } from "./context";

export const SESSION_COOKIE = "kelvin_session";
export const SESSION_MAX_AGE_S = 12 * 3_600;

/** Keeps these tokens apart from whatever else may once be signed under a key of the same origin. */
const AUDIENCE = "kelvin-dashboard";
/**
 * What keys are derived for: one signs sessions, the other makes the form tokens of people of the identity provider. Were
 * they the same, a `sub` that reads like a session's token would get it signed.
 */
const KEY_LABEL = "kelvin dashboard session v1";
const FORM_KEY_LABEL = "kelvin dashboard form v1";

/** Where Cloudflare Access puts its token: in a header of what it lets through, and in a cookie of the browser's. */
const ACCESS_HEADER = "Cf-Access-Jwt-Assertion";
const ACCESS_COOKIE = "CF_Authorization";
/** Where Access signs people out, on every host that it stands in front of. */
export const ACCESS_SIGN_OUT = "/cdn-cgi/access/logout";

export interface Session {
  scopes: readonly Scope[];
  /** Stands in every form of ours. */
  formToken: string;
}

async function signingKey(secret: string, label = KEY_LABEL): Promise<CryptoKey> {
  // Anybody could sign under a key derived from nothing.
  if (!secret) throw new Failure("unauthorized", "Nobody can sign in: the secret KELVIN_ADMIN_KEY is not set.");
  return await derivedKey(secret, label, { name: "HMAC", hash: "SHA-256", length: 256 }, ["sign", "verify"]);
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

/**
 * The session of a request: that of our own cookie, else that of Access' token; `null` where neither holds. Throws `busy`
 * where that cannot be told now.
 */
export async function readSession(api: Api, request: Request): Promise<Session | null> {
  const own = await cookieSession(api, request);
  if (own) return own;
  return await accessSession(api, request).catch((error: unknown) => {
    if (error instanceof Failure && error.code === "unauthorized") return null;
    throw error;
  });
}

/** The session of somebody whom Access let in; `null` where it sent nobody. Throws what is wrong with its token. */
export async function accessSession({ deps, adminKey, provider }: Api, request: Request): Promise<Session | null> {
  const cookies = parse(request.headers.get("Cookie") ?? "", ACCESS_COOKIE);
  const token = request.headers.get(ACCESS_HEADER) ?? cookies[ACCESS_COOKIE];
  if (!token || !provider) return null;
  const { scopes, subject } = await tokenHolder(deps, provider, token);
  const key = await signingKey(adminKey, FORM_KEY_LABEL);
  // Of the person and not of the token: that one is renewed while a form is being filled in.
  const signed = await crypto.subtle.sign("HMAC", key, utf8.encode(subject));
  return { scopes, formToken: hex(new Uint8Array(signed)) };
}

/** The session that our own cookie holds; `null` where it is missing, forged, or over. */
async function cookieSession({ deps, adminKey }: Api, request: Request): Promise<Session | null> {
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

/**
 * What a call of the REST API may do on the caller's session alone: calls that read, from a page of ours or from nowhere.
 * `null`: nothing.
 */
export async function sessionScopes(api: Api, request: Request): Promise<readonly Scope[] | null> {
  if (request.method !== "GET" && request.method !== "HEAD") return null;
  if (!["same-origin", "none", null].includes(request.headers.get("Sec-Fetch-Site"))) return null;
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
