/**
 * `npm run build`: makes what the Worker needs beside its source, dist/assets/: files that are uploaded beside it and cost
 * its start nothing. They are the tag (snippet/build.mjs), styles, scripts, lists, presets and what is told of the API.
 * dist/files.js says under which names.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { buildSync, type Loader, transformSync } from "esbuild";
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

/** By the name that the Worker calls a file by: its path without the digest, and its content. */
type Files = Record<string, { path: string; content: string | Uint8Array }>;

const FILES: Files = {
  tag: { path: "k.js", content: read("dist/k.js") },
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
  errorsStyle: {
    path: "docs/errors.css",
    content: joined("css", ["worker/http/reference/errors.css.txt"]),
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

/** What is told of the API, out of its declarations. Its pages name the files that were made before. */
async function reference(): Promise<Files> {
  const outfile = join(ROOT, "dist/reference.mjs");
  buildSync({
    absWorkingDir: ROOT,
    entryPoints: ["worker/reference.ts"],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile,
    alias: { "cloudflare:workers": "./tools/workers.ts" },
    logLevel: "warning",
  });
  type Made = Record<"openapi" | "rulesSchema" | "docs" | "errors", string>;
  const built = (await import(pathToFileURL(outfile).href)) as { reference(): Promise<Made> };
  const { openapi, rulesSchema, docs, errors } = await built.reference();
  return {
    openapi: { path: "docs/openapi.json", content: openapi },
    rulesSchema: { path: "docs/rules.schema.json", content: rulesSchema },
    // Without an extension: Cloudflare would send whoever asks for one that ends in .html elsewhere.
    docs: { path: "docs/reference", content: docs },
    errors: { path: "docs/errors", content: errors },
  };
}

const folder = join(ROOT, "dist/assets");
const names: Record<string, string> = {};

function write(files: Files): void {
  for (const [name, { path, content }] of Object.entries(files)) {
    const address = named(path, content);
    mkdirSync(dirname(join(folder, address)), { recursive: true });
    writeFileSync(join(folder, address), content);
    names[name] = address;
  }
  writeFileSync(join(ROOT, "dist/files.js"), `export default ${JSON.stringify(names, null, 2)};\n`);
}

write(FILES);
write(await reference());
// Only now: a server that runs meanwhile finds its files at any time.
const made = new Set(Object.values(names).map((address) => join(folder, address)));
for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  if (entry.isFile() && !made.has(path)) rmSync(path);
}
