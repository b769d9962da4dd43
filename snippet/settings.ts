/** What the script element says: who the site is, where the service is, what may be collected. */

// `currentScript` is null where a loader evaluates the text itself; then the element with our attribute is meant.
/** `data-site`, `data-api`, `data-consent`, `data-auto`, `data-holdout`. */
export const { dataset: settings, src } = (document.currentScript ??
  document.querySelector("script[data-site]")) as HTMLScriptElement;

/** Where batches go: the host of `data-api`, else the one the script came from. Throws at once where that is no URL. */
export const endpoint = new URL("/v1/batch", settings.api ?? src);

/** Whether the site wants `what` collected by itself; without `data-auto` it wants everything. */
export const wants = (what: string): boolean => (settings.auto ?? what).includes(what);
