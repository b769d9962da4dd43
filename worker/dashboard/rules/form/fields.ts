/**
 * A rule document as the fields of a form. A field has a name made of places ("rules/3/where/0/value") and a value as
 * text; the page shows these and read.ts compares with them what came back. Parts that fields cannot say have none.
 */
import { type Row, rowsOf } from "./conditions";
import { entriesOf, isPart, itemsOf, type Part } from "./json";
import { isScalar, showScalar, showText } from "./scalars";

export type Values = ReadonlyMap<string, string>;

/** A part that no field shows: it is kept as it is. */
export const KEPT = "kept";

export const EFFECTS = ["points", "disqualify", "reset"] as const;
export const FADES = ["halfLife", "linear", "expires", "every"] as const;
export const PERIODS = ["visit", "day", "week", "month"] as const;

/** The row that adds a test to a condition once its field is named. */
export const BLANK: Row = { field: "", comparison: "is", value: "" };
const BLANK_LEVEL: Row = { field: "score", comparison: "gte", value: "" };

/** What the document shows in each field. */
export function valuesOf(document: unknown): Values {
  const values = new Map<string, string>();
  if (!isPart(document)) return values;
  for (const [i, rule] of itemsOf(document.rules).entries()) if (isPart(rule)) ruleValues(values, `rules/${i}`, rule);
  for (const part of ["dimensions", "groups"] as const) {
    for (const [i, [, one]] of entriesOf(document[part]).entries()) if (isPart(one)) partValues(values, part, i, one);
    for (const name of ["name", "min", "max"]) values.set(`${part}/new/${name}`, "");
  }
  for (const [i, [ladder, levels]] of entriesOf(document.levels).entries()) {
    const width = isPart(document.hysteresis) ? document.hysteresis[ladder] : undefined;
    if (width === undefined || isScalar(width)) values.set(`levels/${i}/hysteresis`, scalar(width));
    for (const [j, level] of itemsOf(levels).entries())
      if (isPart(level)) levelValues(values, `levels/${i}/${j}`, level);
    values.set(`levels/${i}/new/name`, "");
    rowValues(values, `levels/${i}/new/when/new`, BLANK_LEVEL);
  }
  return values;
}

const scalar = (value: unknown) => (isScalar(value) ? showScalar(value) : "");

function ruleValues(values: Map<string, string>, at: string, rule: Part): void {
  if (typeof rule.id === "string") values.set(`${at}/id`, showText(rule.id));
  if (typeof rule.on === "string") values.set(`${at}/on`, showText(rule.on));
  conditionValues(values, `${at}/${conditionKey(rule)}`, rule[conditionKey(rule)]);
  const effect = effectOf(rule);
  values.set(`${at}/effect`, effect);
  if (effect !== KEPT) values.set(`${at}/value`, effectValue(rule[effect]));
  for (const name of ["dimension", "group"]) {
    const value = rule[name];
    if (value === undefined || typeof value === "string") values.set(`${at}/${name}`, value ? showText(value) : "");
  }
  if (isLimit(rule.limit)) {
    const { times, per, by } = isPart(rule.limit) ? rule.limit : {};
    values.set(`${at}/times`, scalar(times));
    values.set(`${at}/per`, scalar(per));
    values.set(`${at}/by`, typeof by === "string" ? showText(by) : "");
  }
  decayValues(values, at, rule.decay);
}

/** Where a rule's condition stands: of the event in `where`, of the lead in `while`. */
export function conditionKey(rule: Part): "where" | "while" {
  return rule.on === undefined ? "while" : "where";
}

/** The one effect of a rule; `kept` where it has none or several. */
export function effectOf(rule: Part): (typeof EFFECTS)[number] | typeof KEPT {
  const [effect, ...others] = EFFECTS.filter((name) => rule[name] !== undefined);
  if (effect === undefined || others.length > 0) return KEPT;
  const value = rule[effect];
  const isShown =
    effect === "reset" ? Array.isArray(value) && value.every((one) => typeof one === "string") : isScalar(value);
  return isShown ? effect : KEPT;
}

function effectValue(value: unknown): string {
  if (Array.isArray(value)) return value.map((name) => showText(String(name))).join(", ");
  return typeof value === "string" ? showText(value) : scalar(value);
}

export function isLimit(limit: unknown): boolean {
  if (limit === undefined) return true;
  if (!isPart(limit) || Object.keys(limit).some((name) => !["times", "per", "by"].includes(name))) return false;
  const { times, per, by } = limit;
  const isPeriod = per === undefined || PERIODS.some((period) => period === per);
  return isScalar(times) && isPeriod && (by === undefined || (typeof by === "string" && by !== ""));
}

/** How something fades: empty where nothing is said, `none` where it is said that it does not. */
export function fadeOf(decay: unknown): "" | "none" | typeof KEPT | (typeof FADES)[number] {
  if (decay === undefined) return "";
  if (decay === null) return "none";
  if (!isPart(decay)) return KEPT;
  const fade = FADES.find((name) => typeof decay[name] === "string");
  const wanted = fade === "every" ? 2 : 1;
  const isWhole = fade !== "every" || isScalar(decay.percent);
  return fade && isWhole && Object.keys(decay).length === wanted ? fade : KEPT;
}

function decayValues(values: Map<string, string>, at: string, decay: unknown): void {
  const fade = fadeOf(decay);
  values.set(`${at}/fade`, fade);
  if (fade === KEPT) return;
  const part = isPart(decay) ? decay : {};
  values.set(`${at}/span`, typeof part[fade] === "string" ? showText(part[fade]) : "");
  values.set(`${at}/percent`, scalar(part.percent));
}

function partValues(values: Map<string, string>, kind: "dimensions" | "groups", i: number, part: Part): void {
  for (const end of ["min", "max"]) {
    const value = part[end];
    if (value === undefined || isScalar(value)) values.set(`${kind}/${i}/${end}`, scalar(value));
  }
  if (kind === "dimensions") decayValues(values, `${kind}/${i}`, part.decay);
}

function levelValues(values: Map<string, string>, at: string, level: Part): void {
  if (typeof level.name === "string") values.set(`${at}/name`, showText(level.name));
  conditionValues(values, `${at}/when`, level.when);
}

function conditionValues(values: Map<string, string>, at: string, condition: unknown): void {
  if (condition !== undefined && !isPart(condition)) return;
  for (const [i, row] of rowsOf(condition).rows.entries()) rowValues(values, `${at}/${i}`, row);
  rowValues(values, `${at}/new`, BLANK);
}

function rowValues(values: Map<string, string>, at: string, { field, comparison, value }: Row): void {
  values.set(`${at}/field`, field);
  values.set(`${at}/comparison`, comparison);
  values.set(`${at}/value`, value);
}
