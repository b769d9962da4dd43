/** E-mail addresses that an event names, wherever it does: some of them are not to be kept. */
import type { Json, LoggedEvent } from "./event";
import { isEmail, statedEmail } from "./identity";

/** Most addresses looked for in one event beside those that say who it is of. People name one or two. */
export const ADDRESSES_MAX = 10;

/** What stands around an address in sentences, lists and URLs. */
const AROUND = /[\s"<>()[\]{},;:|\\/?&=#]+/;
/** What shows that a text is more than an address: some of the former may be part of one. */
const IS_MORE = /^\/|[\s"<>()[\],;:\\]/;

/** The form in which two addresses are compared. */
export function plainAddress(text: string): string {
  return text.trim().toLowerCase();
}

/** What is in every text with an address, as it is or in a URL. */
const SIGN = /@|%40/;

/** The addresses that an event names, in plain form: all that say who it is, and the first few of the others. */
export function namedAddresses(event: LoggedEvent): string[] {
  // Hardly any names one, which all of its text tells at once.
  if (!SIGN.test(JSON.stringify(event))) return [];
  const { pruned: _, ...whole } = event;
  const names = [statedEmail(event) ?? "", event.userId ?? "", event.previousId ?? "", event.visitor];
  const found = new Set(names.flatMap(addressesIn));
  const most = found.size + ADDRESSES_MAX;
  for (const part of [event.traits, whole]) {
    for (const text of texts(part)) {
      for (const address of addressesIn(text)) {
        found.add(address);
        if (found.size >= most) return [...found];
      }
    }
  }
  return [...found];
}

function addressesIn(text: string): string[] {
  const readable = decoded(text).trim();
  if (!readable.includes("@")) return [];
  // A full stop after it ends the sentence.
  const pieces = readable.split(AROUND).map((piece) => (piece.endsWith(".") ? piece.slice(0, -1) : piece));
  return [...(IS_MORE.test(readable) ? [] : [readable]), ...pieces].map(plainAddress).filter(isEmail);
}

/** A text as it was before it came into a URL. */
function decoded(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replaceAll("%40", "@");
  }
}

/** Every text in a value, the names of its members included. */
function* texts(value: Json | undefined): Generator<string> {
  if (typeof value === "string") yield value;
  else if (value !== null && typeof value === "object") {
    for (const [name, inner] of Object.entries(value)) {
      yield name;
      yield* texts(inner);
    }
  }
}
