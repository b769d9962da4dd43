/**
 * Erasure: everything that is a person's goes, and whoever returns is a stranger. Beacons in flight are refused by the
 * lead's version, as by any other write, and find nobody when they read again.
 */
import type { Letter, Mail } from "./backlog";
import { plainAddress } from "./core/addresses";
import { DAY_MS } from "./core/duration";
import { isEmail, LEAD_KEY, statedKeys } from "./core/identity";
import { dig } from "./core/read";
import { erasedAt, forgetErased, type Unerased } from "./db/dead";
import { deleteLead } from "./db/erase";
import { type Lead, readLead } from "./db/leads";
import { refusalOf } from "./db/refusal";
import type { SiteRules } from "./db/sites";
import { addressHashes } from "./db/suppressions";
import type { Deps } from "./deps";
import { Failure } from "./failure";
import { noSuchLead, rowOf } from "./leads";

/** Most tries, where others write the lead at the same time or the database fails. */
const TRIES_MAX = 8;

/**
 * Erases the lead that an id names. `suppress`: what names one of its addresses later is turned away. Throws
 * `not_found` where there is none.
 */
export async function eraseLead(deps: Deps, site: SiteRules, id: string, suppress: boolean): Promise<void> {
  let mayBeDone = false;
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    try {
      const row = await rowOf(deps, site, id);
      if (!row && !mayBeDone) throw noSuchLead(id);
      if (row) await erase(deps, site, readLead(row), suppress);
      await deps.overwrite();
      return;
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === null || refusal === "fenced") throw error;
      // Of what failed on the way nobody knows whether it was done.
      if (refusal === "transient") mayBeDone = true;
    }
  }
  throw new Failure("busy", "The database is busy. Send the same again.");
}

async function erase(deps: Deps, site: SiteRules, lead: Lead, suppress: boolean): Promise<void> {
  const hashes = await addressHashes(site.secret, suppress ? addressesOf(lead) : []);
  const keyHashes = await addressHashes(site.secret, deps.backlog.isThere ? lead.keys : []);
  try {
    await deleteLead(deps.db, lead, [...keyHashes.values()], [...hashes.values()], deps.clock());
  } finally {
    deps.leads.drop(lead.id);
  }
}

/** How long it is known who was erased, ms: no letter waits longer in the queue, nor among the dead (four days each). */
const ERASURES_KEPT_MS = 9 * DAY_MS;

/** Forgets erasures of which nothing can wait in the queue any more. */
export async function forgetErasures(deps: Deps): Promise<void> {
  await forgetErased(deps.db, deps.clock() - ERASURES_KEPT_MS);
}

/** The addresses by which a lead goes: of its keys, userIds that are addresses among them, and the trait. */
function addressesOf({ state, keys }: Lead): string[] {
  const named = keys.filter((key) => !key.startsWith(LEAD_KEY)).map((key) => key.slice(key.indexOf(":") + 1));
  const email = dig(state.traits, "email");
  const addresses = [...named, ...(typeof email === "string" ? [email] : [])].map(plainAddress).filter(isEmail);
  return [...new Set(addresses)];
}

/** The keys by which a letter may be somebody's. */
export const keysOf = ({ key, events }: Pick<Letter, "key" | "events">): string[] => [
  ...new Set([key, ...events.flatMap(({ event }) => statedKeys(event))]),
];

/** What is kept of who is erased, by the keys of letters. */
const hashesOf = ({ secret }: SiteRules, letters: readonly Pick<Letter, "key" | "events">[]) =>
  addressHashes(secret, [...new Set(letters.flatMap(keysOf))]);

/** When a letter was accepted, as erasures tell time: in whole milliseconds, the same of which it goes with. */
const timeOf = ({ acceptedAt }: Pick<Letter, "acceptedAt">) => Math.floor(acceptedAt);

/** What must still hold when letters are written, for somebody may be erased just then: whom they name is not. */
export async function unerasedOf(
  site: SiteRules,
  letters: readonly Pick<Letter, "key" | "events" | "acceptedAt">[],
): Promise<Unerased[]> {
  const hashes = await hashesOf(site, letters);
  return letters.flatMap((letter) =>
    keysOf(letter).map((key) => ({ hash: hashes.get(key) ?? "", since: timeOf(letter) })),
  );
}

/** Takes out of letters the events of who was erased after they were accepted, and from the queue what is left empty. */
export async function withoutErased(deps: Deps, site: SiteRules, mails: readonly Mail[]): Promise<Mail[]> {
  const hashes = await hashesOf(
    site,
    mails.map(({ body }) => body),
  );
  const erased = await erasedAt(deps.db, site.id, [...hashes.values()]);
  if (erased.size === 0) return [...mails];
  const isErased = (key: string, at: number) => (erased.get(hashes.get(key) ?? "") ?? 0) >= at;
  return mails.flatMap((mail): Mail[] => {
    const { key, events } = mail.body;
    const at = timeOf(mail.body);
    const left = isErased(key, at)
      ? []
      : events.filter(({ event }) => !statedKeys(event).some((stated) => isErased(stated, at)));
    if (left.length === 0) mail.ack();
    return left.length === 0 ? [] : [withBody(mail, { ...mail.body, events: left })];
  });
}

/** The same mail with another letter in it; its methods are the queue's. */
function withBody(mail: Mail, body: Letter): Mail {
  const { id, attempts } = mail;
  return { id, attempts, body, ack: () => mail.ack(), retry: (options) => mail.retry(options) };
}
