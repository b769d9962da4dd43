/**
 * From a document to a rule set that the fold can run. Validation and compilation are one pass, so what is accepted is
 * what runs; everything wrong is reported at once (contract: "Errors").
 */
import type * as z from "zod/mini";
import { type Condition, compileCondition, type Field, leaves } from "./condition";
import type { Decay } from "./decay";
import { durationMs } from "./duration";
import type { Json } from "./event";
import { eventScope, leadScope, type Names, triggerKey } from "./fields";
import { ANY, judgeOpen } from "./lint/values";
import { escapePointer, type Problem, Problems, problemsOf } from "./problems";
import { isObject } from "./read";
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
  counterSchema,
  dimensionSchema,
  groupSchema,
  levelSchema,
  limitSchema,
  name as nameSchema,
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
  // The second half looks at every field that has the right shape, so that one call reports both kinds of mistake.
  const rules = new Assembly(isObject(raw) ? raw : {}, problems).build();
  return problems.list.length > 0 ? { errors: problems.list } : { rules };
}

type Raw = Record<string, unknown>;

/** The entries of a record that are parts, each with its place. */
function entriesOf(raw: unknown, at: string): { name: string; value: Raw; at: string }[] {
  return Object.entries(isObject(raw) ? raw : {}).flatMap(([name, value]) =>
    isObject(value) ? [{ name, value, at: `${at}/${escapePointer(name)}` }] : [],
  );
}

/** The fields of a part that have the right shape, whatever else is wrong with it. */
function sound<T extends z.ZodMiniObject<Readonly<Record<string, z.ZodMiniType>>>>(
  { shape }: T,
  raw: Raw,
): Partial<z.infer<T>> {
  const fields = Object.entries(raw).filter(
    ([name, value]) => Object.hasOwn(shape, name) && shape[name]?.safeParse(value).success,
  );
  return Object.fromEntries(fields) as Partial<z.infer<T>>;
}

/** The names in a record; none where it is left out, `null` (whatever name is meant may be there) where it is no record. */
function namesIn(raw: unknown): string[] | null {
  if (raw === undefined) return [];
  return isObject(raw) ? Object.keys(raw) : null;
}

const EFFECTS = ["points", "reset", "disqualify"] as const;
const DECAYS = ["halfLife", "linear", "expires", "every"] as const;

/** Puts a rule set together from the parts of a document, noting what does not fit. */
class Assembly {
  private readonly dimensionNames: string[] | null;
  private readonly groupNames: string[] | null;
  private readonly since: string[] = [];
  private readonly names: Names;

