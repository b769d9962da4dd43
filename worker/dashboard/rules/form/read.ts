/**
 * A rule document out of a form: the one that was shown, with whatever was changed in its fields. What was left alone
 * stays as it was written, to the letter; what is wrong is read as it was typed, for the check to say so.
 */
import { COMPARISONS, type Row, rowsOf, withRows } from "./conditions";
import { conditionKey, EFFECTS, FADES, KEPT, type Values, valuesOf } from "./fields";
import { entriesOf, isPart, itemsOf, type Part, withField, withItem } from "./json";
import { readNumber, readText } from "./scalars";

type Posted = Readonly<Record<string, string>>;

/** The document with the form's changes; `dropped` names a row of a condition, a level and the like to take out. */
export function readForm(document: unknown, posted: Posted, dropped = ""): unknown {
  if (!isPart(document)) return document;
  return new Form(valuesOf(document), posted, dropped).document(document);
}

class Form {
  constructor(
    private readonly shown: Values,
    private readonly posted: Posted,
    private readonly dropped: string,
  ) {}

  document(before: Part): Part {
    let document = before;
    const set = (name: string, value: unknown) => {
      if (value !== document[name]) document = withField(document, name, value);
    };
    if (this.isTouched("rules")) {
      const rules = itemsOf(before.rules);
      set(
        "rules",
        rules.flatMap((rule, i) => this.item(`rules/${i}`, rule, (at, one) => this.rule(at, one))),
      );
    }
    for (const part of ["dimensions", "groups"] as const)
      if (this.isTouched(part)) set(part, this.parts(part, before[part]));
    if (this.isTouched("levels")) {
      set("levels", this.ladders(before.levels));
      set("hysteresis", this.hysteresis(before.levels, before.hysteresis));
    }
    return document;
  }

  private value(name: string): string {
    return this.posted[name] ?? this.shown.get(name) ?? "";
  }

  private isChanged(name: string): boolean {
    const shown = this.shown.get(name);
    return shown !== undefined && this.value(name) !== shown;
  }

  /** Whether anything at a place or below it was changed or dropped. */
  private isTouched(at: string): boolean {
    if (this.dropped.startsWith(`${at}/`)) return true;
    return Object.keys(this.posted).some((name) => name.startsWith(`${at}/`) && this.isChanged(name));
  }

  /** An item as it was, changed, or gone. */
  private item(at: string, item: unknown, change: (at: string, part: Part) => Part): unknown[] {
    if (this.dropped === at) return [];
    return [isPart(item) && this.isTouched(at) ? change(at, item) : item];
  }

  private rule(at: string, before: Part): Part {
    let rule = before;
    const set = (name: string, value: unknown) => {
      rule = withField(rule, name, value);
    };
    for (const name of ["id", "on"])
      if (this.isChanged(`${at}/${name}`)) set(name, readText(this.value(`${at}/${name}`)));
    for (const name of ["dimension", "group"]) {
      if (this.isChanged(`${at}/${name}`)) set(name, readText(this.value(`${at}/${name}`)) || undefined);
    }
    const key = conditionKey(before);
    if (this.isTouched(`${at}/${key}`)) set(key, this.condition(`${at}/${key}`, before[key]));
    if (this.isChanged(`${at}/effect`) || this.isChanged(`${at}/value`)) rule = this.effect(at, rule);
    if (["times", "per", "by"].some((name) => this.isChanged(`${at}/${name}`)))
      set("limit", this.limit(at, before.limit));
    return this.withDecay(at, rule);
  }

  private effect(at: string, before: Part): Part {
    const wanted = EFFECTS.find((name) => name === this.value(`${at}/effect`));
    if (!wanted) return before;
    const typed = this.value(`${at}/value`);
    const names = typed.split(",").map(readText);
    const value = { points: readNumber(typed), disqualify: readText(typed), reset: names.filter(Boolean) }[wanted];
    const present = EFFECTS.find((name) => before[name] !== undefined);
    // The new effect takes the old one's place in the rule.
    const entries = Object.entries(before).flatMap(([name, one]): [string, unknown][] => {
      if (name === present) return [[wanted, value]];
      return EFFECTS.some((effect) => effect === name) ? [] : [[name, one]];
    });
    return Object.fromEntries(present === undefined ? [...entries, [wanted, value]] : entries);
  }

  private limit(at: string, before: unknown): Part | undefined {
    const times = this.value(`${at}/times`).trim();
    if (times === "") return undefined;
    const [per, by] = [this.value(`${at}/per`), readText(this.value(`${at}/by`))];
    let limit = withField(isPart(before) ? before : {}, "times", readNumber(times));
    limit = withField(limit, "per", per || undefined);
    return withField(limit, "by", by || undefined);
  }

