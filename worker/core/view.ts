/**
 * A lead seen at an instant, or over a stretch of time in which nothing happens to it: the values of its fields, its
 * `while` rules, its scores. Over a stretch, whatever changes with time is a `Range`.
 */
import { type Field, judge, Range, type Value, type Verdict } from "./condition";
import { canJoin, type Decay, joined, type Pool, worth, worthBetween } from "./decay";
import { DURATION_MAX_MS } from "./duration";
import type { LeadField } from "./fields";
import { EMAIL_KEY } from "./identity";
import { isFreeMail } from "./mail";
import { dig } from "./read";
import type { Dimension, OnRule, RuleSet, WhileRule } from "./rules";
import type { State } from "./state";

/** Unrounded scores; over a stretch the lowest and the highest. */
export interface Scores {
  low: number[];
  high: number[];
}

/** A rule that time can make true or false; `null`: it may be either. */
interface TimedVerdict {
  rule: WhileRule;
  verdict: Verdict;
}

/** What stands still of a state, until that is folded into. */
const found = new WeakMap<State, StillLife>();

/** Whoever changes a state says so here. */
export function isFolded(state: State): void {
  found.delete(state);
}

/**
 * What of a lead stands still while nothing happens to it: found once, and used for every stretch of time that is
 * looked at.
 */
class StillLife {
  /** Points that do not change, by dimension. */
  readonly sums: number[];
  /** Awards that fade; those of one half-life and dimension as one. */
  readonly fading: { dimension: number; decay: Decay; pool: Pool }[] = [];
  /** The same across all dimensions without a clamp: what two of them lose and gain at once cancels in the score. */
  readonly fadingFreely: { decay: Decay; pool: Pool }[] = [];
  /** `while` rules that time can make true or false. */
  readonly timed: readonly TimedVerdict[];
  /** The first rule, in document order, that disqualifies whatever the time. */
  readonly disqualifier: OnRule | WhileRule | null;

  static of(rules: RuleSet, state: State): StillLife {
    const known = found.get(state);
    if (known?.rules === rules) return known;
    const still = new StillLife(rules, state);
    found.set(state, still);
    return still;
  }

  private constructor(
    private readonly rules: RuleSet,
    state: State,
  ) {
    this.sums = rules.dimensions.map(() => 0);
    for (const rule of rules.on) {
      const pool = state.rules[rule.index]?.pool;
      if (!pool) continue;
      if (rule.decay.kind === "none") this.add(rule.dimension, worth(pool, rule.decay, 0));
      else this.fade(rule, pool, isFree(rules.dimensions[rule.dimension]));
    }
    let disqualifier: OnRule | WhileRule | null = rules.rules[state.disqualified ?? -1] ?? null;
    const still = new View(rules, state, state.clock ?? 0, state.clock ?? 0, this);
    const timed: TimedVerdict[] = [];
    // Most leads have told nothing of themselves, and most rules go by what they have.
    for (const rule of Object.keys(state.traits).length === 0 ? rules.whileUntold : rules.while) {
      if (rule.timed) timed.push({ rule, verdict: null });
      else if (judge(rule.while, still.read) === true) {
        if (rule.effect.kind === "points") this.add(rule.dimension, rule.effect.points);
        if (rule.effect.kind === "disqualify" && rule.index < (disqualifier?.index ?? Number.POSITIVE_INFINITY)) {
          disqualifier = rule;
        }
      }
    }
    this.disqualifier = disqualifier;
    // What is certain whatever the time need never be judged again.
    this.timed = new View(rules, state, state.clock ?? 0, Number.POSITIVE_INFINITY, this, timed).possible();
  }

  private add(dimension: number, points: number): void {
    this.sums[dimension] = (this.sums[dimension] ?? 0) + points;
  }

  private fade({ dimension, decay }: OnRule, pool: Pool, isFree: boolean): void {
    const alike = this.fading.find((one) => one.dimension === dimension && canJoin(one.decay, decay));
    if (alike) alike.pool = joined(alike.pool, pool, decay);
    else this.fading.push({ dimension, decay, pool });
    if (!isFree) return;
    const free = this.fadingFreely.find((one) => canJoin(one.decay, decay));
    if (free) free.pool = joined(free.pool, pool, decay);
    else this.fadingFreely.push({ decay, pool });
  }
}

export class View {
  private verdicts: readonly TimedVerdict[] | null = null;
  private clamped: Scores | null = null;
  private score: number | Range | null = null;

