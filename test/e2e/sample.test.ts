/** `npm run sample` as a newcomer meets it: a site that has something to show, once; and what is said where it cannot. */
import { spawn } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Api, type Lead, type List, Site, type SiteInfo } from "../support/api.ts";
import { type Server, startServer } from "../support/server.ts";

let server: Server;
let api: Api;
beforeAll(async () => {
  server = await startServer();
  api = new Api((path, init) => fetch(server.url + path, init), server.key);
});
afterAll(() => server?.stop());

/** Runs the command until it ends. */
function sample(variables: Record<string, string> = {}, args: string[] = []) {
  const env = { ...process.env, PORT: String(server.port), KELVIN_ADMIN_KEY: server.key, ...variables };
  const child = spawn(process.execPath, ["demo/sample.ts", ...args], { env });
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    const said = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) child[name].on("data", (chunk) => (said[name] += chunk));
    child.once("close", (code) => resolve({ code, ...said }));
  });
}

const sites = async () => (await api.rest<List<SiteInfo>>("/v1/sites")).body.data;

test("makes a site with leads of every kind, of which reports say something; again, nothing changes", async () => {
  const first = await sample();
  expect([first.code, first.stderr]).toEqual([0, ""]);
  expect(first.stdout).toMatch(/^(\d+) invented leads, [\d,]+ events\ndashboard (\S+)\n$/);
  expect(first.stdout).toContain(`${server.url}/dashboard?site=sample`);
  expect((await sites()).map(({ name }) => name).sort()).toEqual(["Demo", "Sample"]);

  const site = new Site(api, (await sites()).find(({ writeKey }) => writeKey === "sample") as SiteInfo);
  const read = async <T>(path: string) => (await site.rest<T>(path)).body;
  const leads = async () => (await read<List<Lead>>("/v1/leads?disqualified=true&limit=200")).data;
  const before = await leads();
  expect(before).toHaveLength(Number(/^\d+/.exec(first.stdout)?.[0]));
  for (const temperature of ["cold", "warm", "hot"]) {
    const like = before.filter((lead) => lead.temperature === temperature && lead.disqualified === null);
    expect(like.length, temperature).toBeGreaterThan(5);
  }
  expect(new Set(before.map(({ disqualified }) => disqualified))).toEqual(new Set([null, "customer", "competitor"]));
  expect(before.filter(({ known, email }) => known !== (email?.endsWith(".example") ?? false))).toEqual([]);
  const events = (await Promise.all(before.map(({ id }) => site.events(id)))).flat();
  const outcomes = events.filter(({ event }) => event === "Outcome Recorded").map((one) => one.properties?.outcome);
  expect(new Set(outcomes)).toEqual(new Set(["won", "lost", "converted"]));
  expect(Math.max(...events.map(({ timestamp }) => Date.parse(timestamp)))).toBeLessThan(Date.now());

  const rules = await read<{ auc: { value: number }; note: string | null; data: { lift: number | null }[] }>(
    "/v1/reports/rules",
  );
  expect(rules.auc.value).toBeGreaterThan(0.7);
  expect(rules.note).toBeNull();
  expect(rules.data.filter(({ lift }) => lift !== null && lift > 1).length).toBeGreaterThan(3);
  const { uplift } = await read<{ uplift: Record<string, { leads: number }> }>("/v1/reports/personalisation");
  for (const group of ["personalised", "heldOut"]) expect(uplift[group]?.leads, group).toBeGreaterThan(5);

  const second = await sample();
  expect([second.code, second.stdout]).toEqual([0, expect.stringContaining("there already")]);
  const names = (list: Lead[]) => list.map(({ id, pageviews, visits, lastSeen }) => [id, pageviews, visits, lastSeen]);
  expect(names(await leads()).sort()).toEqual(names(before).sort());
  expect((await api.rest<List<Lead>>("/v1/leads?site=demo")).body.data).toEqual([]);
});

test("says in a line why it cannot", async () => {
  const other = await startServer();
  const theirs = { name: "My samples", writeKey: "sample", origins: ["https://shop.example"] };
  const headers = { authorization: `Bearer ${other.key}` };
  await fetch(`${other.url}/v1/sites`, { method: "POST", headers, body: JSON.stringify(theirs) });
  const taken = await sample({ PORT: String(other.port) });
  await other.stop();
  expect([taken.code, taken.stdout]).toEqual([1, ""]);
  expect(taken.stderr).toMatch(
    /^sample: the write key "sample" is that of another site, My samples; nothing was sent.\n$/,
  );

  const gone = await sample({ PORT: String(other.port) });
  expect([gone.code, gone.stderr]).toEqual([
    1,
    expect.stringMatching(/^sample: nothing answers at .+ `npm start`.+\n$/),
  ]);
  expect((await sample({ KELVIN_ADMIN_KEY: "wrong" })).stderr).toMatch(/^sample: .+ 401.+\n$/);
  expect((await sample({}, ["--help"])).stdout).toMatch(/^npm run sample\n/);
});
