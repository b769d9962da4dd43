/** Reading fields out of plain JSON: the values that conditions test. Never throws, never follows a prototype. */
import type { Field } from "./condition";
import type { Json, JsonObject, LoggedEvent } from "./event";
import type { EventField } from "./fields";

/** Whether a value of JSON is an object, and no list. */
export function isObject(value: unknown): value is JsonObject {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** The value at a dotted path; a key that itself holds dots wins over nesting. */
export function dig(object: Json | undefined, path: string): Json | undefined {
  if (!isObject(object)) return undefined;
  if (Object.hasOwn(object, path)) return object[path];
  const dot = path.indexOf(".");
  return dot < 0 ? undefined : dig(own(object, path.slice(0, dot)), path.slice(dot + 1));
}

/** A field of an event; `traits.*` are the lead's, after the event's own were merged. */
export function readEvent(field: Field, event: LoggedEvent, traits: JsonObject): Json | undefined {
  if (field.root === "properties") return dig(event.properties, field.key);
  if (field.root === "traits") return dig(traits, field.key);
  return readPlain(field.name as EventField, event);
}

function readPlain(name: EventField, event: LoggedEvent): Json | undefined {
  switch (name) {
    case "path":
      return pageField(event, "path") ?? urlPart(event, "pathname");
    case "url":
    case "title":
    case "referrer":
      return pageField(event, name);
    case "host":
      return pageField(event, "host") ?? urlPart(event, "hostname");
    case "country":
      return event.country;
    case "campaign":
      return campaignField(event, "name", "utm_campaign");
    default:
      return campaignField(event, name, `utm_${name}`);
  }
}

function pageField(event: LoggedEvent, name: string): Json | undefined {
  return (event.properties && own(event.properties, name)) ?? dig(event.context, `page.${name}`);
}

export function urlPart(event: LoggedEvent, part: "pathname" | "hostname"): string | undefined {
  return parseUrl(pageField(event, "url"))?.[part];
}

function campaignField(event: LoggedEvent, name: string, parameter: string): Json | undefined {
  return (
    dig(event.context, `campaign.${name}`) ??
    parseUrl(pageField(event, "url"))?.searchParams.get(parameter) ??
    undefined
  );
}

export function parseUrl(text: Json | undefined): URL | null {
  return typeof text === "string" ? URL.parse(text) : null;
}

/** Sets an own property whatever its name: `__proto__` is a key like any other. */
export function put(object: JsonObject, key: string, value: Json): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Whether a value nests deeper than so many levels; looks no deeper itself. */
export function tooDeep(value: unknown, most: number): boolean {
  if (value === null || typeof value !== "object") return false;
  if (most === 0) return true;
  return Object.values(value).some((inner) => tooDeep(inner, most - 1));
}
