/**
 * From a document to a rule set that the fold can run. Validation and compilation are one pass, so what is accepted is
 * what runs; everything wrong is reported at once (contract: "Errors").
 */
import type * as z from "zod";
import { type Condition, compileCondition, type Field, leaves } from "./condition";
import type { Decay } from "./decay";
import { durationMs } from "./duration";
import type { Json } from "./event";
import { eventScope, leadScope, type Names, triggerKey } from "./fields";
import { escapePointer, type Problem, Problems, problemsOf } from "./problems";
import {
  type Counter,
  DEFAULT_DIMENSION,
  type Dimension,
  type Effect,
  type Group,
  type Ladder,
  type OnRule,
  type Rule,
  type RuleSet,
  TEMPERATURE,
  type Triggered,
  type WhileRule,
} from "./rules";
import {
  type CounterDocument,
  counterSchema,
  type DecayDocument,
  dimensionSchema,
  groupSchema,
  levelSchema,
  type RuleDocument,
  type RulesDocument,
  ruleSchema,
  rulesSchema,
} from "./schema";
import { canonical, digest } from "./text";

/** The rule set of a document, or everything that is wrong with it. */
export function compileRules(raw: unknown): { rules: RuleSet } | { errors: Problem[] } {
  const problems = new Problems();
  const parsed = rulesSchema.safeParse(raw);
  const shape = parsed.success ? [] : problemsOf(parsed.error.issues);
  for (const { pointer, detail } of shape) problems.add(pointer, detail);
  // The second half looks at every part that has the right shape, so that one call reports both kinds of mistake.
  const rules = new Assembly(isObject(raw) ? raw : {}, problems).build();
  return problems.list.length > 0 ? { errors: problems.list } : { rules };
}

type Raw = Record<string, unknown>;

