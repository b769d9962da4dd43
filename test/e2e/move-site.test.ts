/** `npm run move-site` as its user meets it: a site is moved while beacons flow, and a wrong call is told what would be right. */
import { spawn } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Api, PLAIN_RULES, page } from "../support/api.ts";
import { type Server, startServer } from "../support/server.ts";

let server: Server;
let api: Api;

beforeAll(async () => {
  server = await startServer({ databases: 2, isLimited: false });
  api = new Api((path, init) => fetch(server.url + path, init), server.key);
});

afterAll(async () => {
  await server?.stop();
});

/** Runs the command until it ends. */
function moveSite(args: string[], key = ""): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const env = { ...process.env, KELVIN_ADMIN_KEY: key };
  const child = spawn(process.execPath, ["tools/move-site.ts", ...args], { env });
  return new Promise((resolve) => {
    const said = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) child[name].on("data", (chunk) => (said[name] += chunk));
    child.once("close", (code) => resolve({ code, ...said }));
  });
}

test("moves a site while beacons flow, each of which counts once", { timeout: 150_000 }, async () => {
  const site = await api.createSite(PLAIN_RULES);
  await site.import(Array.from({ length: 150 }, (_, i) => page(`before-${i}`)));
  const args = ["--api", `${server.url}/`, "--site", site.id, "--to", "DB_1"];
  let isMoving = true;
  const moved = moveSite(args, server.key).finally(() => {
    isMoving = false;
  });
  const statuses = new Set<number>();
  let sent = 0;
  for (; isMoving; sent++) {
    statuses.add((await site.post([page(`meanwhile-${sent % 5}`)])).status);
    await pause(20);
  }
  const { code, stdout, stderr } = await moved;
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^DB_1: it lives there now; .+\nDB_1: done\n$/);
  expect([200, 202]).toEqual(expect.arrayContaining([...statuses]));
  const scores = async () => {
    const leads = await Promise.all([0, 1, 2, 3, 4].map((i) => site.lead(`visitor:meanwhile-${i}`)));
    return leads.reduce((sum, { score }) => sum + score, 0);
  };
  await expect.poll(scores, { timeout: 30_000 }).toBe(sent);
  expect((await site.rest<{ data: unknown[] }>("/v1/leads?limit=200")).body.data).toHaveLength(155);

  const again = await moveSite(args, server.key);
  expect([again.code, again.stdout]).toEqual([0, "DB_1: done\n"]);
});

describe("called wrongly it says what would be right", () => {
  test.each([
    ["nothing", [], "k", 2, /needs --api, --site and --to/],
    ["no key", ["--api", "http://kelvin.example", "--site", "a", "--to", "DB_1"], "", 2, /KELVIN_ADMIN_KEY is not in/],
    [
      "an address without a scheme",
      ["--api", "localhost:8787", "--site", "a", "--to", "DB_1"],
      "k",
      2,
      /--api is "loc/,
    ],
    ["an option that it has not", ["--from", "DB"], "k", 2, /Unknown option '--from'/],
  ])("%s", async (_, args, key, code, said) => {
    const ended = await moveSite(args, key);
    expect([ended.code, ended.stdout]).toEqual([code, ""]);
    expect(ended.stderr).toMatch(said);
  });

  test.each([
    ["a site that there is not", "nobody", "DB_1", /nobody/],
    ["a database that there is not", "demo", "DB_7", /DB_7/],
    ["an address that is not Kelvin's", "demo", "DB_1", /answers 4\d\d, which is none of Kelvin's answers/, "/pricing"],
  ])("%s", async (_, site, to, said, path = "") => {
    const ended = await moveSite(["--api", server.url + path, "--site", site, "--to", to], server.key);
    expect([ended.code, ended.stdout]).toEqual([1, ""]);
    expect(ended.stderr).toMatch(said);
    expect(ended.stderr, "in words").not.toContain("{");
  });

  test("an address that cannot be right is told at once", async () => {
    const ended = await moveSite(["--api", "http://localhost:1", "--site", "demo", "--to", "DB_1"], "k");
    expect([ended.code, ended.stdout]).toEqual([1, ""]);
    expect(ended.stderr).toBe("move-site: http://localhost:1/v1/sites/demo/move: Error: bad port\n");
  });

  test("where nobody listens it is tried again, and says how often", async () => {
    const args = ["--api", "http://127.0.0.1:2", "--site", "demo", "--to", "DB_1"];
    const child = spawn(process.execPath, ["tools/move-site.ts", ...args], {
      env: { ...process.env, KELVIN_ADMIN_KEY: "k" },
    });
    let said = "";
    child.stderr.on("data", (chunk) => (said += chunk));
    await expect.poll(() => said, { timeout: 20_000 }).toMatch(/tried again, 1 of 30\n.*tried again, 2 of 30\n/);
    child.kill();
  });

  test("--help tells what there is", async () => {
    const { code, stdout } = await moveSite(["--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain("--to DATABASE");
  });
});
