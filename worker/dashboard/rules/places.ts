/** Where the parts of a document stand in its text, so that what is said of a part leads to its line. */

interface Open {
  pointer: string;
  /** Of an array: the place of the item that comes. */
  index: number | null;
}

/** Texts, brackets, and what separates: all that tells where one is. */
const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+|\n/g;

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
    return encodeURI(String(JSON.parse(token)).replaceAll("~", "~0").replaceAll("/", "~1"));
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

/** The line that the parser's words name: "… at position 41 (line 3 column 7)". */
export function lineOfError(text: string, detail: string): number | null {
  const position = /position (\d+)/.exec(detail)?.[1];
  if (position !== undefined) return text.slice(0, Number(position)).split("\n").length;
  return /end of JSON|Unterminated/i.test(detail) ? text.split("\n").length : null;
}
