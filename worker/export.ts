/** A copy of everything that is kept of a person, for them to have: times as ISO 8601, names in place of positions. */
import { DAY_MS } from "./core/duration";
import type { Occurrences } from "./core/occurrences";
import type { CounterState, RuleState, State } from "./core/state";
import { type DeadLetter, deadOf } from "./db/dead";
import { type Entry, type Lead, readAllCrossings, readLog } from "./db/leads";
import { type Delivery, deliveriesOf } from "./db/outbox";
import type { SiteRules } from "./db/sites";
import type { Deps } from "./deps";
import { type Current, pendingCrossings } from "./lead";
import { showExplanation, showLead } from "./leads";

/** All there is of a lead. The site's secrets are none of it. */
export async function exportLead(deps: Deps, { site, lead, crossings }: Current) {
  const now = deps.clock();
  const at = Math.max(now, lead.state.clock ?? now);
  const events = await readLog(deps.db, lead);
  const stored = await readAllCrossings(deps.db, lead);
  const kept = keptOf(site, lead);
  const told = [...stored, ...crossings, ...pendingCrossings(site.rules, lead, now)];
  return {
    exportedAt: iso(now),
    site: { id: site.id, name: site.name },
    lead: showLead(site, lead, at),
    keys: lead.keys,
    explanation: showExplanation(site, lead.state, at),
    events: events.map(showEntry),
    crossings: told.map((crossing) => ({ ...crossing, at: iso(crossing.at) })),
    deliveries: (await deliveriesOf(deps.db, lead.id)).map(showDelivery),
    deadLetters: (await deadOf(deps.db, site.id, lead.keys)).map(showDeadLetter),
    kept,
  };
}

const iso = (ms: number) => new Date(ms).toISOString();
const isoOrNull = (ms: number | null) => (ms === null ? null : iso(ms));

function showEntry({ timestamp, receivedAt, visitor, ...event }: Entry) {
  return {
    ...event,
    anonymousId: visitor === "" ? null : visitor,
    timestamp: iso(timestamp),
    receivedAt: iso(receivedAt),
  };
}

/** What webhooks were told of them. Where, and what was answered, is the site's. */
function showDelivery({ id, type, status, createdAt, body }: Delivery) {
  return { id, type, status, createdAt: iso(createdAt), sent: JSON.parse(body) };
}

/** What they sent and could not be folded. */
function showDeadLetter({ diedAt, events }: DeadLetter) {
  return { diedAt: iso(diedAt), messages: events.map(({ event }) => event) };
}

/** What is kept between events, to know the score from: of no use elsewhere, but theirs. */
function keptOf({ rules }: SiteRules, lead: Lead) {
  const { told, dueAt, refreshAt, outcomeAt, score, scores, version } = lead;
  return {
    version,
    told: { ...told, at: isoOrNull(told.at) },
    dueAt: isoOrNull(dueAt),
    refreshAt: isoOrNull(refreshAt),
    outcomeAt: isoOrNull(outcomeAt),
    score,
    scores,
    state: showState(lead.state, {
      rules: rules.rules.map(({ id }) => id),
      counters: rules.counters.map(({ name }) => name),
      since: rules.since,
    }),
  };
}

interface Names {
  rules: readonly string[];
  counters: readonly string[];
  since: readonly string[];
}

function showState(state: State, names: Names) {
  const { clock, firstSeen, active, days, visitors, rules, counters, since, ...rest } = state;
  return {
    ...rest,
    clock: isoOrNull(clock),
    firstSeen: isoOrNull(firstSeen),
    active: isoOrNull(active),
    days: days.map((day) => iso(day * DAY_MS).slice(0, "2026-01-05".length)),
    visitors: visitors.map((visitor) => ({ ...visitor, lastSeen: iso(visitor.lastSeen) })),
    rules: named(names.rules, rules, (rule) => showRule(rule)),
    counters: named(names.counters, counters, (counter) => showTimes(counter)),
    since: named(names.since, since, (at) => iso(at)),
  };
}

/** Lists that run parallel to those of the rule set, by name; without what is empty. */
function named<T, Shown>(names: readonly string[], list: readonly (T | null)[], show: (one: T) => Shown) {
  const shown = list.flatMap((one, i): [string, Shown][] => (one === null ? [] : [[names[i] ?? String(i), show(one)]]));
  return Object.fromEntries(shown);
}

function showRule({ lastAt, pool, ...rest }: RuleState) {
  return { ...rest, lastAt: isoOrNull(lastAt), pool: pool && showTimes(pool) };
}

function showTimes(one: CounterState | Exclude<RuleState["pool"], null>) {
  if ("times" in one)
    return { times: one.times.map(iso), values: one.values } satisfies Record<keyof Occurrences, unknown>;
  return "at" in one && one.at !== undefined ? { ...one, at: iso(one.at) } : one;
}
