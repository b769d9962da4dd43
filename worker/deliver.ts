/**
 * Delivery: calls webhooks with what waits in the outbox, as Standard Webhooks have it. Tried at once by whoever wrote
 * it, after the answer, and by the scheduled run; what fails is tried again after growing pauses, then given up.
 */

import { testBody } from "./core/announce";
import { DAY_MS } from "./core/duration";
import { refusedTarget } from "./core/target";
import { utf8 } from "./core/utf8";
import { type Claimed, claimDue, deleteDeliveriesBefore, nextDue, type Outcome, recordOutcomes } from "./db/outbox";
import type { Webhook } from "./db/webhooks";
import type { Deps } from "./deps";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** After how long a delivery that failed is tried again, ms, by how often it failed; then it is given up. */
export const RETRY_AFTER_MS = [
  5 * SECOND_MS,
  30 * SECOND_MS,
  2 * MINUTE_MS,
  10 * MINUTE_MS,
  HOUR_MS,
  6 * HOUR_MS,
  24 * HOUR_MS,
] as const;
/** Longest that a call may take, its answer included, ms. */
const TIMEOUT_MS = 10 * SECOND_MS;
/** Calls at a time: a Worker has six connections. */
const AT_ONCE = 6;
/** Deliveries claimed at once, and of one webhook: one that hangs leaves half of them to the others. */
const CLAIM_MAX = 2 * AT_ONCE;
const CLAIM_EACH = AT_ONCE;
/** Shortest pause, ms: what is due but stands behind a call that another makes is not asked for all the time. */
const PAUSE_MIN_MS = SECOND_MS;
/** How long a claim lasts, ms: two rounds of calls that all time out, with time to spare for noting it. */
export const LEASE_MS = MINUTE_MS;
/** How much is kept of an answer's body, characters and bytes: enough to see what a receiver has to say. */
const ANSWER_MAX = 1_000;
/** How long deliveries are kept, ms. */
const KEPT_MS = 30 * DAY_MS;

export const GONE = 410;
const VERDICTS = {
  goneReason: "Its receiver answered 410 Gone.",
  rules: [
    { givenUp: 20, forMs: 0, reason: "20 deliveries in a row were given up." },
    {
      givenUp: 5,
      forMs: 5 * DAY_MS,
      reason: "Nothing was delivered for 5 days, and 5 deliveries or more were given up.",
    },
  ],
};

/** How long one who delivers goes on, ms. */
export interface Patience {
  /** No more is claimed after that. */
  forMs: number;
  /** What becomes due within that is waited for. */
  waitMs: number;
}

/** After an answer a Worker may go on for 30 s: a call, the first pause, and a call. */
export const AFTER_ANSWER: Patience = { forMs: 15 * SECOND_MS, waitMs: 6 * SECOND_MS };
/** The next scheduled run comes in a minute. */
export const IN_RUN: Patience = { forMs: 45 * SECOND_MS, waitMs: 45 * SECOND_MS };
export const NO_WAIT: Patience = { forMs: 45 * SECOND_MS, waitMs: 0 };

/** Most rounds of claiming or waiting of one who delivers: an invocation may ask the database only so often. */
const ROUNDS_MAX = 60;

/** Delivers what this isolate has just written to the outbox, if it has. */
export async function deliverWritten(deps: Deps): Promise<void> {
  await Promise.all(deps.outbox.take().map((database) => deliver(deps.in({ database }), AFTER_ANSWER)));
}

/** Delivers what is due, and what becomes due meanwhile; returns how many calls were made. */
export async function deliver(deps: Deps, { forMs, waitMs }: Patience = NO_WAIT): Promise<number> {
  const began = deps.clock();
  let called = 0;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const now = deps.clock();
    if (now - began > forMs) break;
    const lease = now + LEASE_MS;
    const claimed = await claimDue(deps.db, now, lease, CLAIM_MAX, CLAIM_EACH);
    called += claimed.length;
    if (claimed.length > 0) await attempt(deps, claimed, lease);
    else if (!(await hasWaited(deps, began + waitMs))) break;
  }
  return called;
}

/** Waits for what is due next, where that is before `until`. */
async function hasWaited(deps: Deps, until: number): Promise<boolean> {
  if (deps.clock() >= until) return false;
  const due = await nextDue(deps.db);
  if (due === null || due > until) return false;
  await deps.pause(Math.max(due - deps.clock(), PAUSE_MIN_MS));
  return true;
}

