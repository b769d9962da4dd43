/** How a beacon of a soak is sent, to whichever isolate, and its answer noted. */
import type { BenchSite } from "../measure/site.ts";
import type { Random } from "../random.ts";
import type { Ledger, Outgoing } from "./ledger.ts";
import type { SendTo } from "./people.ts";

/** The header that chooses one of the two isolates. */
export const isolateOf = (random: Random) => ({ "x-isolate": random.pick(["a", "b"]) });

/** Sends a beacon; returns the status of its answer, 0 where there was none. */
export async function post(
  site: BenchSite,
  sendTo: SendTo,
  ledger: Ledger,
  random: Random,
  one: Outgoing,
): Promise<number> {
  const { beacon, isTrusted } = one;
  ledger.began(beacon);
  const sent = isTrusted ? site.imported(beacon.messages) : site.beacon(beacon.messages);
  const reply = await sendTo({ ...sent, headers: { ...sent.headers, ...isolateOf(random) } }).catch(() => null);
  const rejected = reply?.status === 200 || reply?.status === 202 ? rejectedIn(reply.body) : [];
  ledger.answered(one, reply?.status ?? 0, rejected);
  return reply?.status ?? 0;
}

/** Ids of messages that do not count; one whose token does not hold counts as a claim. */
function rejectedIn(body: string): string[] {
  const { rejected } = JSON.parse(body) as { rejected: { messageId: string; code: string }[] };
  return rejected.filter(({ code }) => !code.startsWith("token_")).map(({ messageId }) => messageId);
}
