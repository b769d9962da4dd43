/**
 * `npm run build`: makes what the Worker needs beside its source. The tag (snippet/build.mjs), which is a part of it as
 * text, and dist/assets/, files that are uploaded beside it and cost its start nothing: styles, scripts, lists, presets.
 * dist/files.json says under which names.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Loader, transformSync } from "esbuild";
import { REFERRERS } from "../worker/core/lists/referrers.ts";
import { PRESET_NAMES } from "../worker/core/presets/index.ts";
import { hash53 } from "../worker/core/text.ts";
import "../snippet/build.mjs";

const ROOT = join(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

const DASHBOARD = "worker/dashboard/assets";
const STYLES = "base frame controls parts leads lead rules editor reports setup narrow".split(" ");
const SCRIPTS = "script complete editor".split(" ");

/** One file out of several, minified. */
function joined(loader: Loader, paths: readonly string[]): string {
  return transformSync(paths.map(read).join("\n"), { loader, minify: true, target: "es2022" }).code;
}

/** The domains as worker/core/mail.ts takes them. Both ends are little-endian, as every machine that runs them. */
function freeMail(): Uint8Array {
  const domains = read("worker/core/lists/free-mail.list")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  return new Uint8Array(new Uint32Array(new Set(domains.map((domain) => hash53(domain) % 2 ** 32))).sort().buffer);
}

function preset(name: string): unknown {
  return JSON.parse(read(`worker/core/presets/${name}.json`));
}

/** What is in the folder, by the name that the Worker calls it by: its path without the digest, and its content. */
const FILES: Record<string, { path: string; content: string | Uint8Array }> = {
  dashboardStyle: {
    path: "dashboard/assets/style.css",
    content: joined(
      "css",
      STYLES.map((name) => `${DASHBOARD}/${name}.css.txt`),
    ),
  },
  dashboardScript: {
    path: "dashboard/assets/script.js",
    content: joined(
      "js",
      SCRIPTS.map((name) => `${DASHBOARD}/${name}.js.txt`),
    ),
  },
  referenceStyle: {
    path: "docs/reference.css",
    content: joined("css", ["worker/http/reference/style.css.txt"]),
  },
  referenceScript: {
    path: "docs/reference.js",
    content: joined("js", ["worker/http/reference/script.js.txt"]),
  },
  freeMail: {
    path: "lists/free-mail",
    content: freeMail(),
  },
  referrers: {
    path: "lists/referrers.json",
    content: JSON.stringify(REFERRERS),
  },
  presets: {
    path: "lists/presets.json",
    content: JSON.stringify(Object.fromEntries(PRESET_NAMES.map((name) => [name, preset(name)]))),
  },
};

/** Names change with the content, so that copies may be kept for ever. */
function named(path: string, content: string | Uint8Array): string {
  const digest = createHash("sha256").update(content).digest("hex").slice(0, 12);
  return `/${path.replace(/(\.\w+)?$/, (extension) => `-${digest}${extension}`)}`;
}

const folder = join(ROOT, "dist/assets");
const names = Object.entries(FILES).map(([name, { path, content }]) => {
  const address = named(path, content);
  mkdirSync(dirname(join(folder, address)), { recursive: true });
  writeFileSync(join(folder, address), content);
  return [name, address];
});
writeFileSync(join(ROOT, "dist/files.json"), `${JSON.stringify(Object.fromEntries(names), null, 2)}\n`);
// Only now: a server that runs meanwhile finds its files at any time.
const made = new Set(names.map(([, address = ""]) => join(folder, address)));
for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  if (entry.isFile() && !made.has(path)) rmSync(path);
}