/** What a test came to: the answer's status and the beginning of its text, or why there is none. */
export interface Tested {
  /** The `webhook-id`. */
  id: string;
  delivered: boolean;
  answer: { status: number; body: string | null } | null;
  error: string | null;
  sent: Record<string, unknown>;
}

/** Calls a webhook with a test, once and signed as all calls are. It is not noted: the webhook stands as it stood. */
export async function deliverTest(deps: Deps, { id: webhookId, url, secret }: Webhook): Promise<Tested> {
  const id = `test_${deps.newId()}`;
  const sent = testBody(webhookId, deps.clock());
  const { status, body, error } = await call(deps, { id, url, body: sent, secret });
  const answer = status === null ? null : { status, body };
  return { id, delivered: isSuccess(status), answer, error, sent: JSON.parse(sent) };
}

/** Deletes deliveries that have been kept for long enough. */
export async function forgetDeliveries(deps: Deps): Promise<void> {
  await deleteDeliveriesBefore(deps.db, deps.clock() - KEPT_MS);
}

async function attempt(deps: Deps, claimed: readonly Claimed[], lease: number): Promise<void> {
  const outcomes: Outcome[] = [];
  for (let from = 0; from < claimed.length; from += AT_ONCE) {
    outcomes.push(...(await Promise.all(claimed.slice(from, from + AT_ONCE).map((one) => outcomeOf(deps, one)))));
  }
  const gone = new Set(outcomes.filter(({ answerStatus }) => answerStatus === GONE).map(({ webhookId }) => webhookId));
  await recordOutcomes(deps.db, outcomes, { ...VERDICTS, gone }, lease, deps.clock());
}

async function outcomeOf(deps: Deps, claimed: Claimed): Promise<Outcome> {
  const answer = await call(deps, claimed);
  const triedAt = deps.clock();
  const isDelivered = isSuccess(answer.status);
  const pause = answer.status === GONE ? undefined : RETRY_AFTER_MS[claimed.step];
  return {
    webhookId: claimed.webhook_id,
    siteId: claimed.site_id,
    id: claimed.id,
    status: isDelivered ? "delivered" : pause === undefined ? "failed" : "pending",
    step: isDelivered ? claimed.step : claimed.step + 1,
    dueAt: isDelivered || pause === undefined ? null : triedAt + pause,
    triedAt,
    answerStatus: answer.status,
    answerBody: answer.body,
    error: answer.error,
  };
}

const isSuccess = (status: number | null) => status !== null && status >= 200 && status < 300;

interface Answered {
  status: number | null;
  body: string | null;
  error: string | null;
}

type Call = Pick<Claimed, "id" | "url" | "body" | "secret">;

async function call(deps: Deps, { id, url, body, secret }: Call): Promise<Answered> {
  const refused = refusedTarget(url, deps.isLocal);
  if (refused) return { status: null, body: null, error: `Not called: the url ${refused}.` };
  const timestamp = String(Math.floor(deps.clock() / SECOND_MS));
  try {
    const answer = await deps.fetch(url, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "User-Agent": "Kelvin-Webhooks/1",
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": `v1,${await signature(secret, `${id}.${timestamp}.${body}`)}`,
      },
      body,
      // Where it leads nobody has checked.
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { status: answer.status, body: await beginningOf(answer), error: null };
  } catch (error) {
    const isLate = error instanceof Error && ["TimeoutError", "AbortError"].includes(error.name);
    const why = isLate ? `No answer within ${TIMEOUT_MS / SECOND_MS} s.` : `No answer: ${textOf(error)}`;
    return { status: null, body: null, error: why };
  }
}

const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error)).slice(0, ANSWER_MAX);

async function signature(secret: string, content: string): Promise<string> {
  const raw = Uint8Array.from(atob(secret.replace(/^whsec_/, "")), (char) => char.charCodeAt(0));
  const key = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const signed = await crypto.subtle.sign("HMAC", key, utf8.encode(content));
  return btoa(String.fromCharCode(...new Uint8Array(signed)));
}

/** The first part of a body; the rest, however long, is not read. */
async function beginningOf(answer: Response): Promise<string> {
  const reader = answer.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  while (reader && text.length < ANSWER_MAX) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  await reader?.cancel();
  return text.slice(0, ANSWER_MAX);
}
