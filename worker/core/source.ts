/**
 * Where a lead first came from, told by its first page. What a campaign's parameters say goes before what can be
 * guessed from the referrer. The groups are those of Google Analytics 4's default channels
 * (support.google.com/analytics/answer/9756891), brought down to six.
 */
import type { Field } from "./condition";
import type { LoggedEvent } from "./event";
import { eventScope } from "./fields";
import { parseUrl, readEvent, urlPart } from "./read";
import { sameSite, siteKind, sourceKind } from "./referrers";
import type { Source } from "./state";

export const CHANNELS = ["direct", "organic", "paid", "email", "social", "referral"] as const;
export type Channel = (typeof CHANNELS)[number];

/** Media that name a channel; whatever contains "cp" (cpc, cpm, cpv) or begins with "paid" is paid as well. */
const MEDIA = new Map<string, Channel>([
  ...of("paid", "ppc retargeting remarketing display banner expandable interstitial"),
  ...of("email", "email e-mail e_mail newsletter"),
  ...of("social", "social social-network social-media social_network social_media sm"),
  ...of("organic", "organic"),
  ["e mail", "email"],
  ["social network", "social"],
  ["social media", "social"],
]);

/** What Google Analytics writes where there is nothing. */
const NOTHING = new Set(["(none)", "(not set)", "(direct)", "none", "direct"]);

/** Parameters that advertising networks add to the links of their ads. */
export const PAID_CLICKS = "gclid gbraid wbraid dclid msclkid ttclid li_fat_id twclid yclid rdt_cid sccid qclid".split(
  " ",
);
/** Parameters that networks add to every link, so that they tell of no ad. */
export const SOCIAL_CLICKS = ["fbclid", "igshid"];

function of(channel: Channel, media: string): [string, Channel][] {
  return media.split(" ").map((medium) => [medium, channel]);
}

export function firstTouch(event: LoggedEvent): Source {
  const referrer = text(event, "referrer");
  return { channel: channel(event, referrer), referrer, campaign: text(event, "campaign") };
}

function text(event: LoggedEvent, name: string): string | null {
  const value = readEvent(eventScope(name) as Field, event, {});
  return typeof value === "string" && value !== "" ? value : null;
}

/** A campaign parameter in lower case, empty where nothing is said. */
function said(event: LoggedEvent, name: string): string {
  const value = text(event, name)?.trim().toLowerCase() ?? "";
  return NOTHING.has(value) ? "" : value;
}

function channel(event: LoggedEvent, referrer: string | null): Channel {
  const medium = said(event, "medium");
  const source = said(event, "source");
  const clicks = clickIds(event);
  return (
    mediumChannel(medium) ??
    (PAID_CLICKS.some((id) => clicks.has(id)) ? "paid" : null) ??
    mediumChannel(source, "email") ??
    (source ? sourceKind(source) : null) ??
    (SOCIAL_CLICKS.some((id) => clicks.has(id)) ? "social" : null) ??
    referrerChannel(event, referrer) ??
    // A link that somebody tagged was followed, whatever the tags mean.
    (medium || source ? "referral" : "direct")
  );
}

function mediumChannel(medium: string, only?: Channel): Channel | null {
  const channel = medium.includes("cp") || medium.startsWith("paid") ? "paid" : (MEDIA.get(medium) ?? null);
  return only === undefined || channel === only ? channel : null;
}

/** Names of the page's URL parameters, in lower case. */
function clickIds(event: LoggedEvent): Set<string> {
  const url = parseUrl(text(event, "url"));
  return new Set(url ? [...url.searchParams.keys()].map((name) => name.toLowerCase()) : []);
}

/** What the page before tells; `null` where there was none, or it is one of the site's own. */
function referrerChannel(event: LoggedEvent, referrer: string | null): Channel | null {
  const host = parseUrl(referrer ?? undefined)?.hostname;
  const own = urlPart(event, "hostname");
  if (!host || (own && sameSite(host, own))) return null;
  return siteKind(host) ?? "referral";
}
