/**
 * Impressions: what of an event's `context` tells which calls to action a visitor saw, and whether the page kept its
 * default for them. The tag sends it with `Page Engaged`, so that seeing costs no event of its own.
 */
import type { Json, JsonObject, LoggedEvent } from "./event";
import { dig, put } from "./read";

/** Most calls to action of one event: a page that has more shows nobody which. */
export const SHOWN_MAX = 20;
/** Longest name told apart: it is written by whoever made the page, for a line of a report. */
export const SHOWN_NAME_MAX_CHARS = 64;

/** A call to action as somebody saw it; `null`: the message did not say. */
export interface Shown {
  cta: string | null;
  variant: string | null;
  /** The visitor's, whether or not the page went by it. */
  temperature: string | null;
}

const NAMES = ["cta", "variant", "temperature"] as const;

/** What is kept of a context beside what is kept as it was sent; what is malformed is left out. */
export function keptShown(context: JsonObject): JsonObject {
  const kept: JsonObject = {};
  const { heldOut } = context;
  if (typeof heldOut === "boolean") put(kept, "heldOut", heldOut);
  const named = new Map<string, Json>();
  const shown = context.shown;
  for (const one of Array.isArray(shown) ? shown : []) {
    if (named.size === SHOWN_MAX) break;
    const { cta, variant, temperature } = readShown(one);
    const names = { ...(cta && { cta }), ...(variant && { variant }), ...(temperature && { temperature }) };
    if (cta) named.set(JSON.stringify(names), names);
  }
  if (named.size > 0) put(kept, "shown", [...named.values()]);
  return kept;
}

/** The names in an entry of `context.shown`, or in the properties of a click. */
export function readShown(from: Json | undefined): Shown {
  const [cta = null, variant = null, temperature = null] = NAMES.map((name) => text(dig(from, name)));
  return { cta, variant, temperature };
}

/** The calls to action that an event says were in view. */
export function shownIn({ context }: LoggedEvent): Shown[] {
  const shown = context?.shown;
  return Array.isArray(shown) ? shown.map(readShown) : [];
}

/** Whether the page kept its default at an event; `null`: its site held nobody out, or the event does not say. */
export function heldOutIn({ context }: LoggedEvent): boolean | null {
  const heldOut = context?.heldOut;
  return typeof heldOut === "boolean" ? heldOut : null;
}

function text(value: Json | undefined): string | null {
  if (typeof value !== "string" || value === "") return null;
  // Not through the middle of a character.
  return [...value.slice(0, 2 * SHOWN_NAME_MAX_CHARS)].slice(0, SHOWN_NAME_MAX_CHARS).join("");
}
