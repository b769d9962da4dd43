/** The page as messages describe it: what the visitor sees now, and where they came from. */

/**
 * The part of the URL that tells pages apart: the path, and a hash where it is a route (`#/pricing`). Neither the query
 * nor an anchor makes another page.
 */
export const route = (): string => location.pathname + location.hash.match(/^#!?\/[^?]*|$/);

const look = (referrer: string) => ({
  path: route(),
  url: location.href,
  referrer,
  title: document.title,
});

export let page = look(document.referrer);

/** Looks again. To a page of a single-page application the one before it is the referrer. */
export const turn = (): void => {
  page = look(page.path === route() ? page.referrer : page.url);
};
