/**
 * The server that `npm start` runs, as a process of its own: on a free port, with an empty database in a folder of its
 * own, unless told otherwise. For tests that need a browser, or that kill it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const START_TIMEOUT_MS = 60_000;
const ROOT = join(import.meta.dirname, "../..");

export interface ServerOptions {
  /** Default: any free one. A test that restarts a server on the same port passes the first one's. */
  port?: number;
  /** Default: a new folder, removed by `stop()`. A folder that is passed is kept. */
  state?: string;
  adminKey?: string;
  /** How many databases it has. Default: one. */
  databases?: number;
  /** Whether the rate limits of production hold: not for a test whose point is many requests at once. Default: yes. */
  isLimited?: boolean;
}

const UNLIMITED = { RATE_ADDRESS_PER_MINUTE: "0", RATE_VISITOR_PER_MINUTE: "0" };

export interface Server {
  /** `http://localhost:<port>`, without a slash at the end. */
  url: string;
  port: number;
  key: string;
  state: string;
  /** As Ctrl-C does. */
  stop(): Promise<void>;
  /** As a power cut does: nothing is told, nothing is cleaned up. */
  kill9(): Promise<void>;
}

export async function startServer(options: ServerOptions = {}): Promise<Server> {
  const state = options.state ?? (await mkdtemp(join(tmpdir(), "kelvin-state-")));
  const child = spawn(process.execPath, [join(ROOT, "demo/start.ts")], {
    cwd: ROOT,
    env: {
      ...process.env,
      PORT: String(options.port ?? 0),
      KELVIN_STATE: state,
      KELVIN_DATABASES: String(options.databases ?? 1),
      KELVIN_ADMIN_KEY: options.adminKey ?? "test-admin-key",
      ...(options.isLimited === false ? UNLIMITED : {}),
      // Set by the `npm test` that runs us; it would make the server watch for the end of the wrong process.
      npm_lifecycle_event: "",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  gone.then(() => running.delete(child));
  const { api, key } = await printed(child);
  return {
    url: api,
    port: Number(new URL(api).port),
    key,
    state,
    async stop() {
      child.kill("SIGTERM");
      await gone;
      if (!options.state) await rm(state, { recursive: true, force: true });
    },
    async kill9() {
      child.kill("SIGKILL");
      await gone;
    },
  };
}

/** Reads the lines it prints when all of it answers. */
function printed(child: ChildProcess): Promise<{ api: string; key: string }> {
  return new Promise((resolve, reject) => {
    let out = "";
    let err = "";
    const fail = (why: string) => {
      clearTimeout(timer);
      child.kill("SIGKILL");
      reject(new Error(`the server did not start: ${why}\n${out}${err}`));
    };
    const timer = setTimeout(() => fail(`nothing after ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS);
    child.once("exit", (code) => fail(`it ended with code ${code}`));
    child.once("error", (error) => fail(error.message));
    child.stderr?.on("data", (chunk) => {
      err += chunk;
    });
    child.stdout?.on("data", (chunk) => {
      out += chunk;
      const api = /^api (.+)$/m.exec(out)?.[1];
      const key = /^key (.+)$/m.exec(out)?.[1];
      if (!api || !key || !out.endsWith("\n")) return;
      clearTimeout(timer);
      resolve({ api, key });
    });
  });
}

// A test file that fails half-way must leave no server behind.
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
