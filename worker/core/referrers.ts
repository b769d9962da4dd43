/** Search engines and social sites, by the host of a referrer. */

export function isSearchEngine(host: string): boolean {
  return /(^|\.)(google|bing|duckduckgo)\./.test(host);
}

export function isSocialSite(host: string): boolean {
  return /(^|\.)(facebook|linkedin|twitter)\.com$/.test(host);
}
