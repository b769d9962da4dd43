/** Page views: the first, those of single-page applications, and returns from the back/forward cache. */
import { page, route, turn } from "../context";
import { listen } from "../safe";
import { record } from "../send";
import { leave, restart } from "./engagement";

/** Counts a view of what the visitor sees now. */
export const view = (properties?: object): void => {
  leave();
  turn();
  restart();
  record("page", { properties: { ...page, ...properties } });
};

/**
 * The address may have changed. What counts is the route: a call that leaves it as it was is no page view. In a task of
 * its own, as routers redirect with a second call, and set the title after the first: the view is of where that ends.
 */
const moved = () =>
  setTimeout(() => {
    if (page.path !== route()) view();
  });

export const observePages = (): void => {
  for (const name of ["pushState", "replaceState"] as const) {
    const original = history[name];
    history[name] = (...args) => {
      original.call(history, ...args);
      moved();
    };
  }
  // Fired by changes of the hash too.
  listen("popstate", moved);
  listen("pageshow", (event) => {
    if ((event as PageTransitionEvent).persisted) view();
  });
};
