/** Where a lead first came from, told by its first page: campaign parameters first, then the referrer. */

import type { Field } from "./condition";
import type { LoggedEvent } from "./event";
import { eventScope } from "./fields";
import { parseUrl, readEvent, urlPart } from "./read";
import { isSearchEngine, isSocialSite } from "./referrers";
import type { Source } from "./state";

export type Channel = "direct" | "organic" | "paid" | "email" | "social" | "referral";

/** Media names as campaign builders and ad networks write them (the groups of Google Analytics' default channels). */
const PAID = /^(.*cp.*|ppc|retargeting|paid.*|display|banner)$/;
const EMAIL = /^e[-_ ]?mail$|^newsletter$/;
const SOCIAL = /^(social|social[-_ ]?network|social[-_ ]?media|sm)$/;

function text(event: LoggedEvent, name: string): string | null {
  const field = eventScope(name) as Field;
  const value = readEvent(field, event, {});
  return typeof value === "string" && value !== "" ? value : null;
}

export function firstTouch(event: LoggedEvent): Source {
  const referrer = text(event, "referrer");
  return { channel: channel(event, referrer), referrer, campaign: text(event, "campaign") };
}

function channel(event: LoggedEvent, referrer: string | null): Channel {
  const medium = text(event, "medium")?.toLowerCase() ?? "";
  const source = text(event, "source")?.toLowerCase() ?? "";
  if (PAID.test(medium)) return "paid";
  if (EMAIL.test(medium) || EMAIL.test(source)) return "email";
  if (SOCIAL.test(medium)) return "social";
  const host = parseUrl(referrer ?? undefined)?.hostname;
  if (medium === "organic" || (host && isSearchEngine(host))) return "organic";
  if (host && isSocialSite(host)) return "social";
  return host && host !== urlPart(event, "hostname") ? "referral" : "direct";
}
