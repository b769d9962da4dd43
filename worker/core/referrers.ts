/** What kind of site a visitor came from, by its host. */
import { REFERRERS } from "./lists/referrers";

export type SiteKind = keyof typeof REFERRERS;

/** Longest name that DNS has; looking up a longer one label by label would only cost time. */
const HOST_MAX_CHARS = 253;

let known: ReadonlyMap<string, SiteKind> | null = null;

function read(): ReadonlyMap<string, SiteKind> {
  const kinds = Object.keys(REFERRERS) as SiteKind[];
  return new Map(kinds.flatMap((kind) => REFERRERS[kind].split(" ").map((host) => [host, kind] as const)));
}

/** The kind of the listed host that is the host or the nearest above it; `null` where none is listed. */
export function siteKind(host: string): SiteKind | null {
  if (host.length > HOST_MAX_CHARS) return null;
  known ??= read();
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
