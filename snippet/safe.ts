/** The wall between tag and page: whatever goes wrong in here, the page never sees an exception of ours. */

export const safe =
  <T extends unknown[]>(action: (...args: T) => void) =>
  (...args: T): void => {
    try {
      action(...args);
    } catch {
      // A lost signal is better than a broken page.
    }
  };

/**
 * Listens on the window in the capture phase, the first to hear of an event: no `stopPropagation` in the page hides it.
 * Nothing here ever calls `preventDefault`.
 */
export const listen = (type: string, action: (event: Event) => void): void =>
  addEventListener(type, safe(action), true);
