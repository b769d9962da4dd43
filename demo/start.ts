/**
 * `npm start`: Kelvin and a demo site on this machine.
 *
 * Two Workers run in one Miniflare (demo/runtime.ts): `kelvin` answers the port, and what it does not know it passes to
 * `demo` through its service binding SITE. For whoever works on demo/server.ts, its bindings are:
 *   FILES             demo/site as a read-only folder: `env.FILES.fetch("http://files/pricing.html")` answers the file
 *                     (404 where there is none, no useful content type: set it from the extension)
 *   KELVIN            service binding to the Worker: `env.KELVIN.fetch(new Request("http://kelvin/v1/me?…"))`
 *   KELVIN_ADMIN_KEY  text: the admin key
 * Files of demo/site are read on every request; changes of demo/server.ts need a restart.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { optionsOf } from "../tools/options.ts";
import { adminKey } from "./admin-key.ts";
import { originOf } from "./ports.ts";
import { ROOT, startRuntime } from "./runtime.ts";
import { seed } from "./seed.ts";
import { StartError } from "./start-error.ts";

const PORT_DEFAULT = 8787;
/** Most local databases: enough to try moving sites. */
const DATABASES_MAX = 10;
const SCHEDULE_MS = 60_000;
/** How long everything may take to answer after it was started. */
const READY_TIMEOUT_MS = 30_000;

const HELP = `npm start

Kelvin and a demo site on this machine, until Ctrl-C. It prints where they are, and the key.

  --help   this text

It has no other options; these variables of the environment change what it does, as in PORT=9000 npm start:

  PORT                      another port; 0 takes any free one (default ${PORT_DEFAULT})
  KELVIN_STATE              the folder that keeps the database (default .wrangler/state)
  KELVIN_ADMIN_KEY          the key (default: made once, and kept in .dev.vars)
  KELVIN_DATABASES          how many databases there are, 1 to ${DATABASES_MAX} (default 1)
  RATE_ADDRESS_PER_MINUTE   requests of one address that are let through in a minute; 0 for any number
  RATE_VISITOR_PER_MINUTE   the same of one visitor
  ACCESS_JWKS_URL           where your identity provider has its keys, to sign in by it
  ACCESS_AUDIENCE           the audience of its tokens`;

function portFromEnv(): number {
  const text = process.env.PORT?.trim() || String(PORT_DEFAULT);
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new StartError(`PORT is "${text}", which is not a port number (0 to 65535; 0 takes any free one).`);
}

/** Variables of the Worker that may be set from outside. */
const RATES = ["RATE_ADDRESS_PER_MINUTE", "RATE_VISITOR_PER_MINUTE"];

function ratesFromEnv(): Record<string, string> {
  const rates: Record<string, string> = {};
  for (const name of RATES) {
    const text = process.env[name]?.trim();
    if (!text) continue;
    if (!/^\d{1,9}$/.test(text))
      throw new StartError(`${name} is "${text}"; it must be a number of requests a minute, or 0 for no limit.`);
    rates[name] = text;
  }
  return rates;
}

function databasesFromEnv(): number {
  const text = process.env.KELVIN_DATABASES?.trim() || "1";
  const databases = Number(text);
  if (Number.isInteger(databases) && databases >= 1 && databases <= DATABASES_MAX) return databases;
  throw new StartError(
    `KELVIN_DATABASES is "${text}"; it must be how many databases there are, 1 to ${DATABASES_MAX}.`,
  );
}

function stateFolder(): string {
  const folder = resolve(process.env.KELVIN_STATE || join(ROOT, ".wrangler/state"));
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return folder;
  } catch (error) {
    throw new StartError(
      `the state cannot be kept in ${folder} (${(error as { code?: string }).code}); choose another: KELVIN_STATE=…`,
    );
  }
}

function build(): void {
  const run = spawnSync(process.execPath, [join(ROOT, "tools/build.ts")], { cwd: ROOT, encoding: "utf8" });
  if (run.status === 0) return;
  throw new StartError(`the files could not be built (node tools/build.ts):\n${run.stdout}${run.stderr}`);
}

async function waitUntilAnswering(origin: string): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (const path of ["/healthz", "/k.js", "/"]) {
    for (;;) {
      const answer = await fetch(origin + path).catch((error: Error) => error);
      if (answer instanceof Response && answer.ok) break;
      if (Date.now() > deadline) {
        const what = answer instanceof Response ? `${answer.status} ${await answer.text()}` : answer.message;
        throw new StartError(`${origin}${path} does not answer as it should: ${what}`);
      }
      await pause(50);
    }
  }
}

/** The platform's cron, for which nothing local stands in. */
function runSchedule(origin: string): void {
  const tick = () => {
    const query = `cron=${encodeURIComponent("* * * * *")}&time=${Date.now()}`;
    // A failing run has already been logged by the Worker; the next one makes up for it.
    fetch(`${origin}/cdn-cgi/handler/scheduled?${query}`).catch(() => {});
    setTimeout(tick, SCHEDULE_MS - (Date.now() % SCHEDULE_MS));
  };
  setTimeout(tick, SCHEDULE_MS - (Date.now() % SCHEDULE_MS));
}

function stopOnSignals(stop: () => Promise<void>): void {
  let stopping = false;
  const end = () => {
    // A second Ctrl-C does not wait; the watcher in runtime.ts ends workerd then.
    if (stopping) process.exit(130);
    stopping = true;
    stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    // Miniflare's own listener would end the process at once, as if it had failed.
    process.removeAllListeners(signal);
    process.on(signal, end);
  }
  // Killed outright, npm cannot pass anything on; nobody would be left to stop us.
  if (process.env.npm_lifecycle_event) {
    const parent = process.ppid;
    setInterval(() => process.ppid !== parent && end(), 1000).unref();
  }
}

async function main(): Promise<void> {
  // Whoever started us may close the pipes after reading the four lines.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  optionsOf(HELP, {});
  const key = adminKey();
  const port = portFromEnv();
  const variables = ratesFromEnv();
  const databases = databasesFromEnv();
  build();
  const state = stateFolder();
  const runtime = await startRuntime({ port, state, adminKey: key, databases, variables });
  stopOnSignals(runtime.stop);
  const origin = originOf("localhost", runtime.port);
  // By address: a machine may resolve `localhost` to ::1 first.
  const local = originOf("127.0.0.1", runtime.port);
  await seed({ api: local, key, origins: [origin, local] });
  await waitUntilAnswering(local);
  runSchedule(local);
  console.log(`site ${origin}/\ndashboard ${origin}/dashboard\napi ${origin}\nkey ${key}`);
}

main().catch((error: unknown) => {
  console.error(error instanceof StartError ? `kelvin: ${error.message}` : error);
  process.exit(1);
});
