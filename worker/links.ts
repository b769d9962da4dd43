/**
 * E-mail links: open pixels and click links that name a lead, made for a mailing and checked when they come back.
 *
 * Everything stands in the link itself, encrypted under a key of the site (JWE): nobody reads an address in it, makes one
 * up, or turns it to another target. What stops what:
 * - Scanners and prefetchers follow links: a click earns nothing by itself. It leaves a ticket in the address of the
 *   landing page, and counts when that page's own beacon brings the ticket back from a visitor who is no machine.
 * - A landing page's address is passed on: a ticket counts once, for an hour.
 * - A click by somebody who is proved to be another person joins nobody (resolve.ts).
 */
import { decodeProtectedHeader } from "jose";
import { ingestOrQueue } from "./backlog";
import { bareAddress } from "./core/address";
import type { LoggedEvent } from "./core/event";
import { emailKey, LEAD_KEY } from "./core/identity";
import { type Received, TICKET_PARAMETER } from "./core/message";
import { emailOf } from "./core/view";
import { findLeads, readLead } from "./db/leads";
import type { SiteRules } from "./db/sites";
import type { Deps } from "./deps";
import { derivedKey } from "./derive";
import { Failure } from "./failure";
import { leadKeyOf } from "./leads";
import { SEAL, seal, unseal } from "./sealed";

/** Most links made in one call: a mailing goes out in portions. */
export const LINKS_MAX = 1_000;
/** How long after a click its landing page may bring the ticket back, seconds: pages may be opened in the background. */
export const TICKET_MAX_AGE_S = 3_600;

const KEY_LABEL = "kelvin e-mail links v1";

/** What a link is for; no one of them serves as another. */
type Use = "open" | "click" | "ticket";

export interface LinkWanted {
  /** An id of a lead, in any of its forms. */
  lead?: string | undefined;
  /** An address, whether or not there is a lead with it. */
  email?: string | undefined;
  url: string;
  campaign?: string | undefined;
}

/** What stands in a link. Names are short, for links are not to be long. */
interface Link {
  /** Its own id; of a ticket, that of the click. */
  i: string;
  /** Id of the lead, where there was one when the link was made. */
  l?: string;
  /** Address it was sent to. */
  e?: string;
  u: string;
  c?: string;
  aud: Use;
  /** Seconds since the epoch; left out: it holds for ever. */
  exp?: number;
}

export interface OpenedLink {
  site: SiteRules;
  link: Link;
}

/** Makes a click link and an open pixel for each; the two as paths of the service. */
export async function makeLinks(deps: Deps, site: SiteRules, wanted: readonly LinkWanted[]) {
  const keys = wanted.map(({ lead, email = "" }) => (lead === undefined ? emailKey(email) : leadKeyOf(lead)));
  const rows = await findLeads(deps.db, site.id, keys);
  const gone = keys.findIndex((key, i) => wanted[i]?.lead !== undefined && !rows.has(key));
  if (gone >= 0) throw new Failure("not_found", `There is no lead "${wanted[gone]?.lead}" to make a link for.`);
  const key = await linkKey(site);
  return await Promise.all(
    wanted.map(async ({ email, url, campaign: c }, n) => {
      // As it goes into a header: there is no other sign than ASCII in an address.
      const u = url.replace(/[^\x21-\x7e]+/gu, encodeURIComponent);
      const row = rows.get(keys[n] ?? "");
      const lead = row && readLead(row);
      const e = email ?? (lead && emailOf(lead.state));
      const link = { i: deps.newId(), u, ...(lead && { l: lead.id }), ...(e && { e }), ...(c && { c }) };
      const [click, open] = await Promise.all(
        (["click", "open"] as const).map((aud) => seal(key, site.id, { ...link, aud } satisfies Link)),
      );
      return { click: `/c/${click}`, open: `/o/${open}.gif` };
    }),
  );
}

async function linkKey({ secret }: SiteRules): Promise<CryptoKey> {
  return await derivedKey(secret, KEY_LABEL, SEAL, ["encrypt", "decrypt"]);
}

