/** Rule documents as text: pretty-printed, and what changed between two of them. */

/** Up to this many columns a part of the document stays on one line, as people write rules. */
const LINE_MAX = 120;

/** JSON with short parts on one line: a rule reads as a row, and a diff of lines as a diff of rules. */
export function pretty(value: unknown, indent = "", used = 0): string {
  const flat = oneLine(value);
  if (indent.length + used + flat.length <= LINE_MAX || value === null || typeof value !== "object") return flat;
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    return `[\n${value.map((one) => inner + pretty(one, inner)).join(",\n")}\n${indent}]`;
  }
  const parts = Object.entries(value).map(([name, one]) => {
    const key = `${JSON.stringify(name)}: `;
    return `${inner}${key}${pretty(one, inner, key.length)}`;
  });
  return `{\n${parts.join(",\n")}\n${indent}}`;
}

function oneLine(value: unknown): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(oneLine).join(", ")}]`;
  const parts = Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${oneLine(one)}`);
  return parts.length === 0 ? "{}" : `{ ${parts.join(", ")} }`;
}

export interface DiffLine {
  kind: "same" | "gone" | "new";
  text: string;
}

/** Cells of the table of common lines; past it the middle is shown as replaced, which is right if not the shortest. */
const CELLS_MAX = 4_000_000;

/** The lines of two texts, those only in the first `gone`, those only in the second `new`. */
export function diff(before: string, after: string): DiffLine[] {
  const a = before.split("\n");
  const b = after.split("\n");
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  const same = (lines: string[]): DiffLine[] => lines.map((text) => ({ kind: "same", text }));
  return [
    ...same(a.slice(0, head)),
    ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...same(a.slice(a.length - tail)),
  ];
}

/** By the longest common subsequence. */
function middle(a: string[], b: string[]): DiffLine[] {
  const width = b.length + 1;
  const common = a.length * b.length <= CELLS_MAX ? new Uint16Array((a.length + 1) * width) : null;
  const of = (i: number, j: number) => common?.[i * width + j] ?? 0;
  if (common) {
    for (let i = a.length - 1; i >= 0; i--) {
      for (let j = b.length - 1; j >= 0; j--) {
        common[i * width + j] = a[i] === b[j] ? of(i + 1, j + 1) + 1 : Math.max(of(i + 1, j), of(i, j + 1));
      }
    }
  }
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (common && i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ kind: "same", text: a[i] ?? "" });
      i++;
      j++;
    } else if (i < a.length && (j >= b.length || of(i + 1, j) >= of(i, j + 1))) {
      lines.push({ kind: "gone", text: a[i++] ?? "" });
    } else lines.push({ kind: "new", text: b[j++] ?? "" });
  }
  return lines;
}

/** Unchanged lines kept around a change: enough to see whose points they are, for a rule begins with its id. */
const CONTEXT = 5;

/** The changes with the lines around them; what lies between is left out. */
export function hunks(lines: readonly DiffLine[]): DiffLine[][] {
  const found: DiffLine[][] = [];
  let end = -1;
  for (const [i, { kind }] of lines.entries()) {
    if (kind === "same") continue;
    const start = Math.max(0, i - CONTEXT);
    const until = Math.min(lines.length, i + CONTEXT + 1);
    if (start <= end) found.at(-1)?.push(...lines.slice(end, until));
    else found.push(lines.slice(start, until));
    end = until;
  }
  return found;
}
