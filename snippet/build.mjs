/**
 * Builds the tag: dist/k.js. Fails when it has grown past its budget, so that features are weighed against bytes while they are written.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { buildSync } from "esbuild";
import { minify } from "terser";

/** What the leanest trackers of comparable scope weigh. */
const BUDGET_BROTLI_BYTES = 2400;

const root = fileURLToPath(new URL("..", import.meta.url));

// Bundled by one and minified by another, which finds some 60 bytes more.
const bundle = buildSync({
  absWorkingDir: root,
  entryPoints: ["snippet/index.ts"],
  tsconfig: "snippet/tsconfig.json",
  bundle: true,
  minifySyntax: true,
  format: "iife",
  target: "es2021",
  write: false,
});
const { code } = await minify(bundle.outputFiles[0].text, { module: true, ecma: 2020, compress: { passes: 3 } });

mkdirSync(`${root}dist`, { recursive: true });
writeFileSync(`${root}dist/k.js`, code);

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