  constructor(
    private readonly raw: Raw,
    private readonly problems: Problems,
  ) {
    const listed = namesIn(raw.dimensions);
    this.dimensionNames = listed?.length === 0 ? [DEFAULT_DIMENSION] : listed;
    this.groupNames = namesIn(raw.groups);
    this.names = {
      counters: namesIn(raw.counters),
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
    const whiles = rules.filter((rule) => "while" in rule);
    const ladders = this.ladders();
    return {
      document: this.raw as RulesDocument,
      dimensions,
      groups: this.groups(on),
      counters: counters.map(({ counter }) => counter),
      rules,
      on,
      while: whiles,
      whileUntold: whiles.filter((rule) => judgeOpen(rule.while, untold) !== false),
      byEvent: triggers(on, counters),
      ladders,
      temperature: ladders.findIndex((ladder) => ladder.name === TEMPERATURE),
      since: this.since,
      remembers: ladders.some((ladder) => ladder.hysteresis > 0),
    };
  }

  private dimensions(): (Dimension & { decay: Decay })[] {
    const listed = entriesOf(this.raw.dimensions, "#/dimensions").map(({ name, value, at }) => ({
      name,
      ...ends(sound(dimensionSchema, value)),
      decay: this.decay(value.decay, `${at}/decay`),
    }));
    return listed.length > 0 ? listed : [{ name: DEFAULT_DIMENSION, ...ends({}), decay: { kind: "none" } }];
  }

  private groups(on: OnRule[]): Group[] {
    return entriesOf(this.raw.groups, "#/groups").map(({ name, value }) => ({
      name,
      ...ends(sound(groupSchema, value)),
      rules: on.filter((rule) => rule.group === this.groupNames?.indexOf(name)),
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

  private decay(raw: unknown, at: string): Decay {
    if (!isObject(raw)) return { kind: "none" };
    const forms = DECAYS.filter((form) => raw[form] !== undefined);
    const [kind] = forms;
    if (kind === undefined || forms.length > 1 || (kind === "every") !== (raw.percent !== undefined)) {
      const forms = '{ "halfLife": D }, { "linear": D }, { "expires": D } or { "every": D, "percent": P }';
      this.problems.add(at, `must be exactly one of ${forms}`);
      return { kind: "none" };
    }
    const ms = durationMs(raw[kind]) ?? 1;
    if (kind !== "every") return { kind, ms };
    return { kind, ms, percent: typeof raw.percent === "number" ? raw.percent : 100 };
  }

  private counters(): { counter: Counter; on: string }[] {
    return entriesOf(this.raw.counters, "#/counters").map(({ name, value, at }, index) => {
      const { on = "", where, sum, within } = sound(counterSchema, value);
      return {
        on: triggerKey(on),
        counter: {
          index,
          name,
          where: this.where(where, `${at}/where`),
          whereKey: whereKey(where),
          sum: sum === undefined ? null : this.eventField(sum, `${at}/sum`),
          within: within === "visit" ? "visit" : durationMs(within),
        },
      };
    });
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
      return isObject(raw) ? [this.rule(raw, index, at, decays)] : [];
    });
  }

  private rule(raw: Raw, index: number, at: string, decays: Map<string, Decay>): OnRule | WhileRule {
    const { id = "", dimension = this.dimensionNames?.[0], group, on, where, ...rest } = sound(ruleSchema, raw);
    const base: Rule = {
      index,
      id,
      dimension: this.reference(dimension, this.dimensionNames, "dimension", `${at}/dimension`),
      group: this.reference(group, this.groupNames, "group", `${at}/group`),
      effect: this.effect(raw, rest, at),
    };
    if ((raw.on === undefined) === (raw.while === undefined)) {
      this.problems.add(at, 'must have exactly one of "on" (an event) and "while" (a state)');
    }
    const holds = this.holds(rest.while, `${at}/while`);
    if (raw.while !== undefined && raw.on === undefined) {
      for (const key of ["where", "group", "limit", "decay", "reset"] as const) {
        if (raw[key] !== undefined) this.problems.add(`${at}/${key}`, `"${key}" goes with "on" rules only`);
      }
      return { ...base, while: holds, timed: leaves(holds).some(({ field }) => this.isTimed(field)) };
    }
    const condition = this.where(where, `${at}/where`);
    const decay = raw.decay === undefined ? decays.get(dimension ?? "") : this.decay(raw.decay, `${at}/decay`);
    return {
      ...base,
      on: on ?? "",
      where: condition,
      whereKey: whereKey(where),
      leaves: condition ? leaves(condition) : [],
      limit: this.limit(raw.limit, `${at}/limit`),
      decay: decay ?? { kind: "none" },
    };
  }

  private holds(raw: unknown, at: string): Condition {
    if (raw === undefined) return { kind: "all", of: [] };
    return compileCondition(raw as Json, leadScope(this.names, false), at, this.problems);
  }

  private limit(raw: unknown, at: string): OnRule["limit"] {
    if (!isObject(raw)) return null;
    const { times = 1, per = "ever", by } = sound(limitSchema, raw);
    return { times, per, by: by === undefined ? null : this.eventField(by, `${at}/by`) };
  }

  private isTimed({ root, key }: Field): boolean {
    if (root !== "counters") return root === "since" || root === "inactive";
    const counter = isObject(this.raw.counters) ? this.raw.counters[key] : undefined;
    return isObject(counter) && durationMs(counter.within) !== null;
  }

  private effect(raw: Raw, { points, disqualify }: { points?: number; disqualify?: string }, at: string): Effect {
    if (EFFECTS.filter((effect) => raw[effect] !== undefined).length !== 1) {
      this.problems.add(at, 'must have exactly one effect: "points", "reset" or "disqualify"');
    }
    const reset = (Array.isArray(raw.reset) ? raw.reset : []).map((one: unknown, i) => {
      const { data } = nameSchema.safeParse(one);
      return this.reference(data, this.dimensionNames, "dimension", `${at}/reset/${i}`);
    });
    if (disqualify !== undefined) return { kind: "disqualify", reason: disqualify };
    return points === undefined ? { kind: "reset", dimensions: reset } : { kind: "points", points };
  }

  /** Position of a name; -1 where none is given, and where there is none such, which is a problem. */
  private reference(name: string | undefined, known: string[] | null, what: string, at: string): number {
    if (name === undefined || known === null) return -1;
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
      if (isObject(this.raw.levels) && raw[name] === undefined) {
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
      if (!isObject(one)) return [];
      const { name, when } = sound(levelSchema, one);
      if (name !== undefined && seen.has(name))
        this.problems.add(`${at}/${i}/name`, `duplicate level "${name}": names are unique in a ladder`);
      if (name !== undefined) seen.add(name);
      if (i === 0 && one.when !== undefined) {
        this.problems.add(`${at}/0/when`, "the first level is where everybody stands: it has no when");
      }
      if (i > 0 && one.when === undefined) {
        this.problems.add(`${at}/${i}`, 'needs a "when" that says what it takes to reach it');
      }
      const scope = leadScope(this.names, true);
      return [
        {
          name: name ?? "",
          when: when === undefined ? null : compileCondition(when as Json, scope, `${at}/${i}/when`, this.problems),
        },
      ];
    });
  }
}

/** What is known of a lead without traits: that it has none, and so no address. */
function untold({ root, name }: Field): undefined | typeof ANY {
  return root === "traits" || name.startsWith("email") ? undefined : ANY;
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
