/**
 * The linter: what a valid rule set does that its author hardly meant. It is quiet about good practice: every finding
 * is certain of what it says, and what cannot be known from the rules is not reported.
 */
import { noDecay, noNegative, outweighs } from "./lint/balance";
import type { Finding } from "./lint/finding";
import { neverHolds } from "./lint/holds";
import { idle, neverSeen } from "./lint/idle";
import { levels } from "./lint/levels";
import { overlaps } from "./lint/overlap";
import { ranges } from "./lint/ranges";
import type { RuleSet } from "./rules";

export type { Finding, FindingCode } from "./lint/finding";

/** `seen`: what the site's stored events have; without it nothing is said about what they have not. */
export function lint(rules: RuleSet, seen?: { paths: readonly string[] }): Finding[] {
  return [
    ...overlaps(rules),
    ...outweighs(rules),
    ...levels(rules),
    ...noNegative(rules),
    ...noDecay(rules),
    ...ranges(rules),
    ...neverHolds(rules),
    ...neverSeen(rules, seen?.paths ?? []),
    ...idle(rules),
  ];
}
