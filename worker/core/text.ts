/** Comparing text as the rules do: without regard to case, `*` for any run of characters. No regular expressions. */

/** A pattern prepared for `matches`: lower case, split at its stars. */
export interface Pattern {
  readonly parts: readonly string[];
}

export function pattern(text: string): Pattern {
  return { parts: text.toLowerCase().split("*") };
}

/**
 * Whether the whole text matches the pattern. Greedy leftmost search of each part: linear in practice and never
 * exponential, since a part that was found never has to be found again.
 */
export function matches(wanted: Pattern, text: string): boolean {
  const value = text.toLowerCase();
  const first = wanted.parts[0] ?? "";
  if (wanted.parts.length === 1) return value === first;
  const last = wanted.parts[wanted.parts.length - 1] ?? "";
  if (!value.startsWith(first) || !value.endsWith(last) || value.length < first.length + last.length) return false;
  let from = first.length;
  const end = value.length - last.length;
  for (let i = 1; i < wanted.parts.length - 1; i++) {
    const part = wanted.parts[i] ?? "";
    const found = value.indexOf(part, from);
    if (found < 0 || found + part.length > end) return false;
    from = found + part.length;
  }
  return true;
}

/** The stars of a pattern that are allowed; more only cost time. */
export const PATTERN_MAX_STARS = 16;

/** JSON that is the same whatever the order in which keys were written. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/**
 * A short stand-in for a long text where only equality matters (53 bits, cyrb53 by bryc, public domain):
 * keeps the state small however long the values are.
 */
export function digest(text: string): string {
  return hash53(text).toString(36);
}

/** The same as a number; its lower 32 bits are a hash by themselves. */
export function hash53(text: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return 4294967296 * (2097151 & b) + (a >>> 0);
}