function isObject(value: unknown): value is Raw {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** The entries of a record that have the right shape, each with its place. */
function entriesOf<T>(raw: unknown, schema: z.ZodType<T>, at: string): { name: string; value: T; at: string }[] {
  return Object.entries(isObject(raw) ? raw : {})
    .filter(([, value]) => schema.safeParse(value).success)
    .map(([name, value]) => ({ name, value: value as T, at: `${at}/${escapePointer(name)}` }));
}

/** Puts a rule set together from the parts of a document, noting what does not fit. */
class Assembly {
  private readonly dimensionNames: string[];
  private readonly groupNames: string[];
  private readonly since: string[] = [];
  private readonly names: Names;

  constructor(
    private readonly raw: Raw,
    private readonly problems: Problems,
  ) {
    const listed = Object.keys(isObject(raw.dimensions) ? raw.dimensions : {});
    this.dimensionNames = listed.length > 0 ? listed : [DEFAULT_DIMENSION];
    this.groupNames = Object.keys(isObject(raw.groups) ? raw.groups : {});
    this.names = {
      counters: Object.keys(isObject(raw.counters) ? raw.counters : {}),
      dimensions: this.dimensionNames,
      since: (key) => {
        if (!this.since.includes(key)) this.since.push(key);
        return this.since.indexOf(key);
      },
    };
  }

  build(): RuleSet {
    this.checkEnds("dimensions");
    this.checkEnds("groups");
    const dimensions = this.dimensions();
    const counters = this.counters();
    const rules = this.rules(new Map(dimensions.map(({ name, decay }) => [name, decay])));
    const on = rules.filter((rule) => "on" in rule);
    const ladders = this.ladders();
    return {
      document: this.raw as RulesDocument,
      dimensions,
      groups: this.groups(on),
      counters: counters.map(({ counter }) => counter),
      rules,
      on,
      while: rules.filter((rule) => "while" in rule),
      byEvent: triggers(on, counters),
      ladders,
      temperature: ladders.findIndex((ladder) => ladder.name === TEMPERATURE),
      since: this.since,
      remembers: ladders.some((ladder) => ladder.hysteresis > 0),
    };
  }

  private dimensions(): (Dimension & { decay: Decay })[] {
    const listed = entriesOf(this.raw.dimensions, dimensionSchema, "#/dimensions").map(({ name, value, at }) => ({
      name,
      ...ends(value),
      decay: this.decay(value.decay, `${at}/decay`),
    }));
    return listed.length > 0 ? listed : [{ name: DEFAULT_DIMENSION, ...ends({}), decay: { kind: "none" } }];
  }

  private groups(on: OnRule[]): Group[] {
    return entriesOf(this.raw.groups, groupSchema, "#/groups").map(({ name, value }) => ({
      name,
      ...ends(value),
      rules: on.filter((rule) => rule.group === this.groupNames.indexOf(name)),
    }));
  }

  /** Looks at every entry, also at those that are wrong in another way. */
  private checkEnds(part: "dimensions" | "groups"): void {
    const entries = this.raw[part];
    for (const [name, one] of Object.entries(isObject(entries) ? entries : {})) {
      if (!isObject(one) || typeof one.min !== "number" || typeof one.max !== "number" || one.min <= one.max) continue;
      const at = `#/${part}/${escapePointer(name)}/min`;
      this.problems.add(at, `ends are reversed: min must not be above max (${one.max})`);
    }
  }

  private decay(raw: DecayDocument | null | undefined, at: string): Decay {
    if (raw === null || raw === undefined) return { kind: "none" };
    const forms = Object.keys(raw).filter((key) => key !== "percent");
    const [kind] = forms;
    if (forms.length !== 1 || (kind === "every") !== (raw.percent !== undefined)) {
      const forms = '{ "halfLife": D }, { "linear": D }, { "expires": D } or { "every": D, "percent": P }';
      this.problems.add(at, `must be exactly one of ${forms}`);
      return { kind: "none" };
    }
    if (kind === "every") return { kind, ms: durationMs(raw.every) ?? 1, percent: raw.percent ?? 100 };
    if (kind === "halfLife" || kind === "linear" || kind === "expires") return { kind, ms: durationMs(raw[kind]) ?? 1 };
    return { kind: "none" };
  }

  private counters(): { counter: Counter; on: string }[] {
    return entriesOf(this.raw.counters, counterSchema, "#/counters").map(({ name, value, at }, index) => ({
      on: triggerKey(value.on),
      counter: { index, name, ...this.counted(value, at) },
    }));
  }

  private counted(raw: CounterDocument, at: string): Omit<Counter, "index" | "name"> {
    return {
      where: this.where(raw.where, `${at}/where`),
      whereKey: whereKey(raw.where),
      sum: raw.sum === undefined ? null : this.eventField(raw.sum, `${at}/sum`),
      within: raw.within === "visit" ? "visit" : durationMs(raw.within),
    };
  }

  private where(raw: unknown, at: string): Condition | null {
    return raw === undefined ? null : compileCondition(raw as Json, eventScope, at, this.problems);
  }

  private eventField(name: string, at: string): Field | null {
    const field = eventScope(name);
    if (typeof field !== "string") return field;
    this.problems.add(at, field);
    return null;
  }

  private rules(decays: Map<string, Decay>): (OnRule | WhileRule)[] {
    const seen = new Set<string>();
    const list = Array.isArray(this.raw.rules) ? this.raw.rules : [];
    return list.flatMap((raw: unknown, index): (OnRule | WhileRule)[] => {
      const at = `#/rules/${index}`;
      if (isObject(raw) && typeof raw.id === "string") {
        if (seen.has(raw.id)) this.problems.add(`${at}/id`, `duplicate id "${raw.id}": ids are unique`);
        seen.add(raw.id);
      }
      const parsed = ruleSchema.safeParse(raw);
      return parsed.success ? [this.rule(raw as RuleDocument, index, at, decays)] : [];
    });
  }

  private rule(raw: RuleDocument, index: number, at: string, decays: Map<string, Decay>): OnRule | WhileRule {
    const dimension = raw.dimension ?? this.dimensionNames[0] ?? DEFAULT_DIMENSION;
    const base: Rule = {
      index,
      id: raw.id,
      dimension: this.reference(dimension, this.dimensionNames, "dimension", `${at}/dimension`),
      group: raw.group === undefined ? -1 : this.reference(raw.group, this.groupNames, "group", `${at}/group`),
      effect: this.effect(raw, at),
    };
    if ((raw.on === undefined) === (raw.while === undefined)) {
      this.problems.add(at, 'must have exactly one of "on" (an event) and "while" (a state)');
    }
    if (raw.while !== undefined) {
      for (const key of ["where", "group", "limit", "decay", "reset"] as const) {
        if (raw[key] !== undefined) this.problems.add(`${at}/${key}`, `"${key}" goes with "on" rules only`);
      }
      const holds = compileCondition(raw.while as Json, leadScope(this.names, false), `${at}/while`, this.problems);
      return { ...base, while: holds, timed: leaves(holds).some(({ field }) => this.isTimed(field)) };
    }
    const where = this.where(raw.where, `${at}/where`);
    const decay = raw.decay === undefined ? decays.get(dimension) : this.decay(raw.decay, `${at}/decay`);
    return {
      ...base,
      on: raw.on ?? "",
      where,
      whereKey: whereKey(raw.where),
      leaves: where ? leaves(where) : [],
      limit: raw.limit
        ? {
            times: raw.limit.times,
            per: raw.limit.per ?? "ever",
            by: raw.limit.by === undefined ? null : this.eventField(raw.limit.by, `${at}/limit/by`),
          }
        : null,
      decay: decay ?? { kind: "none" },
    };
  }

  private isTimed({ root, key }: Field): boolean {
    if (root !== "counters") return root === "since" || root === "inactive";
    const counter = isObject(this.raw.counters) ? this.raw.counters[key] : undefined;
    return isObject(counter) && durationMs(counter.within) !== null;
  }

  private effect(raw: RuleDocument, at: string): Effect {
    const effects: Effect[] = [];
    if (raw.points !== undefined) effects.push({ kind: "points", points: raw.points });
    if (raw.disqualify !== undefined) effects.push({ kind: "disqualify", reason: raw.disqualify });
    if (raw.reset !== undefined) {
      const dimensions = raw.reset.map((name, i) =>
        this.reference(name, this.dimensionNames, "dimension", `${at}/reset/${i}`),
      );
      effects.push({ kind: "reset", dimensions });
    }
    const [effect] = effects;
    if (effect && effects.length === 1) return effect;
    this.problems.add(at, 'must have exactly one effect: "points", "reset" or "disqualify"');
    return { kind: "points", points: 0 };
  }

  private reference(name: string, known: string[], what: string, at: string): number {
    const index = known.indexOf(name);
    if (index < 0) {
      const there = known.length > 0 ? `there are ${known.join(", ")}` : `none is defined under "${what}s"`;
      this.problems.add(at, `unknown ${what} "${name}": ${there}`);
    }
    return index;
  }

  private ladders(): Ladder[] {
    const raw = isObject(this.raw.levels) ? this.raw.levels : {};
    if (isObject(this.raw.levels) && raw[TEMPERATURE] === undefined) {
      this.problems.add("#/levels", 'must have a "temperature" ladder, for instance cold, warm, hot');
    }
    const hysteresis = isObject(this.raw.hysteresis) ? this.raw.hysteresis : {};
    for (const name of Object.keys(hysteresis)) {
      if (raw[name] === undefined) {
        this.problems.add(
          `#/hysteresis/${escapePointer(name)}`,
          `unknown ladder "${name}": there are ${Object.keys(raw).join(", ")}`,
        );
      }
    }
    return Object.entries(raw).map(([name, levels]) => ({
      name,
      levels: this.levels(Array.isArray(levels) ? levels : [], `#/levels/${escapePointer(name)}`),
      hysteresis: typeof hysteresis[name] === "number" ? hysteresis[name] : 0,
    }));
  }

  private levels(raw: unknown[], at: string): Ladder["levels"] {
    const seen = new Set<string>();
    return raw.flatMap((one, i) => {
      const parsed = levelSchema.safeParse(one);
      if (!parsed.success) return [];
      const { name, when } = parsed.data;
      if (seen.has(name))
        this.problems.add(`${at}/${i}/name`, `duplicate level "${name}": names are unique in a ladder`);
      seen.add(name);
      if (i === 0 && when !== undefined) {
        this.problems.add(`${at}/0/when`, "the first level is where everybody stands: it has no when");
      }
      if (i > 0 && when === undefined) {
        this.problems.add(`${at}/${i}`, 'needs a "when" that says what it takes to reach it');
      }
      const scope = leadScope(this.names, true);
      return [
        {
          name,
          when: when === undefined ? null : compileCondition(when as Json, scope, `${at}/${i}/when`, this.problems),
        },
      ];
    });
  }
}

function whereKey(where: unknown): string {
  return where === undefined ? "" : digest(canonical(where));
}

function ends({ min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY }: { min?: number; max?: number }) {
  return { min, max };
}

function triggers(on: OnRule[], counters: { counter: Counter; on: string }[]): Map<string, Triggered> {
  const byEvent = new Map<string, Triggered>();
  const of = (key: string): Triggered => {
    const known = byEvent.get(key) ?? { counters: [], resets: [], acts: [] };
    byEvent.set(key, known);
    return known;
  };
  for (const { counter, on: key } of counters) of(key).counters.push(counter);
  for (const rule of on) {
    const triggered = of(triggerKey(rule.on));
    (rule.effect.kind === "reset" ? triggered.resets : triggered.acts).push(rule);
  }
  return byEvent;
}
