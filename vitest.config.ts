/**
 * Three kinds of tests, each in the runtime of what it tests:
 *   core    Node: the pure core, golden cases, layers, and the helpers' own tests
 *   worker  workerd: the Worker's verbs and routes on a real local D1
 *   e2e     Node: Chromium and the server that `npm start` runs
 * One kind alone: `npm test -- --project core`. Random cases are few in each run; KELVIN_RUNS=1000 makes more of them.
 */
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import ClosingLine from "./test/support/closing-line.ts";

// Nothing here may depend on the network: no look-up of `request.cf`, no usage reports, no update checks. And of
// wrangler's messages only failures are of interest.
Object.assign(process.env, {
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_LOG: "error",
});

const { KELVIN_RUNS } = process.env;
/** Long enough for a busy machine, ms; none takes more than a few seconds by itself. */
const PATIENCE_MS = KELVIN_RUNS ? 24 * 3_600_000 : 300_000;

export default defineConfig({
  test: {
    maxWorkers: 2,
    reporters: ["default", new ClosingLine()],
    projects: [
      {
        test: {
          name: "core",
          testTimeout: PATIENCE_MS,
          hookTimeout: PATIENCE_MS,
          include: ["test/core/**/*.test.ts", "test/support/**/*.test.ts"],
          globalSetup: "./test/support/build.ts",
          setupFiles: ["./test/core/setup.ts"],
          sequence: { groupOrder: 0 },
        },
      },
      {
        plugins: [
          cloudflareTest(async () => ({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              d1Databases: { DB_1: "DB_1", DB_2: "DB_2" },
              bindings: {
                KELVIN_ADMIN_KEY: "test-admin-key",
                ...(KELVIN_RUNS ? { KELVIN_RUNS } : {}),
                TEST_MIGRATIONS: await readD1Migrations("./migrations"),
              },
            },
          })),
        ],
        test: {
          name: "worker",
          testTimeout: PATIENCE_MS,
          hookTimeout: PATIENCE_MS,
          include: ["test/worker/**/*.test.ts"],
          globalSetup: "./test/support/build.ts",
          setupFiles: ["./test/worker/setup.ts"],
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          globalSetup: "./test/support/build.ts",
          // After the others and one file at a time: a browser and a server each want the machine to themselves.
          sequence: { groupOrder: 1 },
          maxWorkers: 1,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