/** What a link holds; `null` where it was not made here, not for this use, or is over. */
export async function readLink(deps: Deps, use: Use, token: string): Promise<OpenedLink | null> {
  const name = siteNamed(token);
  const site = name === null ? null : await deps.sites.find(name);
  if (!site || site.id !== name) return null;
  const link = await unseal<Link>(await linkKey(site), token);
  if (link?.aud !== use || (link.exp !== undefined && link.exp <= deps.clock() / 1000)) return null;
  return { site, link };
}

function siteNamed(token: string): string | null {
  try {
    return decodeProtectedHeader(token).kid ?? null;
  } catch {
    return null;
  }
}

/** What happens to a mail. */
export type LinkEvent = "Email Opened" | "Email Link Clicked";

/**
 * Logs an open, or a click by a machine; what names nobody any more is let go. Whether it waits in the queue. Throws as
 * `ingestOrQueue` does.
 */
export async function recordLink(
  deps: Deps,
  { site, link }: OpenedLink,
  event: LinkEvent,
  isMachine: boolean,
): Promise<boolean> {
  const key = keyOf(link);
  const said = { ...told(deps, link, event), ...(isMachine && { machine: true as const }) };
  // The address was given by the site when it made the link: a lead that there is not yet begins with it.
  const named = link.l === undefined ? [{ ...identified(deps, link), messageId: link.i }] : [];
  const received = [...named, { ...said, messageId: deps.newId() }].map((one, index) => ({
    event: { ...one, visitor: "", link: key },
    key,
    visitor: null,
    index,
  }));
  return (await ingestOrQueue(deps.in(site), site, received)).isQueued ?? false;
}

/**
 * Where a click leads: to the link's own target and nowhere else. On pages of the site's own it carries a ticket, which
 * other sites have no business with.
 */
export async function destination(deps: Deps, { site, link }: OpenedLink, isPerson: boolean): Promise<string> {
  if (!isPerson || !site.origins.includes(new URL(link.u).origin)) return link.u;
  const exp = deps.clock() / 1000 + TICKET_MAX_AGE_S;
  const claims: Link = { ...link, i: deps.newId(), aud: "ticket", exp };
  const ticket = await seal(await linkKey(site), site.id, claims);
  // By hand: URL's own parameters would write the others anew.
  const [address = "", ...fragment] = link.u.split("#");
  const mark = address.includes("?") ? "&" : "?";
  return [`${address}${mark}${TICKET_PARAMETER}=${ticket}`, ...fragment].join("#");
}

/** Events, each landing page followed by the click that led there: its visitor is who the link was sent to. */
export async function redeem(deps: Deps, site: SiteRules, received: readonly Received[]): Promise<Received[]> {
  const all = received.map(async (one): Promise<Received[]> => {
    const { ticket, event, visitor } = one;
    if (ticket === undefined || visitor === null || event.machine) return [one];
    const opened = await readLink(deps, "ticket", ticket);
    if (opened?.site.id !== site.id) return [one];
    const { link } = opened;
    const proof = { visitor, timestamp: event.timestamp, link: keyOf(link) };
    const click = told(deps, link, "Email Link Clicked");
    return [
      one,
      { ...one, event: { ...identified(deps, link), ...proof, messageId: `${link.i}-who` } },
      { ...one, event: { ...click, ...proof, messageId: link.i } },
    ];
  });
  return (await Promise.all(all)).flat();
}

const keyOf = ({ l, e = "" }: Link) => (l === undefined ? emailKey(e) : `${LEAD_KEY}${l}`);

type Said = Omit<LoggedEvent, "messageId" | "visitor">;

function identified(deps: Deps, { e }: Link): Said {
  return { type: "identify", timestamp: deps.clock(), verified: true, ...(e && { traits: { email: e } }) };
}

function told(deps: Deps, { u, c }: Link, event: string): Said {
  const properties = { url: bareAddress(u), ...(c && { campaign: c }) };
  return { type: "track", event, timestamp: deps.clock(), verified: true, properties };
}
