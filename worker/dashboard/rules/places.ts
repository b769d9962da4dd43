/** Where the parts of a document stand in its text, so that what is said of a part leads to its line. */

import { escapePointer } from "../../core/problems";

interface Open {
  pointer: string;
  /** Of an array: the place of the item that comes. */
  index: number | null;
}

/** Texts, brackets, and what separates: all that tells where one is. */
const TOKENS = /"(?:[^"\\\n]|\\.)*"?|[{}[\],:]|[^\s{}[\],:"]+|\n/g;

/** The line of every part by its JSON pointer ("#/rules/0"), from 1. Of text that is no JSON, as far as it makes sense. */
export function linesOf(text: string): Map<string, number> {
  const lines = new Map([["#", 1]]);
  const open: Open[] = [];
  let line = 1;
  let key: string | null = null;
  for (const [token] of text.matchAll(TOKENS)) {
    const top = open.at(-1);
    if (token === "\n") line++;
    else if (token === "}" || token === "]") open.pop();
    else if (token === ",") {
      key = null;
      if (top && top.index !== null) top.index++;
    } else if (token === ":") continue;
    else if (top && top.index === null && key === null) {
      key = step(token);
      lines.set(`${top.pointer}/${key}`, line);
    } else {
      const pointer = top ? `${top.pointer}/${top.index ?? key}` : "#";
      if (!lines.has(pointer)) lines.set(pointer, line);
      if (token === "{" || token === "[") {
        open.push({ pointer, index: token === "[" ? 0 : null });
        key = null;
      }
    }
  }
  return lines;
}

/** A key as a step of a pointer (RFC 6901 §6). */
function step(token: string): string {
  try {
    return escapePointer(String(JSON.parse(token)));
  } catch {
    return token;
  }
}

/** The line of a part, or of the nearest one around it that is there. */
export function lineOf(lines: ReadonlyMap<string, number>, pointer: string): number {
  for (let at = pointer; at.includes("/"); at = at.slice(0, at.lastIndexOf("/"))) {
    const line = lines.get(at);
    if (line !== undefined) return line;
  }
  return 1;
}

type Wanted = "value" | "value or ]" | "key" | "key or }" | ":" | ", or end";

/** The line at which a text stops being JSON; engines do not all tell. `null`: it is JSON all through. */
export function lineOfMistake(text: string): number | null {
  const open: ("{" | "[")[] = [];
  let wanted: Wanted = "value";
  let line = 1;
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === "\n") line++;
    else {
      const next = after(token, wanted, open);
      if (next === null) return line;
      wanted = next;
    }
  }
  return open.length > 0 || wanted !== ", or end" ? line : null;
}

/** What is wanted after a token; `null` where it may not stand. */
function after(token: string, wanted: Wanted, open: ("{" | "[")[]): Wanted | null {
  const inner = open.at(-1);
  const takesValue = wanted === "value" || wanted === "value or ]";
  switch (token) {
    case "{":
    case "[":
      if (takesValue) open.push(token);
      return takesValue ? (token === "{" ? "key or }" : "value or ]") : null;
    case "}":
    case "]": {
      const isEnd = wanted === ", or end" || wanted === (token === "}" ? "key or }" : "value or ]");
      return isEnd && open.pop() === (token === "}" ? "{" : "[") ? ", or end" : null;
    }
    case ",":
      return wanted === ", or end" && inner ? (inner === "{" ? "key" : "value") : null;
    case ":":
      return wanted === ":" ? "value" : null;
    default:
      if (!isWhole(token)) return null;
      if (wanted === "key" || wanted === "key or }") return token.startsWith('"') ? ":" : null;
      return takesValue ? ", or end" : null;
  }
}

function isWhole(token: string): boolean {
  try {
    JSON.parse(token);
    return true;
  } catch {
    return false;
  }
}
