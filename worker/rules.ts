/** Rules: read, published, rolled back, checked, and tried on stored leads before they rule. */

import { compileRules } from "./core/compile";
import { explain } from "./core/explain";
import { levelNames, levelsNow } from "./core/levels";
import { type Finding, lint } from "./core/lint";
import { replay } from "./core/play";
import { dig } from "./core/read";
import type { RuleSet } from "./core/rules";
import { emailOf } from "./core/view";
import { leadsAfter, readLogs } from "./db/leads";
import { readingAgain } from "./db/refusal";
import { insertRules, type RulesVersion, readRules, readVersion } from "./db/rules";
import type { SiteRules } from "./db/sites";
import { Tail } from "./db/tail";
import type { Deps } from "./deps";
import { Failure } from "./failure";
import { current } from "./lead";

/** The version in force, read afresh. */
export async function rulesInForce(deps: Deps, siteId: string): Promise<RulesVersion> {
  const found = await readRules(deps.db, siteId);
  if (found) return found;
  throw new Failure("not_found", "The site is gone.");
}

export async function rulesVersion(deps: Deps, siteId: string, version: number): Promise<RulesVersion> {
  const found = await readVersion(deps.db, siteId, version);
  if (found) return found;
  throw new Failure("not_found", `There is no version ${version} of the rules.`);
}

/** The rule set of a document that is not published yet. */
export function compileDraft(document: unknown): RuleSet {
  const result = compileRules(document);
  if ("rules" in result) return result.rules;
  throw new Failure("invalid_rules", "The rules in force are unchanged; errors says what is wrong.", result.errors);
}

/** Most tries to be the next version, where others publish at the same time. */
const PUBLISH_TRIES_MAX = 20;

export interface Publication {
  document: unknown;
  /** The version that the publisher saw, where they say so. */
  expected: number | null;
  /** Whether levels crossed because of it are announced. */
  notify: boolean;
}

/** Publishes a document as the site's next version and returns its number. */
export async function publishRules(deps: Deps, siteId: string, publication: Publication): Promise<number> {
  const { document, expected, notify } = publication;
  compileDraft(document);
  const text = JSON.stringify(document);
  for (let tries = 0; tries < PUBLISH_TRIES_MAX; tries++) {
    const { version } = await rulesInForce(deps, siteId);
    if (expected !== null && expected !== version) {
      throw new Failure("stale", `Version ${version} is in force, not ${expected}; read it before you publish.`);
    }
    if (await insertRules(deps.db, siteId, version, text, deps.clock(), notify)) {
      deps.sites.forget();
      return version + 1;
    }
  }
  throw new Failure("busy", "Others publish rules at the same time; nothing was published. Try again.");
}

/** Paths looked at for patterns that never matched: those of so many leads' latest events. */
const SEEN_LEADS = 200;

/** What is questionable about a document that is valid. */
export async function checkRules(deps: Deps, site: SiteRules, document: unknown): Promise<Finding[]> {
  const rules = compileDraft(document);
  return lint(rules, await seenOn(deps, site));
}

/** Paths of pages and names of track events that leads of the site had lately. */
export async function seenOn(deps: Deps, site: SiteRules): Promise<{ paths: string[]; events: string[] }> {
  const paths = new Set<string>();
  const events = new Set<string>();
  for (const row of await leadsAfter(deps.db, site.id, "", SEEN_LEADS)) {
    for (const event of new Tail(row.tail).entries) {
      const path = event.properties?.path ?? dig(event.context, "page.path");
      if (typeof path === "string") paths.add(path);
      if (typeof event.event === "string") events.add(event.event);
    }
  }
  return { paths: [...paths], events: [...events] };
}

/** Most leads that a preview scores. Ids are random, so the first in their order are a fair sample. */
export const PREVIEW_MAX_LEADS = 500;
/** Leads whose logs are read at once. */
const PREVIEW_CHUNK = 50;
const MOVERS_MAX = 10;
const REASONS_MAX = 5;

type Counts = Record<string, Record<string, number>>;

export interface Mover {
  id: string;
  email: string | null;
  before: { score: number; levels: Record<string, string> };
  after: { score: number; levels: Record<string, string> };
  /** What moved it, furthest first: a rule, or the clamp of a dimension (`id` is its name); points before and after. */
  because: { id: string; clamp?: true; before: number; after: number }[];
}