  /** `from` and `to` in ms, neither before the lead's clock; equal for an instant. */
  constructor(
    readonly rules: RuleSet,
    readonly state: State,
    readonly from: number,
    readonly to: number = from,
    private readonly still: StillLife = StillLife.of(rules, state),
    /** Those of its rules whose verdict the time can change, as far as that is known. */
    private readonly open: readonly TimedVerdict[] = still.timed,
  ) {}

  /** A part of the stretch: what is certain over the whole of it need not be judged again. */
  within(from: number, to: number): View {
    return new View(this.rules, this.state, from, to, this.still, this.possible());
  }

  /** Value of a lead's field. */
  readonly read = (field: Field): Value => {
    switch (field.root) {
      case "traits":
        return dig(this.state.traits, field.key);
      case "since":
        return this.age(this.state.since[field.index] ?? null);
      case "counters":
        return this.counter(field.index);
      case "score":
        return this.total();
      case "scores":
        return span(this.scores().low[field.index] ?? 0, this.scores().high[field.index] ?? 0);
      default:
        return this.plain(field.name as LeadField);
    }
  };

  /** Those that hold at some instant of the stretch at least. */
  possible(): readonly TimedVerdict[] {
    return this.timed().filter(({ verdict }) => verdict !== false);
  }

  /** The `while` rules that time can make true or false, and whether they hold. */
  private timed(): readonly TimedVerdict[] {
    this.verdicts ??= this.open.map((one) =>
      one.verdict === null ? { rule: one.rule, verdict: judge(one.rule.while, this.read) } : one,
    );
    return this.verdicts;
  }

  /** Scores by dimension, clamped. */
  scores(): Scores {
    this.clamped ??= clamp(this.rules.dimensions, this.rawScores());
    return this.clamped;
  }

  /** Scores by dimension before the clamps of the dimensions. */
  rawScores(): Scores {
    const raw = this.fixedScores();
    for (const { dimension, decay, pool } of this.still.fading) {
      const [low, high] = worthBetween(pool, decay, this.from, this.to);
      add(raw, dimension, low, high);
    }
    return raw;
  }

  /** The same without the awards that fade. */
  private fixedScores(): Scores {
    const fixed = { low: this.still.sums.slice(), high: this.still.sums.slice() };
    for (const { rule, verdict } of this.timed()) {
      if (rule.effect.kind !== "points" || verdict === false) continue;
      const { points } = rule.effect;
      add(fixed, rule.dimension, verdict ? points : Math.min(0, points), verdict ? points : Math.max(0, points));
    }
    return fixed;
  }

  /** The score: the sum of the dimensions. */
  total(): number | Range {
    this.score ??= this.totalled();
    return this.score;
  }

  private totalled(): number | Range {
    const { low, high } = this.scores();
    if (this.still.fadingFreely.length === 0) return span(sum(low), sum(high));
    // Dimensions without a clamp: what each may be at most is not what all may be at once. The same sum for an instant,
    // in the same order, lies within that of its stretch to the last bit.
    const fixed = this.fixedScores();
    let least = 0;
    let most = 0;
    for (const { decay, pool } of this.still.fadingFreely) {
      const [a, b] = worthBetween(pool, decay, this.from, this.to);
      least += a;
      most += b;
    }
    for (const [i, dimension] of this.rules.dimensions.entries()) {
      least += (isFree(dimension) ? fixed.low[i] : low[i]) ?? 0;
      most += (isFree(dimension) ? fixed.high[i] : high[i]) ?? 0;
    }
    return span(least, most);
  }

  /**
   * Why the lead is disqualified: the first reason in document order; `null` where it is not. `undefined`: over the
   * stretch it may be either, or for one reason or another.
   */
  disqualified(): string | null | undefined {
    const { disqualifier } = this.still;
    let maybe = false;
    for (const { rule, verdict } of this.timed()) {
      if (rule.effect.kind !== "disqualify" || verdict === false) continue;
      if (disqualifier && disqualifier.index < rule.index) break;
      if (verdict === true) return rule.effect.reason;
      maybe = true;
    }
    if (disqualifier?.effect.kind === "disqualify") return disqualifier.effect.reason;
    return maybe ? undefined : null;
  }

  /** Whether time alone will still change what is shown of the scores. */
  fades(): boolean {
    return !this.looksSameUntil(this.from + DURATION_MAX_MS);
  }

  /** Whether what is shown of the scores, rounded, stays as it is until an instant, if nothing happens. */
  looksSameUntil(to: number): boolean {
    const { low, high } = new View(this.rules, this.state, this.from, to, this.still).scores();
    const isSame = (a: number, b: number) => Math.round(a) === Math.round(b);
    return isSame(sum(low), sum(high)) && low.every((value, i) => isSame(value, high[i] ?? value));
  }

