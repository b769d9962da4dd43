/**
 * The latest events of a lead, in its own row: a line of JSON each. A beacon adds a line and has no need to read the
 * others, so they stay text until somebody asks.
 */
import type { Entry } from "./leads";

/** When a tail is moved to the log table: at so many events or characters. Larger makes long rows, smaller many. */
export const TAIL_MAX_EVENTS = 32;
export const TAIL_MAX_CHARS = 32_768;

export class Tail {
  private parsed: readonly Entry[] | null = null;

  constructor(readonly text = "") {}

  static of(entries: readonly Entry[]): Tail {
    return new Tail(entries.map((entry) => JSON.stringify(entry)).join("\n"));
  }

  with(entry: Entry): Tail {
    return new Tail(this.text === "" ? JSON.stringify(entry) : `${this.text}\n${JSON.stringify(entry)}`);
  }

  get lines(): string[] {
    return this.text === "" ? [] : this.text.split("\n");
  }

  /** How many lines there are, without making any. */
  get count(): number {
    let count = this.text === "" ? 0 : 1;
    for (let at = this.text.indexOf("\n"); at >= 0; at = this.text.indexOf("\n", at + 1)) count++;
    return count;
  }

  get entries(): readonly Entry[] {
    this.parsed ??= this.lines.map((line): Entry => JSON.parse(line));
    return this.parsed;
  }

  get last(): Entry | null {
    return this.text === "" ? null : JSON.parse(this.text.slice(this.text.lastIndexOf("\n") + 1));
  }

  has(messageId: string): boolean {
    // Most are not there at all, which the text tells.
    if (!this.text.includes(JSON.stringify(messageId))) return false;
    return this.entries.some((entry) => entry.messageId === messageId);
  }
}

/** The tail that remains of one that has grown long, and the lines that go to the log; `null`: it has not. */
export function cut(tail: Tail): { moved: string[]; kept: Tail } | null {
  if (tail.count < 2 || (tail.count < TAIL_MAX_EVENTS && tail.text.length < TAIL_MAX_CHARS)) return null;
  const { lines } = tail;
  // The last event stays, for its receivedAt is where the next one's begins.
  return { moved: lines.slice(0, -1), kept: new Tail(lines.at(-1)) };
}