  private withDecay(at: string, part: Part): Part {
    if (!["fade", "span", "percent"].some((name) => this.isChanged(`${at}/${name}`))) return part;
    const fade = this.value(`${at}/fade`);
    if (fade === "") return withField(part, "decay", undefined);
    if (fade === "none") return withField(part, "decay", null);
    if (!FADES.some((name) => name === fade) || fade === KEPT) return part;
    const span = { [fade]: readText(this.value(`${at}/span`)) };
    const percent = fade === "every" ? { percent: readNumber(this.value(`${at}/percent`)) } : {};
    return withField(part, "decay", { ...span, ...percent });
  }

  /** `undefined`: nothing is left to test. */
  private condition(at: string, before: unknown): Part | undefined {
    const rows = rowsOf(before).rows.map((_, i) => (this.dropped === `${at}/${i}` ? null : this.row(`${at}/${i}`)));
    const fresh = this.row(`${at}/new`);
    const condition = withRows(before, rows, fresh ? [fresh] : []);
    return Object.keys(condition).length === 0 ? undefined : condition;
  }

  /** A row, `null` where its field was emptied or never named. */
  private row(at: string): Row | null {
    const field = this.value(`${at}/field`);
    if (field.trim() === "") return null;
    const comparison = COMPARISONS.find(({ name }) => name === this.value(`${at}/comparison`))?.name ?? "is";
    return { field, comparison, value: this.value(`${at}/value`) };
  }

  private parts(kind: "dimensions" | "groups", before: unknown): Part | undefined {
    const entries = entriesOf(before).flatMap(([name, part], i): [string, unknown][] =>
      this.item(`${kind}/${i}`, part, (at, one) => this.withDecay(at, this.withEnds(at, one))).map((one) => [
        name,
        one,
      ]),
    );
    const name = readText(this.value(`${kind}/new/name`));
    const fresh: [string, unknown][] = name === "" ? [] : [[name, this.withEnds(`${kind}/new`, {})]];
    const all = [...entries, ...fresh.filter(([name]) => !entries.some(([known]) => known === name))];
    return all.length === 0 ? undefined : Object.fromEntries(all);
  }

  private withEnds(at: string, part: Part): Part {
    return ["min", "max"].reduce((one, end) => {
      if (!this.isChanged(`${at}/${end}`)) return one;
      const typed = this.value(`${at}/${end}`).trim();
      return withField(one, end, typed === "" ? undefined : readNumber(typed));
    }, part);
  }

  private ladders(before: unknown): unknown {
    if (!isPart(before)) return before;
    const ladders = Object.entries(before).map(([name, levels], i): [string, unknown] => {
      const at = `levels/${i}`;
      if (!Array.isArray(levels) || !this.isTouched(at)) return [name, levels];
      const steps = levels.flatMap((level: unknown, j) =>
        this.item(`${at}/${j}`, level, (place, one) => this.level(place, one)),
      );
      return [name, [...steps, ...this.newLevel(`${at}/new`)]];
    });
    return Object.fromEntries(ladders);
  }

  private level(at: string, before: Part): Part {
    const name = this.isChanged(`${at}/name`) ? readText(this.value(`${at}/name`)) : before.name;
    const level = withField(before, "name", name);
    return this.isTouched(`${at}/when`) ? withField(level, "when", this.condition(`${at}/when`, before.when)) : level;
  }

  private newLevel(at: string): Part[] {
    const name = readText(this.value(`${at}/name`));
    if (name === "") return [];
    const row = this.row(`${at}/when/new`);
    return [row && row.value.trim() !== "" ? { name, when: withRows({}, [], [row]) } : { name }];
  }

  private hysteresis(levels: unknown, before: unknown): unknown {
    const names = entriesOf(levels).map(([name]) => name);
    return names.reduce<unknown>((all, ladder, i) => {
      if (!this.isChanged(`levels/${i}/hysteresis`)) return all;
      const typed = this.value(`levels/${i}/hysteresis`).trim();
      const widths = withField(isPart(all) ? all : {}, ladder, typed === "" ? undefined : readNumber(typed));
      return Object.keys(widths).length === 0 ? undefined : widths;
    }, before);
  }
}

/** Where a rule goes. */
export function moveRule(document: unknown, at: number, by: -1 | 1): unknown {
  if (!isPart(document)) return document;
  const rules = itemsOf(document.rules);
  const to = at + by;
  if (rules[at] === undefined || rules[to] === undefined) return document;
  return withField(document, "rules", withItem(withItem(rules, at, rules[to]), to, rules[at]));
}

/** A rule to begin with, at the end: for something that happens, or for something that is so. */
export function addRule(document: unknown, kind: "event" | "state"): unknown {
  if (!isPart(document)) return document;
  const rules = itemsOf(document.rules);
  const ids = new Set(rules.map((rule) => (isPart(rule) ? rule.id : null)));
  let n = rules.length + 1;
  while (ids.has(`rule-${n}`)) n++;
  const trigger = kind === "event" ? { on: "page", where: { path: "/" } } : { while: { visits: { gte: 2 } } };
  return withField(document, "rules", [...rules, { id: `rule-${n}`, ...trigger, points: 5 }]);
}
