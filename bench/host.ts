/** Workers in Miniflare for benchmarks: the built Worker, the floor, and Kelvin with its bindings wrapped. */

import type { ChildProcess } from "node:child_process";
import { spawnSync } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare, type V4MiniflareOptions } from "miniflare";
import { applyMigrations, bundle, type Database, optionsOfToml, ROOT } from "../demo/runtime.ts";

export const ADMIN_KEY = "bench-admin-key";
const HOST = "127.0.0.1";
/** Has a Worker asked itself, not through Miniflare's own, which a deployed one has not before it. */
const DIRECT = { unsafeDirectSockets: [{ host: HOST, port: 0 }] };
/** All load comes from one address, so the limits are lifted; they count all the same. */
const UNLIMITED = { RATE_ADDRESS_PER_MINUTE: "99999999", RATE_VISITOR_PER_MINUTE: "99999999" };

type Worker = Extract<V4MiniflareOptions, { workers: unknown }>["workers"][number];

export interface Host {
  url: URL;
  miniflare: Miniflare;
  /** Of workerd. */
  pid: number;
  /** From nothing to the first answer, ms. */
  startMs: number;
  database(): Promise<Database>;
  /** Removes the state as well, where it is the host's own. */
  stop(): Promise<void>;
}

export interface Built {
  folder: string;
  /** The modules that are uploaded. */
  files: { name: string; contents: string }[];
  metafile: Metafile;
}

/** What esbuild says of a build. */
export interface Metafile {
  outputs: Record<string, { bytes: number; inputs: Record<string, { bytesInOutput: number }> }>;
}

/** The files beside the Worker, the tag among them. */
export function buildFiles(): void {
  const run = spawnSync(process.execPath, [join(ROOT, "tools/build.ts")], { cwd: ROOT, encoding: "utf8" });
  if (run.status !== 0) throw new Error(`the files could not be built:\n${run.stdout}${run.stderr}`);
}

/** The Worker as `npm run deploy` would upload it: wrangler's own build, in wrangler.toml's words. */
export function buildWorker(): Built {
  const folder = join(ROOT, "dist/bench/worker");
  const metafile = join(ROOT, "dist/bench/worker.json");
  rmSync(folder, { recursive: true, force: true });
  const wrangler = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
  const args = ["deploy", "--dry-run", "--outdir", folder, "--metafile", metafile];
  const env = { ...process.env, WRANGLER_SEND_METRICS: "false", WRANGLER_HIDE_BANNER: "true" };
  const run = spawnSync(process.execPath, [wrangler, ...args], { cwd: ROOT, encoding: "utf8", env });
  if (run.status !== 0) throw new Error(`the Worker could not be built:\n${run.stdout}${run.stderr}`);
  const names = readdirSync(folder).filter((name) => name.endsWith(".js"));
  return {
    folder,
    files: names.map((name) => ({ name, contents: readFileSync(join(folder, name), "utf8") })),
    metafile: JSON.parse(readFileSync(metafile, "utf8")) as Metafile,
  };
}

/** Kelvin as built, and nothing else. */
export async function startBuilt({ folder, files }: Built): Promise<Host> {
  const modules = files.map(({ name }) => ({ type: "ESModule" as const, path: join(folder, name) }));
  // workerd starts with the first of them.
  modules.sort((a, b) => Number(b.path.endsWith("index.js")) - Number(a.path.endsWith("index.js")));
  const { bindings, ...options } = kelvinOptions();
  // As deployed: the local server adds to each answer what it cost, for which the answer is made anew.
  const deployed = { ...options, bindings: { ...bindings, KELVIN_LOCAL: "" } };
  return await start([{ ...deployed, ...DIRECT, name: "kelvin", modulesRoot: folder, modules }], { first: "/healthz" });
}

export async function startFloor(): Promise<Host> {
  const { compatibilityDate, d1Databases } = optionsOfToml();
  const modules = [{ type: "ESModule" as const, path: "floor.js", contents: await bundle("bench/floor.ts") }];
  const worker = { ...DIRECT, name: "kelvin", compatibilityDate, d1Databases, modules };
  const host = await start([worker], { migrates: false });
  await (await host.database()).exec("CREATE TABLE floor (id TEXT PRIMARY KEY NOT NULL, n INTEGER) WITHOUT ROWID");
  return host;
}

