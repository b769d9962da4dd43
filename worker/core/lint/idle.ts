/** Parts of a document that do nothing, and paths that nobody visited. */
import { type Condition, type Leaf, leaves } from "../condition";
import type { Json } from "../event";
import { escapePointer } from "../problems";
import type { RuleSet } from "../rules";
import { matches, pattern } from "../text";
import { at, type Finding, listed } from "./finding";
import { asserted } from "./values";

/** A rule whose points are 0, a group without rules, a counter that no condition asks for. */
export function idle(rules: RuleSet): Finding[] {
  const asked = [
    ...rules.while.map((rule) => rule.while),
    ...rules.ladders.flatMap((ladder) => ladder.levels.flatMap(({ when }) => when ?? [])),
  ].flatMap(leaves);
  const info = (code: Finding["code"], detail: string, mend: string, concerned: string[], pointer: string): Finding => {
    return { code, severity: "info", detail, mend, rules: concerned, pointer };
  };
  return [
    ...rules.rules
      .filter(({ effect }) => effect.kind === "points" && effect.points === 0)
      .map((rule) =>
        info("no-points", `"${rule.id}" gives 0 points.`, "Give it points, or take it out.", [rule.id], at(rule)),
      ),
    ...rules.groups
      .filter((group) => group.rules.length === 0)
      .map(({ name }) => {
        const mend = `Add "group": ${JSON.stringify(name)} to the rules it should cap, or take it out.`;
        return info("unused-group", `No rule is in group "${name}".`, mend, [], `#/groups/${escapePointer(name)}`);
      }),
    ...rules.counters
      .filter(({ index }) => !asked.some(({ field }) => field.root === "counters" && field.index === index))
      .map(({ name }) => {
        const mend = `Test it, { "while": { "counters.${name}": { "gte": 3 } } }, or take it out.`;
        const pointer = `#/counters/${escapePointer(name)}`;
        return info("unused-counter", `Nothing asks for counter "${name}".`, mend, [], pointer);
      }),
  ];
}

/** Path patterns that no stored event matched: a page that was moved or never was, or a slip of the pen. */
export function neverSeen(rules: RuleSet, paths: readonly string[]): Finding[] {
  if (paths.length === 0) return [];
  const look = (what: string, where: Condition | null, concerned: string[], pointer: string) =>
    (where ? asserted(where) : [])
      .filter(({ field }) => field.name === "path")
      .flatMap((leaf) => unseen(leaf, paths, what, { rules: concerned, pointer }));
  return [
    ...rules.on.flatMap((rule) => look(`Rule "${rule.id}"`, rule.where, [rule.id], at(rule))),
    ...rules.counters.flatMap(({ name, where }) =>
      look(`Counter "${name}"`, where, [], `#/counters/${escapePointer(name)}`),
    ),
  ];
}

function unseen(
  leaf: Leaf,
  paths: readonly string[],
  what: string,
  place: Pick<Finding, "rules" | "pointer">,
): Finding[] {
  const dead = !paths.some((path) => leaf.judge(path) === true);
  const wanted = alternatives(leaf.test);
  const missing = wanted.filter((text) => {
    const compiled = pattern(text);
    return !paths.some((path) => matches(compiled, path));
  });
  if (!dead && missing.length === 0) return [];
  const patterns = listed(missing.length > 0 ? missing.map((text) => `"${text}"`) : [JSON.stringify(leaf.test)]);
  return [
    {
      code: "never-seen",
      // Where another of its patterns is visited, the rule works all the same.
      severity: dead ? "warning" : "info",
      detail: `${what} waits for path ${patterns}: none of the paths seen so far (${paths.length}) is like that.`,
      mend: `Compare it with the site's own addresses (a missing "*" at the end, a page that has moved), or take it out.`,
      ...place,
    },
  ];
}

/** The texts that a test accepts, each by itself. */
function alternatives(test: Json): string[] {
  if (typeof test === "string") return [test];
  if (Array.isArray(test)) return test.flatMap(alternatives);
  return test !== null && typeof test === "object" ? [test.eq ?? [], test.in ?? []].flatMap(alternatives) : [];
}
