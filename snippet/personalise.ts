/**
 * The page by temperature: `<html data-kelvin="warm">` and one style sheet. No element of the page is touched, not even
 * those that carry `data-kelvin-show`.
 *
 * Pages carry one line of CSS. It makes them look as for `cold` before the first answer, without script and with the
 * service down, and follows `data-kelvin` whoever set it:
 *
 *   html:is(:not([data-kelvin]),[data-kelvin=cold]) [data-kelvin-show]:not([data-kelvin-show~=cold]),html[data-kelvin=warm] [data-kelvin-show]:not([data-kelvin-show~=warm]),html[data-kelvin=hot] [data-kelvin-show]:not([data-kelvin-show~=hot]){display:none!important}
 *
 * Optional, inline in <head>: the last known temperature before the first paint, while this script is still loading.
 *
 *   <script>try{if(!navigator.globalPrivacyControl){let k=JSON.parse(localStorage.kelvin_last);Date.parse(k.validUntil)<=Date.now()||(document.documentElement.dataset.kelvin=k.temperature)}}catch(e){}</script>
 */
import { safe } from "./safe";
import { store, write } from "./visitor";
import type { WireReply } from "./wire";

type Score = Pick<WireReply, "temperature" | "score" | "validUntil">;
type Listener = (score: Score) => void;

export const { dataset } = document.documentElement;
const listeners: Listener[] = [];
let sheet: CSSStyleSheet | undefined;

/** Calls back with the last known score while it is still true. */
const known = safe((then: Listener) => {
  const last: Score = JSON.parse(store.kelvin_last as string);
  // `null` is for ever, and parsed it is NaN: not in the past either.
  if (!(Date.parse(last.validUntil as string) <= Date.now())) then(last);
});

/**
 * Shows what is meant for `temperature`; without one, what the page's own line of CSS says. The sheet is for ladders with
 * other names than that line knows. Adopted sheets are not subject to the page's content security policy.
 */
export const paint = safe((temperature?: string) => {
  if (temperature) dataset.kelvin = temperature;
  else delete dataset.kelvin;
  // Not to be had in old browsers: there the page's own line of CSS has to do.
  if (!sheet) document.adoptedStyleSheets.push((sheet = new CSSStyleSheet()));
  sheet.replaceSync(
    temperature ? `[data-kelvin-show]:not([data-kelvin-show~="${temperature}"]){display:none!important}` : "",
  );
});

/** Shows a fresh answer, remembers it and tells the page. */
export const show = ({ temperature, score, validUntil }: WireReply): void => {
  const fresh = { temperature, score, validUntil };
  write("kelvin_last", JSON.stringify(fresh));
  paint(temperature);
  // In a task of its own: a mistake of the page is reported as the page's, and nobody else suffers from it.
  for (const listener of listeners) setTimeout(listener, 0, fresh);
};

/** Shows the last known temperature, unless the page came with one: the edge or the inline script has set it. */
export const recall = (): void => known(({ temperature }) => paint(dataset.kelvin ?? temperature));

/** Calls back on every answer, and at once with the last known score. */
export const subscribe = (listener: Listener): void => {
  listeners.push(listener);
  known((last) => setTimeout(listener, 0, last));
};