/** Another entry of bench/ with Kelvin's bindings. */
export async function startEntry(entry: string, options: StartOptions = {}): Promise<Host> {
  const modules = [{ type: "ESModule" as const, path: "kelvin.js", contents: await bundle(entry) }];
  return await start([{ ...kelvinOptions(), name: "kelvin", modules }], options);
}

/** How often the queue of a soak brings a letter again before it gives up: production's goes on for hours. */
const QUEUE_RETRIES = 5;

/** Two isolates on one database, behind one door; the first is the consumer of the queue. */
export async function startPair(options: StartOptions): Promise<Host> {
  const modules = [{ type: "ESModule" as const, path: "kelvin.js", contents: await bundle("bench/entry.ts") }];
  const front = [{ type: "ESModule" as const, path: "front.js", contents: await bundle("bench/front.ts") }];
  const { queueConsumers, ...other } = kelvinOptions();
  const { compatibilityDate } = other;
  const serviceBindings = { A: "kelvin", B: "other" };
  return await start(
    [
      { name: "front", compatibilityDate, modules: front, serviceBindings },
      { ...other, queueConsumers: impatient(queueConsumers), name: "kelvin", modules },
      { ...other, name: "other", modules },
    ],
    options,
  );
}

/** The same consumers, whose letters die after few attempts. */
function impatient(consumers: ReturnType<typeof kelvinOptions>["queueConsumers"]) {
  if (!consumers || Array.isArray(consumers)) throw new Error("wrangler.toml names no consumers");
  return Object.fromEntries(
    Object.entries(consumers).map(([queue, consumer]) => [queue, { ...consumer, maxRetries: QUEUE_RETRIES }]),
  );
}

function kelvinOptions() {
  const fromToml = optionsOfToml();
  return {
    ...fromToml,
    bindings: { ...fromToml.bindings, ...UNLIMITED, KELVIN_ADMIN_KEY: ADMIN_KEY, KELVIN_LOCAL: "1" },
  };
}

interface StartOptions {
  /** Folder that keeps the database; a new one that goes with the host where left out. */
  state?: string;
  /** Whether Kelvin's tables are made. */
  migrates?: boolean;
  /** The path whose answer ends the start. */
  first?: string;
  port?: number;
}

async function start(workers: Worker[], options: StartOptions): Promise<Host> {
  const state = options.state ?? mkdtempSync(join(tmpdir(), "kelvin-bench-"));
  const pids: number[] = [];
  const note = (message: unknown) => {
    const child = (message as { process: ChildProcess }).process;
    child.once("spawn", () => {
      if (child.spawnfile.includes("workerd") && child.pid !== undefined) pids.push(child.pid);
    });
  };
  subscribe("child_process", note);
  const from = performance.now();
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: HOST,
      port: options.port ?? 0,
      cf: false,
      logRequests: false,
      log: new Log(LogLevel.ERROR),
      handleStructuredLogs: () => {},
      resourcePersistencePath: join(state, "v3"),
      workers,
    }),
  );
  const ready = await miniflare.ready;
  const url = workers[0]?.unsafeDirectSockets ? await miniflare.unsafeGetDirectURL() : ready;
  if (options.first) await (await fetch(new URL(options.first, url))).arrayBuffer();
  const startMs = performance.now() - from;
  unsubscribe("child_process", note);
  const database = async () => await miniflare.getD1Database("DB", "kelvin");
  if (options.migrates !== false) await applyMigrations(await database());
  const [pid = 0] = pids;
  const stop = async () => {
    await miniflare.dispose().catch(() => {});
    if (!options.state) rmSync(state, { recursive: true, force: true });
  };
  return { url, miniflare, pid, startMs, database, stop };
}

/** Processor time that a process has used, ms; `null` where the system has no /proc. */
export function processorMs(pid: number): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    // User and system time in ticks, of which Linux counts a hundred a second.
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return null;
  }
}
