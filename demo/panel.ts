/**
 * What the demo's panel shows, asked from the marketers' API with the admin key and cut down to what it needs.
 * Never throws: without an answer the panel says that Kelvin is offline, and the site goes on.
 */
import type { Env } from "./server";

/** An award, or a state that counts now, in words a visitor of the demo understands. */
export interface PanelLine {
  rule: string;
  points: number;
  because: string;
  /** When the award was given; `null`: it is a state, counted as long as it holds. */
  at: string | null;
}

export type PanelState =
  | { online: false }
  | { online: true; lead: null }
  | {
      online: true;
      lead: { stage: string | null };
      /** Newest first. */
      awards: PanelLine[];
      states: PanelLine[];
    };

interface Lead {
  levels: Record<string, string>;
  visitors: { id: string }[];
}
interface LoggedEvent {
  type: string;
  event?: string;
  timestamp: string;
  anonymousId: string | null;
  properties?: Record<string, unknown> | null;
  awards?: { id: string; dimension: string; points: number }[];
}
interface Explanation {
  data: {
    id: string;
    points: number;
    fired?: number;
    state: string;
    because?: { field: string; test: unknown; actual: unknown; holds: boolean }[];
  }[];
}

const EVENTS = 20;
const AWARDS_SHOWN = 5;
const STATES_SHOWN = 4;

export async function readPanel(visitor: string | null, env: Env): Promise<PanelState> {
  if (!visitor) return { online: true, lead: null };
  const path = `/v1/leads/visitor:${encodeURIComponent(visitor)}`;
  try {
    const [lead, explanation, events] = await Promise.all([
      ask<Lead>(env, path),
      ask<Explanation>(env, `${path}/explanation`),
      ask<{ data: LoggedEvent[] }>(env, `${path}/events`, `&limit=${EVENTS}`),
    ]);
    if (!lead || !explanation || !events) return { online: true, lead: null };
    // Somebody else's e-mail may have been typed into the form: awards and states are of one lead then, the marketer's
    // view, and what this browser is shown comes from its own events alone.
    const alone = lead.visitors.every(({ id }) => id === visitor);
    return {
      online: true,
      lead: { stage: alone ? (lead.levels.stage ?? null) : null },
      awards: alone ? awards(events.data).slice(0, AWARDS_SHOWN) : [],
      states: alone ? states(explanation).slice(0, STATES_SHOWN) : [],
    };
  } catch {
    return { online: false };
  }
}

/** `null` where there is no such lead (yet). */
async function ask<T>(env: Env, path: string, query = ""): Promise<T | null> {
  const response = await env.KELVIN.fetch(`http://kelvin${path}?site=demo${query}`, {
    headers: { authorization: `Bearer ${env.KELVIN_ADMIN_KEY}` },
  });
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json<T>();
}

function awards(events: readonly LoggedEvent[]): PanelLine[] {
  return events.flatMap((event) =>
    (event.awards ?? []).map(({ id, points }) => ({
      rule: id,
      points,
      // An award that a full group cut to nothing has still been given.
      because: points === 0 ? `${describe(event)}, but its group is full` : describe(event),
      at: event.timestamp,
    })),
  );
}

function describe({ type, event, properties }: LoggedEvent): string {
  const detail = properties?.file ?? properties?.form ?? properties?.cta ?? properties?.path;
  const what = type === "page" ? "Viewed" : (event ?? type);
  return typeof detail === "string" ? `${what} ${detail}` : what;
}

/** Rules that count now without having fired: they are states. */
function states({ data }: Explanation): PanelLine[] {
  return data
    .filter((rule) => rule.state === "counting" && !rule.fired && rule.points !== 0)
    .map((rule) => ({
      rule: rule.id,
      points: rule.points,
      because: (rule.because ?? []).map(({ field, actual }) => `${field} is ${String(actual)}`).join(", "),
      at: null,
    }));
}
