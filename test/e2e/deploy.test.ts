/**
 * What the manual says of deploying: every command of wrangler that it names is there, with the flags and words it is
 * given; and the configurations that it shows are built, by the dry run that it describes. Nothing is sent anywhere.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { experimental_getWranglerCommands } from "wrangler";

const ROOT = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const DOCUMENTS = [
  "README.md",
  "wrangler.toml",
  ...readdirSync(join(ROOT, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];
const QUIET = { CI: "true", WRANGLER_SEND_METRICS: "false", WRANGLER_HIDE_BANNER: "true", DO_NOT_TRACK: "1" };

async function wrangler(...args: string[]): Promise<string> {
  const script = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
  const env = { ...process.env, ...QUIET, CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_LOG: "log", NO_COLOR: "1" };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [script, ...args], { cwd: ROOT, env });
  return stdout + stderr;
}

type Tree = ReturnType<typeof experimental_getWranglerCommands>["registry"]["subtree"];
type Definition = NonNullable<NonNullable<ReturnType<Tree["get"]>>["definition"]>;
type Command = Extract<Definition, { type: "command" }>;

/** What is looked at of a flag, or of a place. */
interface Flag {
  type?: string | undefined;
  choices?: unknown;
  demandOption?: unknown;
}

/** The commands that documents name, each once, in the words that a shell makes of them. */
const commands = new Map<string, string[]>();
for (const path of DOCUMENTS) {
  for (const [, text = ""] of read(path).matchAll(/npx wrangler ([^`\n;]+?)(?= {2,}|[`\n;]|$)/gm)) {
    const words = [...text.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word);
    commands.set(words.join(" "), words);
  }
}

const { registry, globalFlags } = experimental_getWranglerCommands();

/** The command that words begin with, by the tree that wrangler's own help is made of; and the words after it. */
function found(words: readonly string[]): { command: Command | null; rest: readonly string[] } {
  let [node, length] = [registry.subtree.get(words[0] ?? ""), 1];
  for (let next = node?.subtree.get(words[1] ?? ""); next; next = node?.subtree.get(words[length] ?? "")) {
    node = next;
    length++;
  }
  const definition = node?.definition;
  return { command: definition?.type === "command" ? definition : null, rest: words.slice(length) };
}

test("commands are found", () => {
  expect([...commands.keys()]).toEqual(
    expect.arrayContaining(["login", "d1 create kelvin", "d1 migrations apply DB --remote", "deploy --dry-run"]),
  );
  expect(found(["d1", "nothing"]).command).toBeNull();
});

test.each([...commands])("npx wrangler %s", (_, words) => {
  const { command, rest } = found(words);
  if (!command) throw new Error("wrangler has no such command");
  const flags: Record<string, Flag | undefined> = { ...globalFlags, ...command.args };
  const values: string[] = [];
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i] ?? "";
    if (!word.startsWith("--")) values.push(word);
    else {
      const flag = flags[word.slice(2)];
      if (!flag) throw new Error(`${word} is no flag of it`);
      if (flag.type === "boolean") continue;
      const value = rest[++i];
      expect(value, word).toBeDefined();
      if (flag.choices) expect(flag.choices).toContain(value);
    }
  }
  const places = command.positionalArgs ?? [];
  expect(values.length).toBeLessThanOrEqual(places.length);
  for (const place of places.slice(values.length)) expect(flags[place]?.demandOption ?? false, place).toBe(false);
});

describe("what is built", () => {
  const folder = mkdtempSync(join(tmpdir(), "kelvin-deploy-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const blocks = [...read("docs/deploying.md").matchAll(/^```toml\n(.*?)^```$/gms)].map((found) => found[1] ?? "");
  const [host = "", paths = "", variables = "", staging = ""] = blocks;

  /** The dry run with what the manual adds to wrangler.toml: some lines at the top, some at the end. */
  async function dryRun(top: string, end: string, ...args: string[]): Promise<string> {
    const file = join(folder, "wrangler.toml");
    const whole = read("wrangler.toml").replaceAll(
      /^(main|directory) = "(.+)"$/gm,
      (_, name, path) => `${name} = ${JSON.stringify(join(ROOT, path))}`,
    );
    writeFileSync(file, `${top}\n${whole}\n${end}`);
    return await wrangler("deploy", "--dry-run", "--config", file, "--outdir", join(folder, "out"), ...args);
  }

  test("four additions are shown", () => expect(blocks).toHaveLength(4));

  test.each([
    ["on a host of its own, with variables", host, variables],
    ["on paths of another", paths, ""],
  ])("%s", async (_, top, end) => {
    const said = await dryRun(top, end);
    for (const binding of ["env.DB", "env.ASSETS", "env.RATE_ADDRESS", "env.RATE_VISITOR"])
      expect(said).toContain(binding);
    expect(said).toContain("--dry-run: exiting now.");
    expect(said).not.toMatch(/warning/i);
  });

  test("the second one has a database of its own and all bindings of the first", async () => {
    const said = await dryRun(host, staging, "--env", "staging");
    for (const binding of ["env.DB (kelvin-staging)", "env.ASSETS", "env.RATE_ADDRESS", "env.RATE_VISITOR"]) {
      expect(said).toContain(binding);
    }
    expect(said).not.toMatch(/warning/i);
  });
});
