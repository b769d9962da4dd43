/**
 * How fast the pure fold is: `npm run bench`. One core, the b2b preset, a history like a marketing site's. Prints
 * events a second for histories of growing length: the cost of an event must not grow with what came before it.
 *   --quick  shorter runs    --json  one JSON document instead of the table
 */
import { cpus } from "node:os";
import { learnLists } from "../test/support/lists.ts";
import { compileRules } from "../worker/core/compile.ts";
import type { LoggedEvent } from "../worker/core/event.ts";
import { levelsNow, nextChange } from "../worker/core/levels.ts";
import { NOTHING_TOLD, play, replay } from "../worker/core/play.ts";
import b2b from "../worker/core/presets/b2b.json" with { type: "json" };
import { emptyState, packState } from "../worker/core/state.ts";
import { GOALS } from "./figures.ts";

const PATHS = ["/", "/product", "/pricing", "/blog/one", "/blog/two", "/case-studies/acme", "/careers", "/docs/start"];
const MINUTE_MS = 60_000;

/** A visitor who comes every other day: pages, time on them, now and then a download, a form, an identify. */
function history(length: number): LoggedEvent[] {
  const start = Date.UTC(2024, 0, 1);
  return Array.from({ length }, (_, i): LoggedEvent => {
    const timestamp = start + i * 4 * MINUTE_MS + Math.floor(i / 12) * 2_000 * MINUTE_MS;
    const base = { messageId: `m${i}`, timestamp, visitor: "v" };
    const path = PATHS[(i * 7) % PATHS.length] ?? "/";
    if (i % 40 === 39) return { ...base, type: "identify", traits: { email: "ada@acme.example", title: "VP Sales" } };
    if (i % 25 === 24)
      return { ...base, type: "track", event: "File Downloaded", properties: { file: `f${i % 9}.pdf` } };
    if (i % 60 === 59) return { ...base, type: "track", event: "Form Submitted", properties: { form: "webinar" } };
    if (i % 2) return { ...base, type: "track", event: "Page Engaged", properties: { seconds: 20, scroll: 60, path } };
    return { ...base, type: "page", properties: { path, url: `https://site.example${path}`, title: path } };
  });
}

function rules() {
  learnLists();
  const result = compileRules(b2b);
  if ("rules" in result) return result.rules;
  throw new Error(JSON.stringify(result.errors));
}

const quick = process.argv.includes("--quick");
/** Events folded before those that count, at least: V8 compiles meanwhile what an isolate at work has long compiled. */
const WARM_UP_EVENTS = 50_000;
/** Events folded in runs that count, at least. */
const EVENTS = quick ? 30_000 : 100_000;
const RUNS_MIN = 3;

/** Median of several runs over so many events, in ms. */
function timed(length: number, work: () => void): number {
  for (let events = 0; events < WARM_UP_EVENTS; events += length) work();
  const runs = Math.max(RUNS_MIN, Math.ceil(EVENTS / length));
  const times = Array.from({ length: runs }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  return times.sort((a, b) => a - b)[Math.floor(runs / 2)] ?? 0;
}

const set = rules();
const rate = (events: number, ms: number) => Math.round((events / ms) * 1000);
const lengths = quick ? [1_000, 10_000] : [1_000, 10_000, 100_000];
const folds = lengths.map((length) => {
  const events = history(length);
  const replayed = timed(length, () => replay(set, events));
  const told = timed(length, () => play(set, emptyState(set), events, NOTHING_TOLD));
  const state = replay(set, events);
  const at = state.clock ?? 0;
  const horizon = timed(1_000, () => nextChange(set, state, levelsNow(set, state, at), at));
  return {
    events: length,
    replayPerSecond: rate(length, replayed),
    withCrossingsPerSecond: rate(length, told),
    nextChangeMs: Number(horizon.toFixed(3)),
    stateBytes: packState(state).length,
  };
});
const result = {
  machine: `${cpus()[0]?.model ?? "?"}, Node ${process.version}`,
  rules: set.rules.length,
  goalEventsPerSecond: GOALS.foldedPerSecond,
  folds,
};
if (process.argv.includes("--json")) console.log(JSON.stringify(result, null, 2));
else {
  console.log(
    `fold: preset b2b (${set.rules.length} rules), ${result.machine}, goal ${GOALS.foldedPerSecond} events/s`,
  );
  console.table(folds);
}
