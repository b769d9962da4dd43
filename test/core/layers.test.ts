/** Imports flow one way, and the core is pure: held here, since no reader would notice the first step aside. */
import { globSync, readFileSync } from "node:fs";
import { buildSync } from "esbuild";
import { describe, expect, it } from "vitest";
import { impurities, wrongImports } from "../support/layers.ts";

const files = globSync(["snippet/**/*.ts", "worker/**/*.{ts,tsx}"])
  .filter((path) => !path.endsWith(".d.ts"))
  .sort();
const read = (path: string) => readFileSync(path, "utf8");

describe("the source tree", () => {
  it("has its files where the rules look for them", () => {
    expect(files).toContain("snippet/wire.ts");
    expect(files).toContain("worker/core/event.ts");
  });

  it("imports in one direction only", () => {
    expect(files.flatMap((path) => wrongImports(path, read(path)))).toEqual([]);
  });

  it("keeps the core pure", () => {
    const core = files.filter((path) => path.startsWith("worker/core/"));
    expect(core.flatMap((path) => impurities(path, read(path)))).toEqual([]);
  });
});

/** The files of ours that a bundle has something of. */
function bundled(entry: string): string[] {
  const { metafile } = buildSync({
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    external: ["cloudflare:*", "node:*"],
    outdir: "dist",
  });
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
  return inputs.flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : []));
}

describe("what tells of the API", () => {
  const isTelling = (path: string) => path.startsWith("worker/http/reference/");

  it("is in the build of the reference", () => {
    expect(bundled("worker/reference.ts").filter(isTelling)).toContain("worker/http/reference/calls/leads.ts");
  });

  it("is not in the Worker", () => {
    const files = bundled("worker/index.ts");
    expect(files).toContain("worker/http/leads.ts");
    expect(files.filter(isTelling)).toEqual([]);
  });
});

describe("the check of imports", () => {
  it.each([
    ["snippet/wire.ts", "./send"],
    ["snippet/send.ts", "../worker/core/event"],
    ["snippet/send.ts", "zod"],
    ["worker/core/fold.ts", "../db/leads"],
    ["worker/core/fold.ts", "../ingest"],
    ["worker/core/fold.ts", "hono"],
    ["worker/core/fold.ts", "../../snippet/send"],
    ["worker/db/leads.ts", "../ingest.ts"],
    ["worker/ingest.ts", "./http/errors"],
    ["worker/ingest.ts", "./app"],
    ["worker/dashboard/lead.tsx", "../db/leads"],
    ["worker/http/leads.ts", "../app"],
    ["worker/app.ts", "./index"],
    ["worker/app.ts", "../test/support/naive"],
  ])("refuses %s importing %s", (path, to) => {
    expect(wrongImports(path, `import { x } from "${to}";`)).toHaveLength(1);
    expect(wrongImports(path, `import type { X } from "${to}";`)).toHaveLength(1);
    expect(wrongImports(path, `export * from "${to}";`)).toHaveLength(1);
    expect(wrongImports(path, `const x = await import("${to}");`)).toHaveLength(1);
  });

  it.each([
    ["snippet/observe/forms.ts", "../wire"],
    ["worker/core/fold.ts", "zod/mini"],
    ["worker/core/fold.ts", "../../snippet/wire"],
    ["worker/db/leads.ts", "../core/fold"],
    ["worker/ingest.ts", "./db/leads.ts"],
    ["worker/dashboard/lead.tsx", "hono/jsx"],
    ["worker/http/leads.ts", "../ingest"],
    ["worker/http/tag.ts", "../../dist/files.js"],
    ["worker/index.ts", "./app"],
  ])("lets %s import %s", (path, to) => {
    expect(wrongImports(path, `import { x } from "${to}";`)).toEqual([]);
  });

  it("refuses files outside the rooms", () => {
    expect(wrongImports("worker/util/strings.ts", "")).toHaveLength(1);
  });
});

describe("the check of purity", () => {
  it.each([
    "const now = Date.now();",
    "const now = new Date();",
    "const now = Date();",
    "const chance = Math.random();",
    "const id = crypto.randomUUID();",
    "await fetch(url);",
    "console.log(1);",
    "const key = env.KEY;",
    "const now = performance.now();",
    "const id = globalThis.crypto;",
    "call({ crypto });",
  ])("refuses %s", (source) => {
    expect(impurities("worker/core/fold.ts", source)).not.toEqual([]);
  });

  it.each([
    "const day = new Date(now).getUTCDay();",
    "const at = Date.UTC(2026, 0, 1) + Math.floor(1.5);",
    "// Date.now() would be wrong here",
    'const text = "console.log(Math.random())";',
    "interface Site { env: string }",
    "const name = site.env;",
  ])("lets %s be", (source) => {
    expect(impurities("worker/core/fold.ts", source)).toEqual([]);
  });
});
