/** A draft of the rules tried on one lead, or on a visitor that somebody makes up. Nothing is written. */

import type { LoggedEvent } from "./core/event";
import { explain } from "./core/explain";
import { levelNames, levelsNow } from "./core/levels";
import { type Received, receive } from "./core/message";
import { replay } from "./core/play";
import type { RuleSet } from "./core/rules";
import type { State } from "./core/state";
import type { Told } from "./core/story";
import { emailOf, View } from "./core/view";
import { readLog } from "./db/leads";
import type { SiteRules } from "./db/sites";
import type { Deps } from "./deps";
import { Failure } from "./failure";
import { openLead } from "./leads";
import { compileDraft } from "./rules";

/** Where somebody stands under one rule set, and why. */
function standingOf(rules: RuleSet, state: State, at: number) {
  const { exact, lines, clamps } = explain(rules, state, at);
  return {
    exact,
    levels: levelNames(rules, levelsNow(rules, state, at)),
    disqualified: new View(rules, state, at).disqualified() ?? null,
    lines: lines.map((line) => ({
      ...line,
      lastAt: line.lastAt === null ? null : new Date(line.lastAt).toISOString(),
    })),
    clamps,
  };
}

export interface Trial {
  /** `null`: made up. */
  lead: { id: string; email: string | null; userIds: string[]; traits: Record<string, unknown> } | null;
  before: ReturnType<typeof standingOf>;
  after: ReturnType<typeof standingOf>;
}

/** A stored lead under the rules in force and under the draft. */
export async function tryLead(deps: Deps, site: SiteRules, document: unknown, id: string): Promise<Trial> {
  const draft = compileDraft(document);
  const { site: fresh, lead } = await openLead(deps, site, id);
  const { state } = lead;
  const at = Math.max(deps.clock(), state.clock ?? 0);
  return {
    lead: { id: lead.id, email: emailOf(state) ?? null, userIds: state.userIds, traits: state.traits },
    before: standingOf(fresh.rules, state, at),
    after: standingOf(draft, replay(draft, await readLog(deps.db, lead)), at),
  };
}

/** A made-up visitor under both. Its messages are read as if a browser had sent them. */
export function tryStory(deps: Deps, site: SiteRules, document: unknown, story: readonly Told[]): Trial {
  const draft = compileDraft(document);
  const now = deps.clock();
  // Longest ago first, as it would have come in.
  const events = story
    .map((told, index) => received(deps, told, index, now))
    .toSorted((a, b) => a.timestamp - b.timestamp);
  return {
    lead: null,
    before: standingOf(site.rules, replay(site.rules, events), now),
    after: standingOf(draft, replay(draft, events), now),
  };
}

function received(deps: Deps, { agoMs, message }: Told, index: number, now: number): LoggedEvent {
  const raw = { ...message, anonymousId: "made-up", messageId: `made-up-${index}`, timestamp: now - agoMs };
  // Trusted only to be as old as somebody likes: what it says of itself is a claim.
  const reception = { now, sentAt: null, trusted: true, isMachine: () => false, newId: deps.newId };
  const result: Received | { detail: string } = receive(raw, index, reception);
  if (!("event" in result)) throw new Failure("invalid_request", `Event ${index + 1}: ${result.detail}`);
  const { verified: _, ...event } = result.event;
  return event;
}
