/**
 * Pruning: an event older than the site keeps events whole is brought down to what the fold needs of it. It stays in
 * its place, so replays, unions and views find what they found before; of its content only the verdict of the rules is
 * left. A condition that nobody had written by then is not met by it.
 */
import type { LoggedEvent, Pruned } from "./event";
import { eventKey } from "./fields";
import { amountOf, foldEvent, limitKey, meets, triggeredBy } from "./fold";
import { SALES_EVENTS } from "./person";
import type { RuleSet } from "./rules";
import { firstTouch } from "./source";
import { emptyState, type State } from "./state";

/** Whether an event can be pruned; what sales say lasts as long as the lead. */
function isPrunable(event: LoggedEvent): boolean {
  return !event.pruned && !(event.verified && SALES_EVENTS.includes(eventKey(event)));
}

/** Time of the oldest event that can be pruned, ms, of those that `oldestAt` is of and one more; `null`: none can. */
export function oldestWith(oldestAt: number | null, event: LoggedEvent): number | null {
  return isPrunable(event) ? Math.min(oldestAt ?? event.timestamp, event.timestamp) : oldestAt;
}

/**
 * A whole log, its events from before an instant (ms) pruned; the others are the same objects. Conditions on traits are
 * judged by what the lead's were at each event.
 */
export function pruneLog(rules: RuleSet, log: readonly LoggedEvent[], before: number): LoggedEvent[] {
  const state = emptyState(rules);
  const streams = new Set<string>();
  return log.map((event) => {
    foldEvent(rules, state, event);
    const isFirst = isFirstTouch(event, streams);
    if (event.timestamp >= before || !isPrunable(event)) return event;
    return remains(event, { ...noted(rules, state, event), ...(isFirst ? { source: firstTouch(event) } : {}) });
  });
}

/**
 * Whether an event may ever tell where somebody first came from. Views and splits part a log by who sent what, so only
 * the first page of each sender may: the referrers of all others would be a list of the pages that were read.
 */
function isFirstTouch(event: LoggedEvent, streams: Set<string>): boolean {
  if (event.machine || (event.type !== "page" && event.type !== "screen")) return false;
  const stream = JSON.stringify([event.visitor, event.userId, event.verified]);
  if (streams.has(stream)) return false;
  streams.add(stream);
  return true;
}

/** What stays of an event, by name: a field that somebody adds to events later goes unless it is added here. */
function remains(event: LoggedEvent, pruned: Pruned): LoggedEvent {
  const { type, event: name, timestamp, visitor, userId, country, machine, verified } = event;
  // What the log itself notes of who joined whom.
  const { link, absorbed, absorbedVersion, unjoined, claimed } = event;
  // Traits and names last as long as the lead.
  const { traits, previousId, emailClaimed } = event;
  return {
    messageId: "",
    type,
    ...(name === undefined ? {} : { event: name }),
    timestamp,
    visitor,
    ...(userId === undefined ? {} : { userId }),
    ...(previousId === undefined ? {} : { previousId }),
    ...(traits && { traits }),
    ...(emailClaimed && { emailClaimed }),
    ...(event.context?.active === false ? { context: { active: false } } : {}),
    ...(country === undefined ? {} : { country }),
    ...(machine && { machine }),
    ...(verified && { verified }),
    ...(link === undefined ? {} : { link }),
    ...(absorbed === undefined ? {} : { absorbed }),
    ...(absorbedVersion === undefined ? {} : { absorbedVersion }),
    ...(unjoined && { unjoined }),
    ...(claimed && { claimed }),
    pruned,
  };
}

/** What the rules in force take from an event, given the lead's state right after it. */
function noted(rules: RuleSet, { traits }: State, event: LoggedEvent): Pruned {
  const triggered = event.machine ? undefined : triggeredBy(rules, event, eventKey(event));
  const met = new Set<string>();
  const sums: Pruned["sums"] = {};
  const by: Pruned["by"] = {};
  for (const counter of triggered?.counters ?? []) {
    if (!meets(counter, event, traits)) continue;
    met.add(counter.whereKey);
    const amount = amountOf(counter, event, traits);
    if (counter.sum && amount !== null) sums[counter.sum.name] = amount;
  }
  for (const rule of [...(triggered?.resets ?? []), ...(triggered?.acts ?? [])]) {
    if (!meets(rule, event, traits)) continue;
    met.add(rule.whereKey);
    const value = rule.limit?.by ? limitKey(rule.limit.by, event, traits) : "";
    if (rule.limit?.by && value !== "") by[rule.limit.by.name] = value;
  }
  met.delete("");
  return {
    ...(met.size > 0 ? { met: [...met] } : {}),
    ...(Object.keys(sums).length > 0 ? { sums } : {}),
    ...(Object.keys(by).length > 0 ? { by } : {}),
  };
}