  private age(since: number | null): number | Range | undefined {
    return since === null ? undefined : span(Math.max(0, this.from - since), Math.max(0, this.to - since));
  }

  private counter(index: number): number | Range {
    const counter = this.rules.counters[index];
    const known = this.state.counters[index];
    if (!counter || !known) return 0;
    if ("sum" in known) return counter.within === "visit" && known.visit !== this.state.visits ? 0 : known.sum;
    const windowMs = typeof counter.within === "number" ? counter.within : Number.POSITIVE_INFINITY;
    let low = 0;
    let high = 0;
    for (let i = 0; i < known.times.length; i++) {
      const at = known.times[i] ?? 0;
      const value = known.values[i] ?? 0;
      // An occurrence that leaves the window during the stretch may or may not count.
      if (at > this.to - windowMs) {
        low += value;
        high += value;
      } else if (at > this.from - windowMs) {
        low += Math.min(0, value);
        high += Math.max(0, value);
      }
    }
    return span(low, high);
  }

  private plain(name: LeadField): Value {
    const { state } = this;
    switch (name) {
      case "visits":
      case "pageviews":
      case "country":
      case "status":
      case "feedback":
      case "verified":
        return state[name];
      case "daysActive":
        return state.daysBefore + state.days.length;
      case "inactive":
        return this.age(state.active);
      case "email":
        return emailOf(state);
      case "known":
        return isKnown(state);
      case "email.domain":
        return emailDomain(state);
      case "email.free": {
        const domain = emailDomain(state);
        return domain === undefined ? undefined : isFreeMail(domain);
      }
      case "source.channel":
        return state.source?.channel;
      case "source.referrer":
        return state.source?.referrer;
      case "source.campaign":
        return state.source?.campaign;
    }
  }
}

function add(to: Scores, dimension: number, low: number, high: number): void {
  to.low[dimension] = (to.low[dimension] ?? 0) + low;
  to.high[dimension] = (to.high[dimension] ?? 0) + high;
}

function isFree(dimension: Dimension | undefined): boolean {
  return dimension?.min === Number.NEGATIVE_INFINITY && dimension.max === Number.POSITIVE_INFINITY;
}

/** Brings scores within the ends of their dimensions, in place. */
function clamp(dimensions: readonly Dimension[], scores: Scores): Scores {
  dimensions.forEach(({ min, max }, i) => {
    scores.low[i] = Math.min(max, Math.max(min, scores.low[i] ?? 0));
    scores.high[i] = Math.min(max, Math.max(min, scores.high[i] ?? 0));
  });
  return scores;
}

function span(low: number, high: number): number | Range {
  return low === high ? low : new Range(low, high);
}

export function sum(values: readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** The lead's e-mail address, its trait `email`. */
export function emailOf(state: State): string | undefined {
  const email = dig(state.traits, "email");
  return typeof email === "string" && email !== "" ? email : undefined;
}

/** Whether somebody said who the lead is: it has a userId or an e-mail address. */
export function isKnown(state: State): boolean {
  return state.userIds.length > 0 || emailOf(state) !== undefined;
}

/** The company that the lead's address is of: its domain, where that is not a free mail provider's. */
export function accountOf(state: State): string | null {
  const domain = emailDomain(state);
  return domain && !isFreeMail(domain) ? domain : null;
}

/** Most characters of each text that a lead is searched by. */
const SEARCHED_MAX_CHARS = 256;

/**
 * What lists find a lead by, lower case, a line each: its account, empty where it has none, then its address, userIds, name,
 * first and last name, company, and other addresses among its keys. `null`: it has nothing of that.
 */
export function searchTextOf(state: State, keys: readonly string[]): string | null {
  const { traits, userIds } = state;
  const textOf = (trait: string) => {
    const value = dig(traits, trait) ?? "";
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  };
  const person = `${textOf("firstName")} ${textOf("lastName")}`.trim();
  const addresses = keys.filter((key) => key.startsWith(EMAIL_KEY)).map((key) => key.slice(EMAIL_KEY.length));
  const own = [textOf("email"), ...userIds, textOf("name"), person, textOf("company")];
  const texts = [...own, ...addresses].filter(Boolean);
  const lines = texts.map((text) => text.slice(0, SEARCHED_MAX_CHARS).toLowerCase());
  return lines.length > 0 ? [accountOf(state) ?? "", ...new Set(lines)].join("\n") : null;
}

/** Domain of the lead's e-mail address, lower case. */
function emailDomain(state: State): string | undefined {
  const email = emailOf(state);
  return email?.includes("@") ? email.slice(email.lastIndexOf("@") + 1).toLowerCase() : undefined;
}
