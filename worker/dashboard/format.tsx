/** Numbers, times and names as pages show them. Times are UTC, like everywhere in Kelvin. */
import type { FC } from "hono/jsx";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** At most one decimal, with a true minus sign. */
export function number(value: number): string {
  // Adding 0 makes -0 a plain 0.
  const rounded = Math.round(value * 10) / 10 + 0;
  return `${rounded}`.replace("-", "−");
}

/** Points with their sign. */
export function points(value: number): string {
  const text = number(value);
  return value > 0 && text !== "0" ? `+${text}` : text;
}

/** "1 lead", "3 leads". */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

export function date(ms: number, now: number): string {
  const at = new Date(ms);
  const year = at.getUTCFullYear() === new Date(now).getUTCFullYear() ? "" : ` ${at.getUTCFullYear()}`;
  return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}${year}`;
}

export function clock(ms: number): string {
  return new Date(ms).toISOString().slice(11, 16);
}

/** To the second, for whoever wants to know exactly. */
export function exact(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** A span of time in its largest unit. */
export function span(ms: number): string {
  if (ms < MINUTE_MS) return "under a minute";
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min`;
  if (ms < 2 * DAY_MS) return `${Math.floor(ms / HOUR_MS)} h`;
  return `${Math.floor(ms / DAY_MS)} days`;
}

/** A month's span reads better as a date. */
const RELATIVE_MAX_MS = 30 * DAY_MS;

export function relative(ms: number, now: number): string {
  const distance = now - ms;
  if (Math.abs(distance) > RELATIVE_MAX_MS) return date(ms, now);
  if (distance < 0) return `in ${span(-distance)}`;
  return distance < MINUTE_MS ? "just now" : `${span(distance)} ago`;
}

/** An instant: relative to read, exact on hover and for machines. */
export const Time: FC<{ at: string; now: number }> = ({ at, now }) => (
  <time datetime={at} title={exact(Date.parse(at))}>
    {relative(Date.parse(at), now)}
  </time>
);

/** A trait that is a text. */
function trait(traits: Record<string, unknown>, name: string): string | null {
  const value = traits[name];
  return typeof value === "string" && value !== "" ? value : null;
}

export interface Named {
  id: string;
  email: string | null;
  userIds: string[];
  traits: Record<string, unknown>;
}

/** What a lead is called: by the best that is known of it. */
export function leadName({ id, email, userIds, traits }: Named): string {
  const parts = [trait(traits, "firstName"), trait(traits, "lastName")].filter((part) => part !== null);
  const whole = trait(traits, "name") ?? parts.join(" ");
  return whole || email || userIds[0] || `Anonymous ${id.replace(/^lead_/, "").slice(0, 6)}`;
}

/** What a lead is, in a line under its name. */
export function leadRole({ traits, email }: Named, account: string | null): string {
  const role = [trait(traits, "title"), trait(traits, "company") ?? account].filter((part) => part !== null);
  return role.join(", ") || (email ?? "");
}
