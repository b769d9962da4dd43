/** What kind of site a visitor came from, by its host. */
import type { REFERRERS } from "./lists/referrers";

export type SiteKind = keyof typeof REFERRERS;

/** Longest name that DNS has; looking up a longer one label by label would only cost time. */
const HOST_MAX_CHARS = 253;

let known: ReadonlyMap<string, SiteKind> | null = null;

/** Takes the list, which is a file beside the Worker (tools/build.ts). */
export function learnReferrers(hosts: Readonly<Record<SiteKind, string>>): void {
  const kinds = Object.keys(hosts) as SiteKind[];
  known = new Map(kinds.flatMap((kind) => hosts[kind].split(" ").map((host) => [host, kind] as const)));
}

export const areReferrersKnown = () => known !== null;

/** The kind of the listed host that is the host or the nearest above it; `null` where none is listed. */
export function siteKind(host: string): SiteKind | null {
  if (!known) throw new Error("the list of referrers has not been read");
  if (host.length > HOST_MAX_CHARS) return null;
  for (let name = host.toLowerCase(); ; ) {
    const kind = known.get(name);
    if (kind) return kind;
    const dot = name.indexOf(".");
    if (dot < 0) return null;
    name = name.slice(dot + 1);
  }
}

/** The kind of the site that a campaign's source names, as in `utm_source=linkedin` or `utm_source=linkedin.com`. */
export function sourceKind(source: string): SiteKind | null {
  return siteKind(source) ?? (source.includes(".") ? null : siteKind(`${source}.com`));
}

/** Whether two hosts are of one site: the same, one above the other, or below one registrable name. */
export function sameSite(one: string, other: string): boolean {
  return (
    one === other ||
    one.endsWith(`.${other}`) ||
    other.endsWith(`.${one}`) ||
    (one.includes(".") && registrable(one) === registrable(other))
  );
}

/**
 * The name that somebody registered, as far as the form of a host tells: its last two labels, or three where these are
 * a country's own and a short one before it, as in `co.uk`. Without the list of all public suffixes (300 kB) this errs
 * on names such as two shops under one hosting domain, which pass for one site.
 */
function registrable(host: string): string {
  const labels = host.split(".");
  const [second = "", top = ""] = labels.slice(-2);
  return labels.slice(top.length === 2 && second.length <= 3 ? -3 : -2).join(".");
}
