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
import { settings } from "./settings";
import { store, write } from "./visitor";
import type { WireReply, WireShown } from "./wire";

type Score = Pick<WireReply, "temperature" | "score" | "validUntil">;
type Listener = (score: Score) => void;

export const root = document.documentElement;
const { dataset } = root;
const listeners: Listener[] = [];
/** The visitor's temperature, shown or not. */
let heat: string | undefined;
let sheet: CSSStyleSheet | undefined;

/**
 * Whether the page keeps its default for this visitor, so that there is somebody to compare with: `data-holdout` percent
 * of all, by their id alone, the same on every page. `undefined` where the site holds nobody out.
 *
 * Ids begin with random digits, decimal or hexadecimal. Read to the base 33, which has no factor in common with 100, the
 * last two digits of so many are as good as drawn; demo/edge.ts does the same.
 */
export const heldOut = () =>
  settings.holdout && (settings.holdout as never) > parseInt(store.kelvin_id?.slice(0, 9) as string, 33) % 100;

/** Calls back with the last known score while it is still true; of those held out, whose pages do not follow it, always. */
const known = safe((then: Listener) => {
  const last: Score = JSON.parse(store.kelvin_last as string);
  // `null` is for ever, and parsed it is NaN: not in the past either.
  if (!(Date.parse(last.validUntil as string) <= Date.now() && !heldOut())) then(last);
});

/**
 * Shows what is meant for `temperature`; without one, and to those held out, what the page's own line of CSS says. The sheet is for ladders with
 * other names than that line knows. Adopted sheets are not subject to the page's content security policy.
 */
export const paint = safe((temperature?: string) => {
  heat = temperature;
  if (temperature && !heldOut()) dataset.kelvin = temperature;
  else delete dataset.kelvin;
  // Not to be had in old browsers: there the page's own line of CSS has to do.
  if (!sheet) document.adoptedStyleSheets.push((sheet = new CSSStyleSheet()));
  sheet.replaceSync(
    dataset.kelvin ? `[data-kelvin-show]:not([data-kelvin-show~="${temperature}"]){display:none!important}` : "",
  );
});

/**
 * In a task of its own: a mistake of the page is reported as the page's, and nobody else suffers from it. Pages
 * personalise by what they are told, so of those held out they are told nothing.
 */
const tell = (listener: Listener, score: Score) => heldOut() || setTimeout(listener, 0, score);

/** Shows a fresh answer, remembers it and tells the page. */
export const show = ({ temperature, score, validUntil }: WireReply): void => {
  // Remembered of whom is held out as if it were over: the inline script goes by it.
  const fresh = { temperature, score, validUntil: heldOut() ? (0 as never) : validUntil };
  write("kelvin_last", JSON.stringify(fresh));
  paint(temperature);
  listeners.map((listener) => tell(listener, fresh));
};

/** Shows the last known temperature, unless the page came with one: the edge or the inline script has set it. */
export const recall = (): void => known(({ temperature }) => paint(dataset.kelvin ?? temperature));

/** Calls back on every answer, and at once with the last known score. */
export const subscribe = (listener: Listener): void => {
  listeners.push(listener);
  known((last) => tell(listener, last));
};

/** A call to action as events name it, and the temperature that it is shown at, or would be. */
export const described = (cta: HTMLElement): WireShown => ({
  temperature: dataset.kelvin ?? heat ?? "cold",
  cta: cta.dataset.kelvinCta,
  variant: cta.dataset.kelvinVariant ?? cta.closest<HTMLElement>("[data-kelvin-show]")?.dataset.kelvinShow,
});
