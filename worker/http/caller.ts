/** Who calls: what comes in the Authorization header, and whose it is. */
import type { Context } from "hono";
import { type Key, SCOPES, type Scope } from "../db/keys";
import { Failure } from "../failure";
import { sameText } from "../keys";
import { isToken, tokenHolder } from "../provider";
import type { Api } from "./context";
import { later } from "./later";

export interface Caller {
  scopes: readonly Scope[];
  /** The secret key; `null`: the admin key, or a token of the identity provider. */
  key: Key | null;
}

/** Credentials of the Authorization header. */
export function authorization(request: Request): { bearer?: string; basicUser?: string } {
  const [scheme, value] = (request.headers.get("Authorization") ?? "").split(" ", 2);
  if (value === undefined) return {};
  if (scheme?.toLowerCase() === "bearer") return { bearer: value };
  if (scheme?.toLowerCase() !== "basic") return {};
  try {
    return { basicUser: atob(value).split(":", 1)[0] ?? "" };
  } catch {
    return {};
  }
}

/** The holder of a secret key, or of the admin key; `null`: it is nobody's. The use is noted. */
export async function keyHolder({ deps, adminKey }: Api, c: Context, text: string): Promise<Caller | null> {
  if (isAdminKey(adminKey, text)) return { scopes: SCOPES, key: null };
  const key = await deps.keys.find(text);
  if (!key) return null;
  later(c, deps.keys.noteUse(key));
  return { scopes: key.scopes, key };
}

/** Whose bearer it is. Throws `unauthorized` for one that is nobody's. */
export async function bearerHolder(api: Api, c: Context, bearer: string): Promise<Caller> {
  if (isToken(bearer) && !isAdminKey(api.adminKey, bearer))
    return { scopes: (await tokenHolder(api.deps, api.provider, bearer)).scopes, key: null };
  const holder = await keyHolder(api, c, bearer);
  if (!holder) throw new Failure("unauthorized", "The secret key is not known.");
  return holder;
}

/**
 * Whether a call comes with a secret key that this isolate has just found right. Told without a read of D1 or a wait,
 * so a `false` may also be a key that is right.
 */
export function hasKnownKey({ deps, adminKey }: Api, request: Request): boolean {
  const { bearer } = authorization(request);
  return bearer !== undefined && (isAdminKey(adminKey, bearer) || deps.keys.isKnown(bearer));
}

/** No secret set means that nobody has it. */
function isAdminKey(adminKey: string, text: string): boolean {
  return Boolean(adminKey) && sameText(text, adminKey);
}
