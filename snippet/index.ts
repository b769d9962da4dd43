/**
 * The tag: boot, the public calls, and who is wired to whom. See docs for what sites may rely on.
 *
 *   <script async src="https://HOST/k.js" data-site="WRITE_KEY"></script>
 */
import { clicked } from "./observe/clicks";
import { leave, scrolled } from "./observe/engagement";
import { submitted } from "./observe/forms";
import { observePages, view } from "./observe/pages";
import { paint, recall, subscribe } from "./personalise";
import { listen, safe } from "./safe";
import { flush, post, record, resume, track } from "./send";
import { wants } from "./settings";
import { activate, agreed, allowed, remember, renew, write } from "./visitor";
import type { WireMessage } from "./wire";

interface Kelvin {
  (...call: unknown[]): void;
  q?: { push(call: never): unknown };
  /** Set by the first copy of this script; a second one does nothing. */
  on?: true;
}

declare global {
  interface Window {
    kelvin?: Kelvin;
  }
}

/** Starts collecting, with the current page view; what was collected before is not told. */
const begin = () => {
  leave();
  // Takes up what earlier pages left behind; not active yet, it leaves that to the page view's request.
  resume();
  activate(true);
  if (wants("page")) view();
};

/** The public calls. Their arguments come from the page: whatever they are, they must not break it. */
const calls: Record<string, (first: never, second: never) => void> = {
  track: track<string>,
  page: view,
  // `userId` and `traits`; other names could be no harm, as the message's own are laid over them.
  identify: ({ token, ...who }: Partial<WireMessage> & { token?: string }) => record("identify", who, { token }),
  consent(granted: boolean) {
    const before = allowed();
    if (!granted) {
      // The cookie is the service's to delete.
      if (before) {
        write("kelvin_is", "forget");
        post([]);
      }
      activate(false);
      paint();
    }
    remember(granted);
    if (granted && !before) begin();
  },
  on(what: string, listener: never) {
    if (what === "score") subscribe(listener);
  },
  reset() {
    if (!allowed()) return;
    // What was read so far, the visitor before read.
    leave();
    renew("reset");
    paint();
  },
};

const call = safe(([name, first, second]: never[]) =>
  calls[name as unknown as string]?.(first as never, second as never),
);

let started = false;

/** Nothing counts before somebody sees the page: not while it is prerendered, nor in a tab opened in the background. */
const start = safe(() => {
  if (started || document.hidden) return;
  started = true;
  if (agreed()) begin();
  // The calls made so far, in order; from here on the stub calls us.
  const early = kelvin.q as never[][] | undefined;
  kelvin.q = { push: call };
  early?.forEach(call);
});

/** The page is shown, hidden or left: it might be the last moment that it can say something, or the first. */
const turned = () => {
  leave();
  flush(true);
  start();
};

// The page's own stub, if it has one, stays the public function: all it does is push.
const kelvin: Kelvin = (window.kelvin ??= (...args) => {
  (kelvin.q ??= []).push(args as never);
});

if (!kelvin.on) {
  kelvin.on = true;
  recall();
  if (wants("form")) listen("submit", submitted);
  if (wants("page")) observePages();
  listen("click", clicked);
  listen("auxclick", clicked);
  listen("scroll", scrolled);
  listen("visibilitychange", turned);
  listen("pagehide", turned);
  listen("online", resume);
  start();
}
