/** Tokens of the organisation's own identity provider, taken in place of a secret key or of signing in with one. */
import { errors, type JWTPayload, jwtVerify } from "jose";
import { SCOPES, type Scope } from "./db/keys";
import type { Deps } from "./deps";
import type { Env } from "./env";
import { Failure } from "./failure";
import { ASYMMETRIC_ALGORITHMS, FAILED_PAUSE_MS, KeySetUnavailable } from "./jwks";

export interface Provider {
  jwksUrl: string;
  /** `aud` of the tokens that are meant for Kelvin. */
  audience: string;
}

/** How far the provider's clock and ours may be apart, seconds. */
export const CLOCK_TOLERANCE_S = 60;

/** The provider that is set up; both variables are needed, for its keys also sign tokens meant for others. */
export function providerOf(env: Pick<Env, "ACCESS_JWKS_URL" | "ACCESS_AUDIENCE">): Provider | null {
  const { ACCESS_JWKS_URL: jwksUrl, ACCESS_AUDIENCE: audience } = env;
  return jwksUrl && audience ? { jwksUrl, audience } : null;
}

/** Whether a bearer is a token and no secret key: two dots, and JSON in base64url at its beginning. */
export function isToken(bearer: string): boolean {
  return bearer.startsWith("eyJ") && bearer.split(".").length === 3;
}

/** Whose token it is, and what it opens. */
export interface TokenHolder {
  scopes: readonly Scope[];
  /** The same for all tokens of one person; a token without `sub` is its own. */
  subject: string;
}

/** Reads a token. Throws `unauthorized` for one that is not valid, `busy` where that cannot be told now. */
export async function tokenHolder(deps: Deps, provider: Provider | null, token: string): Promise<TokenHolder> {
  if (!provider) throw new Failure("unauthorized", "No identity provider is set up here: send a secret key.");
  try {
    const { payload } = await jwtVerify(token, deps.keySetAt(provider.jwksUrl), {
      algorithms: ASYMMETRIC_ALGORITHMS,
      audience: provider.audience,
      requiredClaims: ["exp"],
      clockTolerance: CLOCK_TOLERANCE_S,
      currentDate: new Date(deps.clock()),
    });
    return { scopes: scopesIn(payload), subject: payload.sub || token };
  } catch (error) {
    if (error instanceof KeySetUnavailable) {
      console.error(JSON.stringify({ level: "error", work: "identity provider", error: error.message }));
      const detail = "The keys of the identity provider cannot be fetched at the moment. Try again.";
      throw new Failure("busy", detail, undefined, FAILED_PAUSE_MS / 1_000);
    }
    // The library's words name the claim, and hold nothing of the keys.
    const why = error instanceof errors.JOSEError ? `: ${error.message}` : "";
    throw new Failure("unauthorized", `The token of the identity provider is not accepted${why}.`);
  }
}

/** Scopes of ours that a token names; all of them where it names none: its audience is Kelvin, whom else is it for? */
function scopesIn({ scope, scopes }: JWTPayload): readonly Scope[] {
  const named: unknown[] = [
    ...(typeof scope === "string" ? scope.split(" ") : []),
    ...(Array.isArray(scopes) ? scopes : []),
  ];
  const ours = SCOPES.filter((one) => named.includes(one));
  return ours.length > 0 ? ours : SCOPES;
}
