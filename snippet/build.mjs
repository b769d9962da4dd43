/**
 * Builds the tag: dist/k.js, and the same as dist/k.js.txt, which the Worker imports as text. Fails when it has grown
 * past its budget, so that features are weighed against bytes while they are written.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { buildSync, transformSync } from "esbuild";

/** What the leanest trackers of comparable scope weigh. */
const BUDGET_BROTLI_BYTES = 2400;

const target = "es2021";
const root = fileURLToPath(new URL("..", import.meta.url));

// In two steps: minified as one text, the variables of all modules are declared together.
const bundle = buildSync({
  absWorkingDir: root,
  entryPoints: ["snippet/index.ts"],
  tsconfig: "snippet/tsconfig.json",
  bundle: true,
  minifySyntax: true,
  format: "iife",
  target,
  write: false,
});
const code = transformSync(bundle.outputFiles[0].text, { minify: true, target }).code.trim();

mkdirSync(`${root}dist`, { recursive: true });
writeFileSync(`${root}dist/k.js`, code);
writeFileSync(`${root}dist/k.js.txt`, code);

const brotli = brotliCompressSync(code).length;
console.log(
  `k.js: ${Buffer.byteLength(code)} B minified, ${gzipSync(code, { level: 9 }).length} B gzip, ${brotli} B brotli`,
);
if (brotli > BUDGET_BROTLI_BYTES) {
  console.error(
    `The tag is ${brotli - BUDGET_BROTLI_BYTES} B over its budget of ${BUDGET_BROTLI_BYTES} B (brotli 11).`,
  );
  process.exit(1);
}
