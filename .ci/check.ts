/**
 * `npm run check`: format and lint, the types of every room, the tag's size, the migrations. Says one line for each;
 * of what failed, also why. Two at a time: it waits mostly for processors.
 */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface Outcome {
  ok: boolean;
  output: string;
}
type Check = [name: string, run: () => Promise<Outcome>];

const ROOT = join(import.meta.dirname, "..");
const PARALLEL = 2;

/** Runs a package's program with this very Node, whatever is on the PATH. */
function node(script: string, ...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(ROOT, script), ...args], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        output += chunk;
      });
    }
    child.once("error", (error) => resolve({ ok: false, output: error.message }));
    child.once("close", (code) => resolve({ ok: code === 0, output }));
  });
}

const types = (project: string): Check => [
  `types ${project}`,
  () => node("node_modules/typescript/bin/tsc", "-p", project),
];

/**
 * What D1 answers with lost rows: it runs a migration in one transaction with foreign keys on, so the table rebuild that
 * drizzle-kit writes (copy to `__new_…`, drop, rename) deletes the rows of the table's children, and cascades do so too.
 */
const REFUSED_SQL = [/\bDROP\s+TABLE\b/i, /__new_/i, /\bON\s+DELETE\s+CASCADE\b/i];

async function migrations(): Promise<Outcome> {
  const folder = join(ROOT, "migrations");
  const files = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  const found = files.flatMap((name) => {
    const sql = readFileSync(join(folder, name), "utf8").replaceAll(/--.*$/gm, "");
    const named = /^\d{4}_[\w-]+\.sql$/.test(name) ? [] : [`${name}: a migration is named 0000_what_it_does.sql`];
    return [
      ...named,
      ...REFUSED_SQL.flatMap((pattern) => (sql.match(pattern) ?? []).map((text) => `${name}: "${text}"`)),
    ];
  });
  return { ok: found.length === 0, output: found.map((line) => `${line}\n`).join("") };
}

const checks: Check[] = [
  ["build", () => node("tools/build.ts")],
  [
    "format and lint",
    () => node("node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings", "--diagnostic-level=warn"),
  ],
  ...[
    "worker",
    "test",
    "test/worker",
    "demo",
    "demo/tsconfig.worker.json",
    "bench",
    "bench/tsconfig.worker.json",
    "snippet",
    ".",
  ].map(types),
  ["migrations", migrations],
];

let failed = 0;
async function work(): Promise<void> {
  for (let check = checks.shift(); check; check = checks.shift()) {
    const [name, run] = check;
    const { ok, output } = await run();
    if (!ok) failed++;
    const shown = ok ? (name === "build" ? ` ${output.trim()}` : "") : `\n${output}`;
    console.log(`${ok ? "ok    " : "FAILED"} ${name}${shown}`);
  }
}
await Promise.all(Array.from({ length: PARALLEL }, work));
process.exitCode = failed ? 1 : 0;
