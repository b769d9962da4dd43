/**
 * Addresses without what is in their query: search terms, tokens and names end up there, and none of it is kept but
 * what tells a campaign. A text is only ever cut, never parsed and written anew: rules match on the path as it was sent.
 */
import type { Json, JsonObject } from "./event";
import { put } from "./read";
import { PAID_CLICKS, SOCIAL_CLICKS } from "./source";

/** Parameters that stay: a campaign's, and ids of clicks on ads, which tell a click from others and not a person. */
const KEPT = new Set([
  ..."utm_source utm_medium utm_campaign utm_term utm_content utm_id".split(" "),
  ...PAID_CLICKS,
  ...SOCIAL_CLICKS,
]);

/** What of an event's `properties` and of `context.page` is an address. */
const ADDRESSES = ["url", "referrer", "path"];

/**
 * The authority of an address with a user in it: after `//`, or after the scheme of the web in whatever number of
 * slashes, as browsers read it. One with nothing behind it would leave the place to the next.
 */
const USER = /^(\s*(?:(?:[a-z][a-z0-9+.-]*:)?[\\/]{2}|(?:https?|wss?|ftp):)[\\/]*)(?:[^\\/?#]*@[\\/]*)+/i;
/** A fragment that is a route of a single-page application, up to anything that looks like a parameter. */
const ROUTE = /^#!?\/[^?#&=]*/;

/** An address without user name and password, query but for what is kept, and fragment but for a route. */
export function bareAddress(address: string): string {
  // No part of an address; browsers drop them, and `ht⏎tps:` must not hide a password.
  const sent = address.replace(/[\t\n\r]/g, "");
  const text = sent.includes("@") ? sent.replace(USER, "$1") : sent;
  const hash = text.indexOf("#");
  const [place, fragment] = hash < 0 ? [text, ""] : [text.slice(0, hash), text.slice(hash)];
  const mark = place.indexOf("?");
  const query = mark < 0 ? "" : keptQuery(place.slice(mark + 1));
  return `${mark < 0 ? place : place.slice(0, mark)}${query && `?${query}`}${ROUTE.exec(fragment)?.[0] ?? ""}`;
}

/** The parameters of a query that are kept, as they were written and in their order. */
function keptQuery(query: string): string {
  // The question mark keeps one in the name: what is parsed loses the first.
  const nameOf = (part: string) => [...new URLSearchParams(`?${part}`).keys()][0]?.toLowerCase() ?? "";
  return query
    .split("&")
    .filter((part) => KEPT.has(nameOf(part)))
    .join("&");
}

/** A query by itself, with or without its question mark. */
function bareSearch(search: string): string {
  const query = keptQuery(search.replace(/^\?/, "").split("#", 1)[0] ?? "");
  return query && search.startsWith("?") ? `?${query}` : query;
}

/** What describes a page (`properties`, `context.page`), its addresses bare. */
export function withBareAddresses(page: JsonObject): JsonObject {
  const bare = { ...page };
  const cut = (name: string, how: (text: string) => string) => {
    const value: Json | undefined = Object.hasOwn(page, name) ? page[name] : undefined;
    if (typeof value === "string") put(bare, name, how(value));
    // Nobody can tell what of it would be an address.
    else if (value !== null && typeof value === "object") delete bare[name];
  };
  for (const name of ADDRESSES) cut(name, bareAddress);
  cut("search", bareSearch);
  return bare;
}
