/** `npm start` as its user meets it: what it prints, what it refuses and why, and that nothing survives its end. */
import { spawn } from "node:child_process";
import { cp, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { originOf } from "../../demo/ports.ts";
import { seed } from "../../demo/seed.ts";
import { type Server, startServer } from "../support/server.ts";

const ROOT = join(import.meta.dirname, "../..");

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "kelvin-test-"));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function started(...options: Parameters<typeof startServer>): Promise<Server> {
  const server = await startServer(...options);
  cleanups.push(() => server.stop());
  return server;
}

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs demo/start.ts until it ends, or until it has printed its last line and is then told to end. */
function run(
  env: Record<string, string>,
  root = ROOT,
  signal: NodeJS.Signals = "SIGTERM",
  options: string[] = [],
): Promise<Ended> {
  const child = spawn(process.execPath, ["demo/start.ts", ...options], {
    cwd: root,
    env: { ...process.env, npm_lifecycle_event: "", ...env },
  });
  return new Promise((resolve) => {
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
      if (/^key .+\n/m.test(stdout)) child.kill(signal);
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

const answers = (url: string) =>
  fetch(url).then(
    () => true,
    () => false,
  );

test("prints the four lines and nothing else, and ends in good order", async () => {
  const env = { PORT: "0", KELVIN_STATE: await temporaryFolder(), KELVIN_ADMIN_KEY: "k3y" };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const { code, stdout } = await run(env, ROOT, signal);
    expect(stdout).toMatch(
      /^site http:\/\/localhost:(\d+)\/\ndashboard http:\/\/localhost:\1\/dashboard\napi http:\/\/localhost:\1\nkey k3y\n$/,
    );
    expect(code).toBe(0);
  }
});

test("answers under both names, and fires the scheduled handler", async () => {
  const { url, port } = await started();
  for (const base of [url, `http://127.0.0.1:${port}`]) {
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
    expect((await fetch(`${base}/k.js`)).status).toBe(200);
  }
  expect((await fetch(`${url}/cdn-cgi/handler/scheduled`)).status).toBe(200);
});

test("seeds the demo site once", async () => {
  const state = await temporaryFolder();
  const rules = async ({ url, key }: Server) => {
    const answer = await fetch(`${url}/v1/rules?site=demo`, { headers: { authorization: `Bearer ${key}` } });
    expect(answer.status).toBe(200);
    return answer.json();
  };
  const first = await started({ state });
  const before = await rules(first);
  await first.stop();
  expect(await rules(await started({ state }))).toEqual(before);
});

test("a database that is busy is asked again for the demo site", async () => {
  const asked: string[] = [];
  const busy = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(asked.length % 2 === 1 ? 503 : 200, { "content-type": "application/json" }).end("{}");
  });
  await new Promise<void>((ready) => busy.listen(0, "127.0.0.1", ready));
  const { port } = busy.address() as AddressInfo;
  await seed({ api: `http://127.0.0.1:${port}`, key: "k3y", origins: [] });
  busy.close();
  const rules = "PUT /v1/rules?site=demo";
  expect(asked).toEqual(["POST /v1/sites", "POST /v1/sites", rules, rules]);
});

test("killed outright, it leaves neither port nor database behind", async () => {
  const state = await temporaryFolder();
  const { url, port, kill9 } = await started({ state });
  await kill9();
  await expect.poll(() => answers(`${url}/healthz`)).toBe(false);
  const again = await started({ state, port });
  expect((await fetch(`${again.url}/healthz`)).status).toBe(200);
});

test("a port in use is named, with the way out", async () => {
  const { port } = await started();
  const { code, stdout, stderr } = await run({ PORT: String(port), KELVIN_STATE: await temporaryFolder() });
  expect(code).toBe(1);
  expect(stdout).toBe("");
  expect(stderr).toBe(`kelvin: port ${port} is taken; choose another, e.g. PORT=${port + 1} npm start.\n`);
});

test("--help tells which variables there are, and an option that there is not is refused; neither starts anything", async () => {
  const help = await run({}, ROOT, "SIGTERM", ["--help"]);
  expect([help.code, help.stderr]).toEqual([0, ""]);
  for (const name of ["PORT", "KELVIN_STATE", "KELVIN_ADMIN_KEY", "KELVIN_DATABASES", "RATE_ADDRESS_PER_MINUTE"]) {
    expect(help.stdout).toContain(`\n  ${name} `);
  }
  const wrong = await run({}, ROOT, "SIGTERM", ["--port", "3000"]);
  expect([wrong.code, wrong.stdout]).toEqual([2, ""]);
  expect(wrong.stderr).toMatch(/^Unknown option '--port'[\s\S]*KELVIN_STATE/);
});

