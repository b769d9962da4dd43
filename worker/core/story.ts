/**
 * Made-up visitors: what somebody might do, a line for each event, as people write it down. From it come the messages
 * that a site would send.
 *
 *   page /pricing
 *   3d ago: Form Submitted form=demo
 *   trait title=Head of inbound email=ann@acme.example
 */
import { durationMs } from "./duration";
import type { Json, JsonObject } from "./event";

/** Most lines: a trial is for looking at rules, not for load. */
export const STORY_MAX_LINES = 200;

export interface Told {
  /** How long before now it happened, ms. */
  agoMs: number;
  message: JsonObject;
}

/** The messages of a story in the order of its lines, or what a line lacks. */
export function readStory(text: string): { told: Told[] } | { line: number; detail: string } {
  const lines = text.split("\n").map((one) => one.trim());
  if (lines.filter(Boolean).length > STORY_MAX_LINES) {
    return { line: STORY_MAX_LINES + 1, detail: `A made-up visitor does at most ${STORY_MAX_LINES} things.` };
  }
  const told: Told[] = [];
  for (const [i, line] of lines.entries()) {
    if (line === "") continue;
    const one = readLine(line);
    if (typeof one === "string") return { line: i + 1, detail: one };
    told.push(one);
  }
  return { told };
}

const AGO = /^(\S+) ago:?\s+(.+)$/;

function readLine(line: string): Told | string {
  const [, span, rest = ""] = AGO.exec(line) ?? [];
  if (span === undefined) return read(line, 0);
  const agoMs = durationMs(span);
  return agoMs === null ? `"${span} ago" is no time: write for instance "3d ago: page /pricing".` : read(rest, agoMs);
}

/** Where a field begins: a name with an equals sign right after it. */
const FIELD = /(?:^|\s+)([\w.$-]+)=/g;

function read(text: string, agoMs: number): Told | string {
  const fields = [...text.matchAll(FIELD)];
  const head = text.slice(0, fields[0]?.index ?? text.length).trim();
  const values = new Map(
    fields.map((field, i): [string, Json] => {
      const from = field.index + field[0].length;
      return [field[1] ?? "", scalar(text.slice(from, fields[i + 1]?.index).trim())];
    }),
  );
  // Conditions find a name that itself holds dots, so nothing needs to be taken apart.
  const properties: JsonObject = Object.fromEntries(values);
  const [, kind = "", path = ""] = /^(\S+)\s*(.*)$/.exec(head) ?? [];
  switch (kind.toLowerCase()) {
    case "page":
    case "screen":
      if (path !== "" && !path.startsWith("/")) return `"${path}" is no path: write for instance "page /pricing".`;
      return { agoMs, message: { type: kind.toLowerCase(), properties: { ...(path && { path }), ...properties } } };
    case "trait":
    case "traits":
    case "identify":
      if (values.size === 0) return 'A trait needs a name and a value: write for instance "trait title=Head of sales".';
      return { agoMs, message: { type: "identify", traits: properties } };
    case "":
      return 'An event needs a name: write for instance "Form Submitted form=demo".';
    default:
      return { agoMs, message: { type: "track", event: head, properties } };
  }
}

/** Numbers and yes or no are what they look like; quotes make a text of anything. */
function scalar(text: string): Json {
  if (text === "true" || text === "false") return text === "true";
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return Number(text);
  return /^".*"$/.test(text) ? text.slice(1, -1) : text;
}