export interface Preview {
  before: Counts;
  after: Counts;
  movers: Mover[];
  /** Leads that were scored. */
  sampled: number;
  /** Leads that stand on another level then, on whatever ladder. */
  moved: number;
}

/** What a document would do to stored leads; nothing is written. */
export async function previewRules(deps: Deps, site: SiteRules, document: unknown): Promise<Preview> {
  const draft = compileDraft(document);
  const preview: Preview = { before: counts(site.rules), after: counts(draft), movers: [], sampled: 0, moved: 0 };
  for (let cursor = ""; preview.sampled < PREVIEW_MAX_LEADS; ) {
    const chunk = await readingAgain(() => previewChunk(deps, site, draft, cursor));
    for (const { before, after } of chunk) {
      add(preview.before, before.levels);
      add(preview.after, after.levels);
      if (moves(before.levels, after.levels)) preview.moved++;
    }
    preview.movers = furthest([...preview.movers, ...chunk.map(mover)]);
    preview.sampled += chunk.length;
    cursor = chunk.at(-1)?.id ?? "";
    if (chunk.length < PREVIEW_CHUNK) break;
  }
  return preview;
}

interface Tried {
  id: string;
  email: string | null;
  before: Standing;
  after: Standing;
}

/** The next leads after an id, under the rules in force and under the draft. */
async function previewChunk(deps: Deps, site: SiteRules, draft: RuleSet, after: string): Promise<Tried[]> {
  const rows = await leadsAfter(deps.db, site.id, after, PREVIEW_CHUNK);
  const now = deps.clock();
  const found = await Promise.all(rows.map((row) => current(deps, site, row, now)));
  const logs = await readLogs(
    deps.db,
    found.map(({ lead }) => lead),
  );
  return found.map(({ site, lead }, i) => {
    const at = Math.max(now, lead.state.clock ?? now);
    return {
      id: lead.id,
      email: emailOf(lead.state) ?? null,
      before: standingOf(site.rules, lead.state, at),
      after: standingOf(draft, replay(draft, logs[i] ?? []), at),
    };
  });
}

function standingOf(rules: RuleSet, state: Parameters<typeof explain>[1], at: number) {
  const { exact, lines, clamps } = explain(rules, state, at);
  return {
    score: exact,
    levels: levelNames(rules, levelsNow(rules, state, at)),
    rules: new Map(lines.map(({ id, points }) => [id, points])),
    clamps: new Map(clamps.map(({ dimension, points }) => [dimension, points])),
  };
}
type Standing = ReturnType<typeof standingOf>;

function counts(rules: RuleSet): Counts {
  return Object.fromEntries(
    rules.ladders.map(({ name, levels }) => [name, Object.fromEntries(levels.map((level) => [level.name, 0]))]),
  );
}

function add(to: Counts, levels: Record<string, string>): void {
  for (const [ladder, level] of Object.entries(levels)) {
    const ladderCounts = to[ladder];
    if (ladderCounts) ladderCounts[level] = (ladderCounts[level] ?? 0) + 1;
  }
}

function moves(before: Record<string, string>, after: Record<string, string>): boolean {
  return Object.keys({ ...before, ...after }).some((ladder) => before[ladder] !== after[ladder]);
}

function mover({ id, email, before, after }: Tried): Mover {
  const because = [
    ...changes(before.rules, after.rules).map(([rule, change]) => ({ id: rule, ...change })),
    ...changes(before.clamps, after.clamps).map(([id, change]) => ({ id, clamp: true as const, ...change })),
  ]
    .sort((a, b) => Math.abs(b.after - b.before) - Math.abs(a.after - a.before))
    .slice(0, REASONS_MAX);
  return {
    id,
    email,
    before: { score: before.score, levels: before.levels },
    after: { score: after.score, levels: after.levels },
    because,
  };
}

/** What is not the same in both, by name. */
function changes(
  before: Map<string, number>,
  after: Map<string, number>,
): [string, { before: number; after: number }][] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((name) => {
    const change = { before: before.get(name) ?? 0, after: after.get(name) ?? 0 };
    return change.before === change.after ? [] : [[name, change] as [string, typeof change]];
  });
}

function furthest(movers: Mover[]): Mover[] {
  const distance = ({ before, after }: Mover) => Math.abs(after.score - before.score);
  return movers
    .filter((one) => distance(one) > 0)
    .sort((a, b) => distance(b) - distance(a))
    .slice(0, MOVERS_MAX);
}
