/** Clicks on outbound links, downloads and calls to action, those in open shadow roots included. */
import { described } from "../personalise";
import { track } from "../send";
import { wants } from "../settings";

const DOWNLOAD = /\.(pdf|(doc|xls|ppt)x?|csv|txt|zip|gz|dmg|exe|mp[34])$/i;

export const clicked = (event: Event): void => {
  const find = <T extends HTMLElement>(selector: string) =>
    event.composedPath().find((node) => (node as T).matches?.(selector)) as T | undefined;
  const link = find<HTMLAnchorElement>(":any-link");
  const cta = find("[data-kelvin-cta]");
  const { button } = event as MouseEvent;
  // The middle button opens links in a new tab; the right one only a menu.
  if (button > 1 || (button && !link)) return;
  if (cta && wants("cta")) track("CTA Clicked", described(cta));
  if (!link) return;
  // `data:` and `blob:` addresses hold contents, not places.
  const web = /^http/.test(link.protocol);
  const url = web ? link.href : link.protocol;
  if (wants("download") && (link.matches("[download]") || (web && DOWNLOAD.test(link.pathname)))) {
    track("File Downloaded", { file: link.download || link.pathname.split("/").pop(), url });
  } else if (wants("outbound") && web && link.host !== location.host) {
    track("Link Clicked", { url });
  }
};
