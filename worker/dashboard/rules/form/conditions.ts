/**
 * A condition as rows of field, comparison and value. What rows cannot say (`any`, `all`, `not`, tests within tests) is
 * kept as it is, and so is every test whose rows were left alone.
 */
import { isPart, type Part } from "./json";
import { isScalar, readList, readScalar, readText, type Scalar, showList, showScalar, showText } from "./scalars";

/** Comparisons, in the order in which they are offered. */
export const COMPARISONS = [
  { name: "is", label: "is" },
  { name: "in", label: "is one of" },
  { name: "not", label: "is not" },
  { name: "notIn", label: "is none of" },
  { name: "gte", label: "is at least" },
  { name: "gt", label: "is above" },
  { name: "lte", label: "is at most" },
  { name: "lt", label: "is below" },
  { name: "between", label: "is between" },
  { name: "contains", label: "contains" },
  { name: "exists", label: "is there" },
  { name: "missing", label: "is not there" },
] as const;
export type Comparison = (typeof COMPARISONS)[number]["name"];

export interface Row {
  field: string;
  comparison: Comparison;
  value: string;
}

/** A row and which entry of the condition it shows. */
export interface Shown extends Row {
  entry: string;
}

const NESTED = ["any", "all", "not"];

/** The rows of a condition, and the entries that have none. */
export function rowsOf(condition: unknown): { rows: Shown[]; kept: [string, unknown][] } {
  const rows: Shown[] = [];
  const kept: [string, unknown][] = [];
  for (const [entry, test] of Object.entries(isPart(condition) ? condition : {})) {
    const shown = NESTED.includes(entry) ? null : testRows(test);
    if (shown) rows.push(...shown.map((row) => ({ field: showText(entry), entry, ...row })));
    else kept.push([entry, test]);
  }
  return { rows, kept };
}

type Compared = Pick<Row, "comparison" | "value">;

function testRows(test: unknown): Compared[] | null {
  if (isScalar(test) || test === null) return [{ comparison: "is", value: shown(test) }];
  if (isList(test)) return [{ comparison: "in", value: showList(test) }];
  if (!isPart(test)) return null;
  const rows = Object.entries(test).map(([operator, operand]) => operatorRow(operator, operand));
  return rows.length > 0 && rows.every((row) => row !== null) ? rows : null;
}

/** A missing value is what a field left empty is read as: wrong, and still to be mended there. */
function shown(value: Scalar | null): string {
  return value === null ? "" : showScalar(value);
}

function isList(value: unknown): value is Scalar[] {
  return Array.isArray(value) && value.every(isScalar);
}

function operatorRow(operator: string, operand: unknown): Compared | null {
  switch (operator) {
    case "eq":
      return isScalar(operand) || operand === null ? { comparison: "is", value: shown(operand) } : null;
    case "in":
    case "between":
      return isList(operand) ? { comparison: operator, value: showList(operand) } : null;
    case "gt":
    case "gte":
    case "lt":
    case "lte":
    case "contains":
      return isScalar(operand) ? { comparison: operator, value: showScalar(operand) } : null;
    case "exists":
      return typeof operand === "boolean" ? { comparison: operand ? "exists" : "missing", value: "" } : null;
    case "not":
      if (isScalar(operand)) return { comparison: "not", value: showScalar(operand) };
      return isList(operand) ? { comparison: "notIn", value: showList(operand) } : null;
    default:
      return null;
  }
}

/** Fields that hold texts whatever they look like. */
const TEXT_FIELDS =
  /^(?:path|url|host|referrer|title|source|medium|campaign|term|content|country|status|feedback|email(?:\.domain)?|source\..+)$/;

/** Fields that are yes or no, which is also what one may write. */
const FLAGS = /^(?:known|verified|email\.free)$/;

function readFlag(value: string): Scalar {
  const said = value.trim().toLowerCase();
  return said === "yes" || said === "no" ? said === "yes" : readScalar(value);
}

function operatorOf({ field, comparison, value }: Row): [operator: string, operand: unknown] {
  const isText = TEXT_FIELDS.test(field);
  switch (comparison) {
    case "is":
      return ["eq", value.trim() === "" ? null : FLAGS.test(field) ? readFlag(value) : readScalar(value, isText)];
    case "in":
    case "between":
      return [comparison, readList(value, isText)];
    case "not":
      return ["not", readScalar(value, isText)];
    case "notIn":
      return ["not", readList(value, isText)];
    case "exists":
    case "missing":
      return ["exists", comparison === "exists"];
    default:
      return [comparison, readScalar(value, isText)];
  }
}

/**
 * The condition with its rows as they are now, `null` for one that was taken out, and with rows that came new. Entries
 * whose rows are the same as before stay as they were written.
 */
export function withRows(condition: unknown, now: readonly (Row | null)[], fresh: readonly Row[]): Part {
  const { rows } = rowsOf(condition);
  const entries: Entry[] = [];
  for (const [name, test] of Object.entries(isPart(condition) ? condition : {})) {
    const places = rows.flatMap((row, i) => (row.entry === name ? [i] : []));
    const isSame = places.every((i) => same(rows[i], now[i] ?? null));
    if (isSame) entries.push({ name, test, made: false });
    else for (const i of places) if (now[i]) entries.push(entryOf(now[i], rows[i]));
  }
  return joined([...entries, ...fresh.map((row) => entryOf(row))]);
}

interface Entry {
  name: string;
  test: unknown;
  /** Whether a row was read; else it is as it was written. */
  made: boolean;
}

function entryOf(row: Row, before?: Shown): Entry {
  // Where the field was left alone it is what it was.
  const name = before && row.field === before.field ? before.entry : readText(row.field);
  const [operator, operand] = operatorOf({ ...row, field: name });
  return { name, test: { [operator]: operand }, made: true };
}

function same(a: Row | undefined, b: Row | null): boolean {
  return a !== undefined && b !== null && a.field === b.field && a.comparison === b.comparison && a.value === b.value;
}

/** Entries as one object. Of two for one field both hold: as operators of one test, else the second in `all`. */
function joined(entries: readonly Entry[]): Part {
  const fields = new Map<string, Entry>();
  const others: Part[] = [];
  for (const entry of entries) {
    const known = fields.get(entry.name);
    if (!known) fields.set(entry.name, entry);
    else if (isPart(known.test) && isPart(entry.test) && disjoint(known.test, entry.test)) {
      fields.set(entry.name, { ...entry, test: { ...known.test, ...entry.test } });
    } else others.push({ [entry.name]: shortest(entry) });
  }
  const condition = Object.fromEntries([...fields.values()].map((entry) => [entry.name, shortest(entry)]));
  if (others.length === 0) return condition;
  const all = Array.isArray(condition.all) ? condition.all : [];
  return { ...condition, all: [...all, ...others] };
}

const disjoint = (a: Part, b: Part) => Object.keys(a).every((name) => !Object.hasOwn(b, name));

/** A value alone, or several in a list, where that says it; operators where there are others. */
function shortest({ test, made }: Entry): unknown {
  if (!made || !isPart(test)) return test;
  const [[operator, operand] = ["", null], ...others] = Object.entries(test);
  return others.length === 0 && (operator === "eq" || operator === "in") ? operand : test;
}
