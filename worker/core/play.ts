/**
 * Playing events: the fold over many, with the levels crossed on the way.
 *
 * Levels move on the lead's own clock, so they depend on the events alone and a replay finds the same. What history
 * has been told is kept apart: a sweep may already have told of a crossing at noon when an event of eleven arrives.
 * Nothing told is taken back; the next thing told then starts from it.
 */
import type { LoggedEvent } from "./event";
import { type Award, foldEvent } from "./fold";
import { type CrossingCause, type Levels, levelsAt, levelsNow, passTime } from "./levels";
import type { RuleSet } from "./rules";
import { emptyState, type State } from "./state";
import { sum, View } from "./view";

/** One level left for another. Names, and the unrounded score at the instant. */
export interface Crossing {
  at: number;
  ladder: string;
  from: string;
  to: string;
  cause: CrossingCause;
  score: number;
  rulesVersion: number;
  messageId?: string;
}

/** What history says so far: level names by ladder (they outlive a rule set), and until when. */
export interface Told {
  levels: Record<string, string>;
  /** Instant of the latest crossing told, ms; `null` before the first. */
  at: number | null;
}

export const NOTHING_TOLD: Told = { levels: {}, at: null };

/** The state after all events, from nothing: what the law measures everything else against. */
export function replay(rules: RuleSet, events: readonly LoggedEvent[]): State {
  const state = emptyState(rules);
  play(rules, state, events);
  return state;
}

export interface Played {
  /** Awards by event, in the order of the events. */
  awards: Award[][];
  crossings: Crossing[];
  told: Told;
}

/**
 * Folds events into `state`, in place. With `told`, crossings are found and told from there on. `quietUntil`: before when
 * time alone changes no level of the state as it is given, where that is known.
 */
export function play(
  rules: RuleSet,
  state: State,
  events: readonly LoggedEvent[],
  told?: Told,
  version = 0,
  quietUntil = Number.NEGATIVE_INFINITY,
): Played {
  const teller = told ? new Teller(rules, state, told, version) : null;
  const stepwise = teller !== null || rules.remembers;
  const awards = events.map((event, i) => {
    const isQuiet = i === 0 && event.timestamp < quietUntil;
    if (stepwise && !event.machine && !isQuiet) letTimePass(rules, state, event.timestamp, teller);
    const earned = foldEvent(rules, state, event);
    if (stepwise && state.clock !== null) {
      state.levels = [...levelsAt(rules, state, state.clock, state.levels)];
      teller?.tellEvent(event);
    }
    return earned;
  });
  if (!stepwise && state.clock !== null) state.levels = [...levelsAt(rules, state, state.clock, state.levels)];
  return { awards, crossings: teller?.crossings ?? [], told: teller?.told ?? NOTHING_TOLD };
}

function letTimePass(rules: RuleSet, state: State, until: number, teller: Teller | null): void {
  if (state.clock === null || until <= state.clock) return;
  for (const step of passTime(rules, state, state.levels, state.clock, until)) {
    state.levels = [...step.levels];
    teller?.tell(step.levels, step.at, "time");
  }
}

/** Turns levels into crossings, each told once and each starting where the one before it ended. */
export class Teller {
  readonly crossings: Crossing[] = [];
  told: Told;

  constructor(
    private readonly rules: RuleSet,
    private readonly state: State,
    told: Told,
    private readonly version: number,
  ) {
    this.told = { levels: { ...told.levels }, at: told.at };
  }

  /** Tells of the levels after an event, seen not earlier than what has been told already. */
  tellEvent(event: LoggedEvent): void {
    const clock = this.state.clock ?? event.timestamp;
    const at = Math.max(clock, this.told.at ?? clock);
    const steps = at > clock ? passTime(this.rules, this.state, this.state.levels, clock, at) : [];
    this.tell(steps.at(-1)?.levels ?? this.state.levels, at, "event", event.messageId);
  }

  /** Tells of everything that time alone has changed since, up to and including `until`. */
  tellTime(until: number): void {
    const { clock } = this.state;
    if (clock === null) return;
    const from = Math.max(clock, this.told.at ?? clock);
    for (const { levels, at } of passTime(
      this.rules,
      this.state,
      levelsNow(this.rules, this.state, from),
      from,
      until,
    )) {
      this.tell(levels, at, "time");
      this.told.at = at;
    }
  }

  tell(levels: Levels, at: number, cause: CrossingCause, messageId?: string): void {
    if (this.told.at !== null && at < this.told.at) return;
    for (const [i, { name: ladder, levels: known }] of this.rules.ladders.entries()) {
      const from = this.told.levels[ladder] ?? known[0]?.name ?? "";
      const to = known[levels[i] ?? 0]?.name ?? from;
      if (from === to) continue;
      const score = sum(new View(this.rules, this.state, at).scores().low);
      const crossing: Crossing = { at, ladder, from, to, cause, score, rulesVersion: this.version };
      this.crossings.push(messageId === undefined ? crossing : { ...crossing, messageId });
      this.told.levels[ladder] = to;
      this.told.at = at;
    }
  }
}
