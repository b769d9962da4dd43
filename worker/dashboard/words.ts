/** Conditions in words: what a rule asks for, and what it met. */

const LABELS: Record<string, string> = {
  path: "page path",
  url: "page URL",
  host: "host",
  title: "page title",
  source: "UTM source",
  medium: "UTM medium",
  campaign: "UTM campaign",
  term: "UTM term",
  content: "UTM content",
  visits: "visits",
  pageviews: "page views",
  daysActive: "active days",
  inactive: "time without activity",
  email: "e-mail address",
  "email.domain": "e-mail domain",
  "email.free": "free mailbox",
  known: "known",
  verified: "verified",
  "source.channel": "first channel",
  "source.referrer": "first referrer",
  "source.campaign": "first campaign",
};

export function fieldLabel(name: string): string {
  const known = LABELS[name];
  if (known) return known;
  const dot = name.indexOf(".");
  const [root, key] = [name.slice(0, dot), name.slice(dot + 1)];
  switch (root) {
    case "properties":
      return `property ${key}`;
    case "traits":
      return `trait ${key}`;
    case "counters":
      return `counter ${key}`;
    case "since":
      return `time since “${key}”`;
    case "scores":
      return `${key} score`;
    default:
      return name;
  }
}

/** Values that a sentence lists; the others are counted. */
const LISTED_MAX = 6;

export function value(one: unknown): string {
  if (typeof one === "string") return `“${one}”`;
  if (one === true) return "yes";
  if (one === false) return "no";
  return typeof one === "object" ? JSON.stringify(one) : String(one);
}

function listed(values: readonly unknown[], last: string): string {
  const shown = values.slice(0, LISTED_MAX).map(value);
  if (values.length > LISTED_MAX) shown.push(`${values.length - LISTED_MAX} more`);
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} ${last} ${shown.at(-1)}`;
}

function isObject(one: unknown): one is Record<string, unknown> {
  return one !== null && typeof one === "object" && !Array.isArray(one);
}

/** A test without its field: "matches “/pricing*”", "is at least 3". */
export function testWords(test: unknown): string {
  if (Array.isArray(test)) return test.length === 1 ? testWords(test[0]) : `is one of ${listed(test, "or")}`;
  if (isObject(test)) {
    return Object.entries(test)
      .map(([operator, operand]) => operatorWords(operator, operand))
      .join(" and ");
  }
  return typeof test === "string" && test.includes("*") ? `matches ${value(test)}` : `is ${value(test)}`;
}

function operatorWords(operator: string, operand: unknown): string {
  // Durations are written as text; as bounds they need no quotes.
  const bound = (one: unknown) => String(one);
  switch (operator) {
    case "gt":
      return `is above ${bound(operand)}`;
    case "gte":
      return `is at least ${bound(operand)}`;
    case "lt":
      return `is below ${bound(operand)}`;
    case "lte":
      return `is at most ${bound(operand)}`;
    case "between":
      return Array.isArray(operand) ? `is between ${bound(operand[0])} and ${bound(operand[1])}` : "is between";
    case "contains":
      return `contains ${value(operand)}`;
    case "exists":
      return operand === true ? "is there" : "is not there";
    case "not":
      return Array.isArray(operand) && operand.length > 1
        ? `is none of ${listed(operand, "or")}`
        : `not: ${testWords(operand)}`;
    default:
      return testWords(operand);
  }
}

/** A whole condition, with its `any`, `all` and `not`; in brackets where it is a part of another. */
export function conditionWords(condition: unknown, isPart = false): string {
  if (!isObject(condition)) return "";
  const alone = Object.keys(condition).length === 1;
  const parts = Object.entries(condition).map(([name, test]) => {
    if ((name === "any" || name === "all") && Array.isArray(test)) {
      const inner = test.map((one) => conditionWords(one, test.length > 1)).join(name === "any" ? " or " : " and ");
      return test.length > 1 && (isPart || !alone) ? `(${inner})` : inner;
    }
    if (name === "not") return `not (${conditionWords(test)})`;
    return `${fieldLabel(name)} ${testWords(test)}`;
  });
  return isPart && !alone ? `(${parts.join(" and ")})` : parts.join(" and ");
}

interface Reason {
  field: string;
  test: unknown;
  actual: unknown;
  holds: boolean;
  pruned?: true;
}

/** One reason: what was asked, and what was there. */
export function reasonWords({ field, test, actual, holds, pruned }: Reason): { asked: string; met: string } {
  if (field === "event") {
    return { asked: `${value(test)} ${holds ? "happened" : "has not happened yet"}`, met: "" };
  }
  // Where the test is the very value, there is no more to say.
  const told = holds && actual !== null && testWords(actual) === testWords(test);
  const met = told ? "" : pruned ? "no longer kept" : actual === null ? "nothing there" : value(actual);
  return { asked: `${fieldLabel(field)} ${testWords(test)}`, met };
}

/** Where on the page of rules one of them stands. */
export function ruleAnchor(id: string): string {
  return `rule-${encodeURIComponent(id.toWellFormed())}`;
}

/** A rule of the document in words. */
export function ruleWords(rule: Record<string, unknown>): { when: string; effect: string; bounds: string } {
  const when =
    "on" in rule
      ? `on ${value(rule.on)}${isObject(rule.where) ? ` where ${conditionWords(rule.where)}` : ""}`
      : `while ${conditionWords(rule.while)}`;
  return { when, effect: effectWords(rule), bounds: boundsWords(rule) };
}

function effectWords({ points, disqualify, reset }: Record<string, unknown>): string {
  if (typeof points === "number") return `${points > 0 ? "+" : ""}${points}`.replace("-", "−");
  if (disqualify !== undefined) return `disqualifies: ${String(disqualify)}`;
  return Array.isArray(reset) ? `resets ${reset.join(", ")}` : "";
}

function boundsWords({ limit, group, decay }: Record<string, unknown>): string {
  const parts: string[] = [];
  if (isObject(limit)) {
    const times = limit.times === 1 ? "once" : `${String(limit.times)} times`;
    const by = limit.by === undefined ? "" : ` for each ${fieldLabel(String(limit.by))}`;
    parts.push(`${times}${limit.per === undefined ? "" : ` a ${String(limit.per)}`}${by}`);
  }
  if (group !== undefined) parts.push(`group ${String(group)}`);
  if (decay === null) parts.push("does not fade");
  else if (isObject(decay)) parts.push(decayWords(decay));
  return parts.join(", ");
}

export function decayWords(decay: Record<string, unknown>): string {
  if (decay.halfLife !== undefined) return `halves every ${String(decay.halfLife)}`;
  if (decay.linear !== undefined) return `fades to nothing in ${String(decay.linear)}`;
  if (decay.expires !== undefined) return `ends after ${String(decay.expires)}`;
  return `loses ${String(decay.percent)} % every ${String(decay.every)}`;
}

/** What a counter of the document counts. */
export function counterWords({ on, where, sum, within }: Record<string, unknown>): string {
  const what = sum === undefined ? "counts" : `sums ${String(sum)} of`;
  const which = isObject(where) ? ` where ${conditionWords(where)}` : "";
  const span = within === undefined ? "" : `, within ${within === "visit" ? "the visit" : String(within)}`;
  return `${what} “${String(on)}”${which}${span}`;
}
