/**
 * Folds what waited in the queue (see backlog.ts): exactly once, for the ids of messages say what counted already, and
 * in the order of acceptance for each visitor. A letter whose events cannot be folded holds up nobody else's.
 */
import { type Mail, willPass } from "./backlog";
import { byAcceptance } from "./behind";
import type { SiteRules } from "./db/sites";
import { bury } from "./dead";
import type { Deps } from "./deps";
import { unerasedOf, withoutErased } from "./erase";
import { ingest } from "./ingest";

/** Attempts after which a letter is put away that fails for no reason that passes. */
const POISON_ATTEMPTS = 3;
const SECOND_MS = 1_000;
/** Pause before the first retry and the longest, seconds; it doubles in between. */
const RETRY_S = 5;
const RETRY_MAX_S = 300;

/** Folds a batch of letters; those that fail are left to the queue to bring again. */
export async function drain(deps: Deps, batch: readonly Mail[]): Promise<void> {
  const settled = new Set<string>();
  const watched = batch.map((mail) => watch(deps, mail, settled));
  for (const [siteId, mails] of Map.groupBy(watched, ({ body }) => body.siteId)) {
    const inOrder = inTheirOrder(deps, mails);
    try {
      const site = await deps.sites.find(siteId);
      if (!site) throw new Error("a letter to a site that is not there");
      const there = deps.in(site);
      await fold(there, site, await withoutErased(there, site, inOrder));
    } catch (error) {
      await fail(
        deps,
        inOrder.filter(({ id }) => !settled.has(id)),
        error,
      );
    }
  }
}

/** The same mail, with what becomes of it noted. As with the queue, only what is said first counts. */
function watch({ behind, clock }: Deps, mail: Mail, settled: Set<string>): Mail {
  const { id, body, attempts } = mail;
  const isFirst = () => !settled.has(id) && settled.add(id);
  return {
    id,
    body,
    attempts,
    ack: () => {
      if (isFirst()) behind.done(body);
      mail.ack();
    },
    retry: (options) => {
      if (isFirst()) behind.putBack(body, clock() + (options?.delaySeconds ?? 0) * SECOND_MS);
      mail.retry(options);
    },
  };
}

/** Letters in the order of acceptance; those that have to wait for earlier ones of their visitor are put back. */
function inTheirOrder({ behind, clock }: Deps, mails: readonly Mail[]): Mail[] {
  const now: Mail[] = [];
  for (const mail of mails.toSorted((one, other) => byAcceptance(one.body, other.body))) {
    const dueAt = behind.waitsFor(
      mail.body,
      now.map(({ body }) => body),
    );
    if (dueAt === null) now.push(mail);
    else {
      const pauseS = Math.ceil((dueAt - clock()) / SECOND_MS);
      mail.retry({ delaySeconds: Math.min(RETRY_MAX_S, Math.max(RETRY_S, pauseS)) });
    }
  }
  return now;
}

/** Folds letters of a site in their order, and tries fewer at once where they fail together. */
async function fold(deps: Deps, site: SiteRules, mails: readonly Mail[]): Promise<void> {
  const [first, ...others] = mails;
  if (!first) return;
  try {
    await take(deps, site, mails);
  } catch (error) {
    const byKey = [...Map.groupBy(mails, ({ body }) => body.key).values()];
    if (willPass(error) || others.length === 0) await fail(deps, mails, error);
    else if (byKey.length > 1) for (const mine of byKey) await fold(deps, site, mine);
    else await foldOneByOne(deps, site, mails);
  }
}

/** Folds letters together. Throws where one names somebody erased since; when it comes again that is taken out. */
async function take(deps: Deps, site: SiteRules, mails: readonly Mail[]): Promise<void> {
  const events = mails.flatMap(({ body }) => body.events);
  const unerased = await unerasedOf(
    site,
    mails.map(({ body }) => body),
  );
  await ingest(deps, site, events, { isTold: true, unerased });
  deps.tallies.add(site.id, "drained", events.length);
  for (const mail of mails) mail.ack();
}

/** Letters of one visitor: after one that fails none of the later ones is folded before it. */
async function foldOneByOne(deps: Deps, site: SiteRules, mails: readonly Mail[]): Promise<void> {
  for (const [i, mail] of mails.entries()) {
    try {
      await take(deps, site, [mail]);
    } catch (error) {
      await fail(deps, [mail], error);
      if (isPoison(mail, error)) continue;
      putBack(mails.slice(i + 1));
      return;
    }
  }
}

const isPoison = ({ attempts }: Mail, error: unknown) => !willPass(error) && attempts >= POISON_ATTEMPTS;

async function fail(deps: Deps, mails: readonly Mail[], error: unknown): Promise<void> {
  const isDead = (mail: Mail) => isPoison(mail, error);
  putBack(mails.filter((mail) => !isDead(mail)));
  const dead = mails.filter(isDead);
  // What cannot be put away now comes again.
  await bury(deps, dead, error instanceof Error ? error.message : String(error)).catch(() => putBack(dead));
}

function putBack(mails: readonly Mail[]): void {
  for (const mail of mails) {
    mail.retry({ delaySeconds: Math.min(RETRY_MAX_S, RETRY_S * 2 ** Math.max(0, mail.attempts - 1)) });
  }
}
