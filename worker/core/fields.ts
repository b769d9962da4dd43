/** The fields that conditions may name: those of one event (`where`) and those of a lead (`while`, `when`). */
import type { Field, Scope } from "./condition";
import type { EventType, LoggedEvent } from "./event";

export const EVENT_FIELDS = [
  "path",
  "url",
  "host",
  "referrer",
  "title",
  "source",
  "medium",
  "campaign",
  "term",
  "content",
  "country",
] as const;
export type EventField = (typeof EVENT_FIELDS)[number];

export const LEAD_FIELDS = [
  "visits",
  "pageviews",
  "daysActive",
  "inactive",
  "email",
  "email.domain",
  "email.free",
  "known",
  "verified",
  "source.channel",
  "source.referrer",
  "source.campaign",
  "country",
  "status",
  "feedback",
] as const;
export type LeadField = (typeof LEAD_FIELDS)[number];

/** Event types that `on` and `since` name directly; they win over a track event of the same name. */
const NAMED_TYPES: readonly EventType[] = ["page", "screen", "identify", "group"];

/** What rules look events up by: an event type, or a track event's name without regard to case. */
export function triggerKey(on: string): string {
  const name = on.toLowerCase();
  return NAMED_TYPES.some((type) => type === name) ? name : `track:${name}`;
}

/** The key of an event, to meet `triggerKey`. */
export function eventKey(event: LoggedEvent): string {
  return event.type === "track" ? `track:${(event.event ?? "").toLowerCase()}` : event.type;
}

function plain(name: string, root = name, key = name): Field {
  return { name, unit: "plain", root, key, index: -1 };
}

/** Fields of an event. */
export const eventScope: Scope = (name) => {
  for (const root of ["properties", "traits"]) {
    if (name.startsWith(`${root}.`) && name.length > root.length + 1) {
      return plain(name, root, name.slice(root.length + 1));
    }
  }
  if (EVENT_FIELDS.some((field) => field === name)) return plain(name);
  return `unknown field "${name}": an event has ${EVENT_FIELDS.join(", ")}, properties.* and traits.*`;
};

/**
 * What the fields of a lead refer to by name, in the order that the state keeps them; `null`: they cannot be read, so
 * that any name may be there.
 */
export interface Names {
  readonly counters: readonly string[] | null;
  readonly dimensions: readonly string[] | null;
  /** Position of an event that `since.*` asks for; the caller remembers those asked for. */
  since(key: string): number;
}

/** Fields of a lead; `score` and `scores.*` only where `scored` (levels' `when`). */
export function leadScope(names: Names, scored: boolean): Scope {
  return (name) => {
    if (LEAD_FIELDS.some((field) => field === name)) {
      return { ...plain(name), unit: name === "inactive" ? "duration" : "plain" };
    }
    if (name === "score" || name.startsWith("scores.")) {
      if (!scored) return `${name} can be tested in the "when" of a level only`;
      return name === "score" ? plain(name) : indexed(name, "scores", names.dimensions, "dimension");
    }
    if (name.startsWith("counters.")) return indexed(name, "counters", names.counters, "counter");
    if (name.startsWith("traits.") && name.length > 7) return plain(name, "traits", name.slice(7));
    if (name.startsWith("since.") && name.length > 6) {
      const key = name.slice(6);
      return { name, unit: "duration", root: "since", key, index: names.since(triggerKey(key)) };
    }
    const also = `traits.*, since.*, counters.*${scored ? ", score and scores.*" : ""}`;
    return `unknown field "${name}": a lead has ${LEAD_FIELDS.join(", ")}, ${also}`;
  };
}

function indexed(name: string, root: string, known: readonly string[] | null, what: string): Field | string {
  const key = name.slice(root.length + 1);
  const index = known === null ? 0 : known.indexOf(key);
  if (known === null || index >= 0) return { name, unit: "plain", root, key, index };
  return `unknown ${what} "${key}"${known.length > 0 ? `: there are ${known.join(", ")}` : ": none is defined"}`;
}
