/** Identity tokens of a soak: most hold, some are forged, over, or speak of somebody else. */
import { SignJWT } from "jose";
import type { BenchSite } from "../measure/site.ts";
import type { Random } from "../random.ts";
import type { Message, Sessions } from "../sessions.ts";

const KINDS = { good: 6, forged: 1, over: 1, another: 1 };

/** A message with which a visitor says who it is, and whether its token proves that. */
export async function identified(
  site: BenchSite,
  sessions: Sessions,
  visitor: string,
  userId: string,
  random: Random,
): Promise<{ message: Message; isProved: boolean }> {
  const kind = random.weighted(KINDS);
  const email = random.isLucky(0.5) ? { email: `${userId}@proved.example` } : {};
  const nowS = Math.floor(Date.now() / 1_000);
  const token = await new SignJWT(email)
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(kind === "another" ? `${userId}-not` : userId)
    .setIssuedAt(nowS - 10)
    .setExpirationTime(kind === "over" ? nowS - 300 : nowS + 3_600)
    .sign(new TextEncoder().encode(kind === "forged" ? `${site.identitySecret}x` : site.identitySecret));
  const message = sessions.message(visitor, { type: "identify", userId, context: { token } });
  return { message, isProved: kind === "good" };
}