test("the origin of port 80 is the one that browsers send", () => {
  expect([80, 8787].map((port) => originOf("localhost", port))).toEqual(["http://localhost", "http://localhost:8787"]);
});

test("what is no port is refused", async () => {
  const { code, stderr } = await run({ PORT: "http" });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^kelvin: PORT is "http"/);
});

/** A copy of the project, sharing its packages, that a test may spoil. */
async function copyOfProject(): Promise<string> {
  const root = await temporaryFolder();
  for (const name of ["demo", "dist", "migrations", "package.json", "snippet", "tools", "worker", "wrangler.toml"]) {
    await cp(join(ROOT, name), join(root, name), { recursive: true });
  }
  await symlink(join(ROOT, "node_modules"), join(root, "node_modules"));
  return root;
}

test("a failing migration is named and leaves nothing half-done", async () => {
  const root = await copyOfProject();
  const env = { PORT: "0", KELVIN_STATE: await temporaryFolder(), KELVIN_ADMIN_KEY: "k3y" };
  const migration = join(root, "migrations/9999_spoilt.sql");
  await writeFile(migration, "CREATE TABLE half_done (id INTEGER);\nINSERT INTO nowhere VALUES (1);\n");
  const failed = await run(env, root);
  expect(failed.code).toBe(1);
  expect(failed.stdout).toBe("");
  expect(failed.stderr).toMatch(/^kelvin: migration 9999_spoilt\.sql failed.*no such table: nowhere/);
  await writeFile(migration, "CREATE TABLE half_done (id INTEGER);\n");
  expect((await run(env, root)).code).toBe(0);
});

test("makes an admin key where there is none, for its owner's eyes only, and keeps it", async () => {
  const root = await copyOfProject();
  const env = { PORT: "0", KELVIN_STATE: await temporaryFolder(), KELVIN_ADMIN_KEY: "" };
  const keyOf = ({ stdout }: Ended) => /^key (.+)$/m.exec(stdout)?.[1];
  const key = keyOf(await run(env, root));
  expect(key).toMatch(/^kelvin_admin_[\w-]{32}$/);
  expect(keyOf(await run(env, root))).toBe(key);

  expect((await stat(join(root, ".dev.vars"))).mode & 0o777).toBe(0o600);
});

test("a key with a space, a state that cannot be kept and a limit that is none are told in one sentence", async () => {
  const folder = await temporaryFolder();
  const file = join(folder, "file");
  await writeFile(file, "");
  const wrongs: [Record<string, string>, RegExp][] = [
    [{ KELVIN_ADMIN_KEY: "two words" }, /^kelvin: KELVIN_ADMIN_KEY .*no spaces\.\n$/],
    [{ KELVIN_STATE: file }, /^kelvin: the state cannot be kept in .*KELVIN_STATE=…\n$/],
    [{ RATE_VISITOR_PER_MINUTE: "many" }, /^kelvin: RATE_VISITOR_PER_MINUTE is "many"; .*0 for no limit\.\n$/],
  ];
  for (const [env, sentence] of wrongs) {
    const { code, stderr } = await run({ PORT: "0", KELVIN_STATE: folder, ...env });
    expect(code).toBe(1);
    expect(stderr).toMatch(sentence);
  }
});

test("a second start keeps the origins that somebody added to the demo site, and adds its own", async () => {
  const state = await temporaryFolder();
  const first = await started({ state });
  const sites = async ({ url, key }: Server, body?: object) => {
    const headers = { authorization: `Bearer ${key}` };
    const change = body && { method: "PATCH", body: JSON.stringify(body) };
    const answer = await fetch(`${url}/v1/sites${body ? "?site=demo" : ""}`, { headers, ...change });
    return (await answer.json()) as { origins: string[]; data: { origins: string[] }[] };
  };
  const mine = "https://mine.example";
  const before = (await sites(first)).data[0]?.origins ?? [];
  await sites(first, { origins: [...before, mine] });
  await first.stop();
  const second = await started({ state });
  expect((await sites(second)).data[0]?.origins).toEqual(expect.arrayContaining([mine, second.url]));
});
