/**
 * Kelvin and the demo site in one Miniflare: bundles both Workers, takes the bindings from wrangler.toml, applies the
 * migrations and says where it listens. Not `wrangler dev`: its second proxy halves the throughput.
 */
import { readdirSync, readFileSync } from "node:fs";
import type { Server } from "node:net";
import { join } from "node:path";
import * as esbuild from "esbuild";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare, Response, type V4WorkerOptionsShape } from "miniflare";
import { unstable_getMiniflareWorkerOptions, unstable_readConfig, unstable_splitSqlQuery } from "wrangler";
import { endWorkerdWithUs } from "./lifeline.ts";
import { busy, forwardFromIpv6, refuseBusyPort } from "./ports.ts";
import { StartError } from "./start-error.ts";
import { vacuum } from "./vacuum.ts";

export const ROOT = join(import.meta.dirname, "..");

export interface RuntimeOptions {
  /** 0: any free one. */
  port: number;
  /** Folder that keeps the database; the same layout as `wrangler --persist-to`. */
  state: string;
  adminKey: string;
  /** How many databases there are: DB, DB_1 and so on. */
  databases: number;
  /** More variables of the Worker. */
  variables: Record<string, string>;
}

export interface Runtime {
  port: number;
  stop(): Promise<void>;
}

export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  await refuseBusyPort(options.port);
  const release = endWorkerdWithUs();
  const { options: settings, databases } = await miniflareOptions(options);
  const miniflare = new Miniflare(settings);
  let forwarder: Server | undefined;
  const stop = async () => {
    forwarder?.close();
    await miniflare.dispose();
    release();
  };
  try {
    const url = await miniflare.ready;
    for (const name of databases) await applyMigrations(await miniflare.getD1Database(name, "kelvin"));
    // An address without a port is one of port 80.
    const port = Number(url.port || 80);
    forwarder = await forwardFromIpv6(port);
    return { port, stop };
  } catch (error) {
    await stop().catch(() => {});
    throw (error as { code?: string }).code === "ERR_ADDRESS_IN_USE" ? busy(options.port) : error;
  }
}

/** Databases beside DB, by binding: each is found again under its name. */
const moreDatabases = (databases: number) =>
  Object.fromEntries(Array.from({ length: databases - 1 }, (_, i) => [`DB_${i + 1}`, `DB_${i + 1}`]));

async function miniflareOptions({ port, state, adminKey, databases, variables }: RuntimeOptions) {
  const fromToml = optionsOfToml();
  const [kelvin, demo] = await Promise.all([bundle("demo/entry.ts"), bundle("demo/server.ts")]);
  await esbuild.stop();
  const d1Databases = { ...moreDatabases(databases), ...fromToml.d1Databases };
  const options = convertV4MiniflareOptions({
    host: "127.0.0.1",
    port,
    // Without this, workerd's fallback `request.cf` is looked up on the network at every start.
    cf: false,
    logRequests: false,
    log: new Log(LogLevel.ERROR),
    handleStructuredLogs: ({ message }) => void process.stderr.write(`${message}\n`),
    resourcePersistencePath: join(state, "v3"),
    workers: [
      {
        ...fromToml,
        name: "kelvin",
        modules: [{ type: "ESModule", path: "kelvin.js", contents: kelvin }],
        d1Databases,
        // KELVIN_LOCAL: webhooks may call private addresses, which production refuses, and driven browsers count.
        bindings: {
          ...fromToml.bindings,
          ...identityProvider(),
          ...variables,
          KELVIN_ADMIN_KEY: adminKey,
          KELVIN_LOCAL: "1",
        },
        serviceBindings: { ...fromToml.serviceBindings, SITE: "demo", VACUUM: () => vacuumed(state) },
      },
      {
        compatibilityDate: fromToml.compatibilityDate,
        compatibilityFlags: fromToml.compatibilityFlags,
        name: "demo",
        modules: [{ type: "ESModule", path: "demo.js", contents: demo }],
        bindings: { KELVIN_ADMIN_KEY: adminKey },
        serviceBindings: { KELVIN: "kelvin", FILES: { disk: { path: join(ROOT, "demo/site"), writable: false } } },
      },
    ],
  });
  return { options, databases: Object.keys(d1Databases) };
}

/** What wrangler.toml says of the Worker, as Miniflare takes it. */
export function optionsOfToml() {
  // Only failures are worth a line; wrangler would also announce which files it read, on standard output.
  process.env.WRANGLER_LOG = "error";
  const config = unstable_readConfig({ config: join(ROOT, "wrangler.toml") }, { hideWarnings: true });
  // wrangler's type for these loses all names on the way; they are Miniflare's own.
  const toml = unstable_getMiniflareWorkerOptions(config).workerOptions as V4WorkerOptionsShape;
  // Miniflare's stand-in for rate limits writes their keys, which are addresses, to disk, and costs as much as a beacon's
  // own write. With one isolate there are no others to ask: what it counts itself is exact.
  // And its router for files stands in front of every request, which the Worker here goes without: it asks for them itself.
  const { ratelimits: _, assets, ...fromToml } = toml;
  const ASSETS = { disk: { path: join(ROOT, "dist/assets"), writable: false } };
  return { ...fromToml, serviceBindings: { ...fromToml.serviceBindings, ASSETS } };
}

/** The organisation's identity provider, where the environment names one. */
function identityProvider(): Record<string, string> {
  const { ACCESS_JWKS_URL, ACCESS_AUDIENCE } = process.env;
  return { ...(ACCESS_JWKS_URL ? { ACCESS_JWKS_URL } : {}), ...(ACCESS_AUDIENCE ? { ACCESS_AUDIENCE } : {}) };
}

/** The service VACUUM: `204` when what was deleted is overwritten. */
async function vacuumed(state: string): Promise<Response> {
  try {
    await vacuum(state);
    return new Response(null, { status: 204 });
  } catch (error) {
    return new Response((error as Error).message, { status: 500 });
  }
}

/** One ES module for workerd, as `wrangler deploy` would make it. */
export async function bundle(entry: string): Promise<string> {
  const result = await esbuild
    .build({
      absWorkingDir: ROOT,
      entryPoints: [entry],
      bundle: true,
      write: false,
      format: "esm",
      target: "es2024",
      conditions: ["workerd", "worker", "browser"],
      external: ["cloudflare:*", "node:*"],
      sourcemap: "inline",
      logLevel: "silent",
    })
    .catch((error: Error) => {
      throw new StartError(`${entry} could not be bundled: ${error.message}`);
    });
  return result.outputFiles[0]?.text ?? "";
}

export type Database = Awaited<ReturnType<Miniflare["getD1Database"]>>;

/** As `wrangler d1 migrations apply` does, with the same table; each file is one transaction with its own row. */
export async function applyMigrations(db: Database): Promise<void> {
  const folder = join(ROOT, "migrations");
  const files = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  await db
    .prepare(
      "CREATE TABLE IF NOT EXISTS d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, " +
        "applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)",
    )
    .run();
  const { results } = await db.prepare("SELECT name FROM d1_migrations").all<{ name: string }>();
  const applied = new Set(results.map((row) => row.name));
  for (const name of files.sort().filter((file) => !applied.has(file))) {
    const statements = unstable_splitSqlQuery(readFileSync(join(folder, name), "utf8"));
    try {
      await db.batch([
        ...statements.map((sql) => db.prepare(sql)),
        db.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(name),
      ]);
    } catch (error) {
      throw new StartError(`migration ${name} failed, nothing of it was applied: ${(error as Error).message}`);
    }
  }
}
