/**
 * Values of rules as people type them into a field. Numbers and yes or no are written bare, texts as they are; a text
 * that would be taken for something else stands in quotes. What is shown always reads back as what it was.
 */

export type Scalar = string | number | boolean;

export function isScalar(value: unknown): value is Scalar {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?$/i;

/** What a field would not give back as it got it: blanks at the ends, control characters, broken Unicode. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for.
const FRAGILE = /^\s|\s$|[\u0000-\u001f\u007f]|^"/;

function quoted(text: string): string | null {
  if (!/^".*"$/s.test(text)) return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "string" ? value : null;
  } catch {
    return null;
  }
}

/** A text alone, where nothing else is asked for: a name, an event. */
export function showText(text: string): string {
  return FRAGILE.test(text) || !text.isWellFormed() ? JSON.stringify(text) : text;
}

export function readText(typed: string): string {
  return quoted(typed.trim()) ?? typed.trim();
}

export function showScalar(value: Scalar): string {
  if (typeof value !== "string") return String(value);
  return value === "" || typeof bare(value) !== "string" ? JSON.stringify(value) : showText(value);
}

function bare(text: string): Scalar {
  if (text === "true" || text === "false") return text === "true";
  return NUMBER.test(text) ? Number(text) : text;
}

/** `isText`: of a field that only ever holds texts, where digits are a text too. */
export function readScalar(typed: string, isText = false): Scalar {
  const text = typed.trim();
  return quoted(text) ?? (isText ? text : bare(text));
}

/** Several with commas between them; a text that has one stands in quotes. */
export function showList(values: readonly Scalar[]): string {
  return values
    .map((value) => (typeof value === "string" && value.includes(",") ? JSON.stringify(value) : showScalar(value)))
    .join(", ");
}

export function readList(typed: string, isText = false): Scalar[] {
  const items = typed.match(/\s*(?:"(?:[^"\\]|\\.)*"\s*(?=,|$)|[^,]+)/g) ?? [];
  return items.filter((item) => item.trim() !== "").map((item) => readScalar(item, isText));
}

/** A number, or what was typed, for the check to say what is wrong with it. */
export function readNumber(typed: string): number | string {
  // A minus as one prints it is a minus.
  const text = typed.trim().replace(/^[−–]/, "-").replace(/^\+/, "");
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}
