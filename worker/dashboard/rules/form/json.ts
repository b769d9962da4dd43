/** Plain JSON, changed without changing it: parts keep their places, so that a diff shows what was meant and no more. */

export type Part = Record<string, unknown>;

export function isPart(value: unknown): value is Part {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** The entries of an object, none where it is something else. */
export function entriesOf(value: unknown): [string, unknown][] {
  return isPart(value) ? Object.entries(value) : [];
}

export function itemsOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** With one field set in its place, or at the end; `undefined` takes it out. */
export function withField(part: Part, name: string, value: unknown): Part {
  if (value === undefined) return Object.fromEntries(Object.entries(part).filter(([known]) => known !== name));
  const entries = Object.entries(part);
  if (!Object.hasOwn(part, name)) return Object.fromEntries([...entries, [name, value]]);
  return Object.fromEntries(entries.map(([known, one]) => [known, known === name ? value : one]));
}

/** With an item replaced by others. */
export function withItem(items: readonly unknown[], at: number, ...others: unknown[]): unknown[] {
  return items.toSpliced(at, 1, ...others);
}
