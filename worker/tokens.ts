/**
 * Identity tokens: what a site's own server says of the visitor, signed, so that the browser can pass it on but not make
 * it up. A message whose token does not hold is a claim like one without; its sender is told why.
 *
 * - Forging: HS256 under the site's identity secret, or the public keys of its identity provider. The algorithm is the
 *   verifier's to choose: `none` is not among them, and a public key never serves as an HMAC secret.
 * - Replay: `exp` is required and lies at most 24 hours after issue.
 * - Borrowing: another site's token is signed with another secret; where a provider serves several, `jwksAudience`
 *   tells its tokens apart. A token for one's own userId proves nobody else's address (core/identity.ts).
 */
import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from "jose";
import type { Rejection } from "../snippet/wire";
import { isEmail, type Proof, proven } from "./core/identity";
import { isId, type Received } from "./core/message";
import { utf8 } from "./core/utf8";
import type { Site } from "./db/sites";
import type { Deps } from "./deps";
import { ASYMMETRIC_ALGORITHMS, KeySetUnavailable } from "./jwks";

/** Longest life of a token, seconds. */
export const TOKEN_MAX_AGE_S = 86_400;
/** How far the clocks of signer and Worker may differ, seconds. */
export const TOKEN_TOLERANCE_S = 60;

interface Flaw {
  code: "token_expired" | "token_invalid" | "token_mismatch" | "token_unchecked";
  detail: string;
}

/** Events with what their tokens prove, and notes for the sender on tokens that prove nothing. */
export async function prove(
  deps: Deps,
  site: Site,
  received: readonly Received[],
): Promise<{ events: Received[]; notes: Rejection[] }> {
  const notes: Rejection[] = [];
  const seen = new Map<string, Promise<Proof | Flaw>>();
  const events = received.map(async (one) => {
    const { event, token, index } = one;
    if (token === undefined) return one;
    const proof = await (seen.get(token) ?? proofOf(deps, site, token));
    seen.set(token, Promise.resolve(proof));
    const proved = "code" in proof ? proof : (proven(event, proof) ?? MISMATCH);
    if (!("code" in proved)) return { ...one, event: proved };
    notes.push({ messageId: event.messageId, index, ...proved });
    return one;
  });
  return { events: await Promise.all(events), notes };
}

const MISMATCH: Flaw = {
  code: "token_mismatch",
  detail: "The message names another userId or address than its token: it stays a claim.",
};

async function proofOf(deps: Deps, site: Site, token: string): Promise<Proof | Flaw> {
  try {
    return stated(await verified(deps, site, token), deps.clock() / 1000);
  } catch (error) {
    return flaw(error);
  }
}

/** What a token holds; throws an error of jose's where it is not rightly signed, or over. */
async function verified(deps: Deps, site: Site, token: string): Promise<JWTPayload> {
  const now = deps.clock();
  const rules = {
    clockTolerance: TOKEN_TOLERANCE_S,
    currentDate: new Date(now),
    requiredClaims: ["exp"],
  };
  if (site.jwksUrl !== null && ASYMMETRIC_ALGORITHMS.includes(algorithmOf(token))) {
    const audience = site.jwksAudience === null ? {} : { audience: site.jwksAudience };
    const keys = deps.keySetAt(site.jwksUrl);
    return (await jwtVerify(token, keys, { ...rules, ...audience, algorithms: ASYMMETRIC_ALGORITHMS })).payload;
  }
  const holds = async (secret: string) =>
    (await jwtVerify(token, utf8.encode(secret), { ...rules, algorithms: ["HS256"] })).payload;
  const { identityPrevious: previous, identityPreviousUntil: until } = site;
  return await holds(site.identitySecret).catch(async (error) => {
    if (previous === null || until === null || until <= now) throw error;
    if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
    return await holds(previous);
  });
}

function algorithmOf(token: string): string {
  try {
    return decodeProtectedHeader(token).alg ?? "";
  } catch {
    return "";
  }
}

function stated({ sub, email, exp = 0, iat }: JWTPayload, nowS: number): Proof | Flaw {
  const invalid = (detail: string): Flaw => ({ code: "token_invalid", detail: `${detail} The message is a claim.` });
  if (iat !== undefined && iat > nowS + TOKEN_TOLERANCE_S) return invalid("The token was issued in the future (iat).");
  if (exp - (iat ?? nowS) > TOKEN_MAX_AGE_S + TOKEN_TOLERANCE_S)
    return invalid("A token lives at most 24 hours (exp).");
  if (sub === undefined && email === undefined) return invalid('The token names nobody: it needs "sub" or "email".');
  if (sub !== undefined && (typeof sub !== "string" || !isId(sub)))
    return invalid("sub must have 1 to 256 characters.");
  if (email !== undefined && !isEmail(email)) return invalid("email must be an e-mail address.");
  return { ...(sub === undefined ? {} : { userId: sub }), ...(email === undefined ? {} : { email }) };
}

function flaw(error: unknown): Flaw {
  if (error instanceof errors.JWTExpired) {
    return { code: "token_expired", detail: "The token has expired: the message is a claim." };
  }
  if (error instanceof errors.JOSEError) {
    return { code: "token_invalid", detail: `The token does not hold (${error.message}): the message is a claim.` };
  }
  if (!(error instanceof KeySetUnavailable)) throw error;
  const detail = "The keys of the identity provider could not be read: the message is a claim.";
  return { code: "token_unchecked", detail };
}
