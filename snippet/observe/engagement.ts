/**
 * How long and how deep a page was read: visible seconds and scroll depth, told when the page is hidden or left.
 * `seconds` are those since it was last told, so that a sum over events is right; `scroll` is the most so far.
 */
import { described, root } from "../personalise";
import { track } from "../send";
import { wants } from "../settings";

let visibleMs = 0;
/** When we last looked, if the page was visible then. Monotonic, and on most systems stopped while the computer sleeps. */
let seenAt = 0;
/** Percent of what there is to scroll, and what of it was told. */
let depth = 0;
let told = 0;

/** A new page: nothing read yet. */
export const restart = (): void => {
  visibleMs = depth = told = 0;
};

/** Tells what is new since it was last told. To be called at every change of visibility, as it also keeps the time. */
export const leave = (): void => {
  const now = performance.now();
  if (seenAt) visibleMs += now - seenAt;
  seenAt = document.hidden ? 0 : now;
  const seconds = (visibleMs / 1000) | 0;
  if (wants("engagement") && (seconds || depth > told)) {
    visibleMs %= 1000;
    told = depth;
    // In view, or scrolled past; what is hidden has no rectangle.
    track(
      "Page Engaged",
      { seconds, scroll: depth },
      {
        shown: [...document.querySelectorAll<HTMLElement>("[data-kelvin-cta]")]
          .filter((cta) => wants("cta") && (cta.getClientRects()[0]?.top as number) < innerHeight)
          .map(described),
      },
    );
  }
};

export const scrolled = (): void => {
  // 0/0 where only some inner element scrolls; rubber-banding goes past the end.
  const now = ((100 * scrollY) / (root.scrollHeight - innerHeight) + 0.5) | 0;
  if (now > depth) depth = Math.min(100, now);
};
