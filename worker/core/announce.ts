/** What webhooks are told of a lead: levels crossed, and that it is known, went up in another, or was disqualified. */
import type { Crossing } from "./play";

/** All there is to be told, and what a webhook can ask for. */
export const ANNOUNCEMENT_TYPES = [
  "lead.level.changed",
  "lead.identified",
  "lead.merged",
  "lead.disqualified",
] as const;
export type AnnouncementType = (typeof ANNOUNCEMENT_TYPES)[number];

/** One thing to be told of a lead: ids, levels and reasons only, nothing that the person stated. */
export interface Announcement {
  type: AnnouncementType;
  /** When it happened, ms. */
  at: number;
  /** What is told besides the lead and the instant. */
  data: { [name: string]: string | number };
}

/** What one write changes of a lead. */
export interface Change {
  /** The lead's instant, ms: of whatever has none of its own. */
  at: number;
  crossings: readonly Crossing[];
  /** Whether crossings that new rules caused are told. */
  tellsRules: boolean;
  isNewlyKnown: boolean;
  /** Ids of stored leads that went up in it. */
  absorbed: readonly string[];
  /** Why it is disqualified, where it was not before. */
  newlyDisqualified: string | null;
}

/** What is to be told of a change, in the order in which it happened as far as that is known. */
export function announcementsOf(change: Change): Announcement[] {
  const { at, crossings, tellsRules, isNewlyKnown, absorbed, newlyDisqualified } = change;
  const told = crossings.filter(({ cause }) => cause !== "rules" || tellsRules);
  const all: Announcement[] = [
    ...absorbed.map((mergedId): Announcement => ({ type: "lead.merged", at, data: { mergedId } })),
    ...(isNewlyKnown ? [{ type: "lead.identified", at, data: {} } satisfies Announcement] : []),
    ...told.map(levelChanged),
    ...(newlyDisqualified === null
      ? []
      : [{ type: "lead.disqualified", at, data: { reason: newlyDisqualified } } satisfies Announcement]),
  ];
  return all.toSorted((a, b) => a.at - b.at);
}

function levelChanged({ at, score, ...data }: Crossing): Announcement {
  return { type: "lead.level.changed", at, data: { ...data, score: Math.round(score) + 0 } };
}

/** The body of a call. */
export function bodyOf(leadId: string, { type, at, data }: Announcement): string {
  return body(type, at, { leadId, ...data });
}

/** The body of a test: of no lead, and of a type that nothing else has, so that no receiver takes it for news. */
export function testBody(webhookId: string, at: number): string {
  return body("webhook.test", at, { webhookId });
}

/** A body as Standard Webhooks have it. */
function body(type: string, at: number, data: object): string {
  const time = new Date(at).toISOString();
  return JSON.stringify({ type, timestamp: time, data: { ...data, at: time } });
}
