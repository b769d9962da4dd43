/**
 * The demo site, made through the public API as anybody would make one. Safe to repeat: an existing site keeps its rules,
 * leads and origins; that of the port is added.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { ROOT } from "./runtime.ts";
import { StartError } from "./start-error.ts";

const WRITE_KEY = "demo";
/** How long a busy database is asked again, ms, and the pause before that. */
const BUSY_MAX_MS = 60_000;
const BUSY_PAUSE_MS = 250;

interface Seed {
  /** Where the API is. */
  api: string;
  key: string;
  origins: string[];
}

export async function seed({ api, key, origins }: Seed): Promise<void> {
  const deadline = Date.now() + BUSY_MAX_MS;
  const call = async (method: string, path: string, body: string | null): Promise<Response> => {
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    for (;;) {
      const answer = await fetch(api + path, { method, headers, body });
      // Visitors of before may be sending what they kept: that the database is busy is no reason to turn them away.
      if (answer.status !== 503 || Date.now() > deadline) return answer;
      await pause(BUSY_PAUSE_MS);
    }
  };
  const created = await call("POST", "/v1/sites", JSON.stringify({ name: "Demo", origins, writeKey: WRITE_KEY }));
  if (created.status === 409) {
    const listed = await call("GET", "/v1/sites", null);
    await expectOk(listed);
    const { data } = (await listed.json()) as { data: { writeKey: string; origins: string[] }[] };
    // Added to those there are: somebody may have tried the tag on a page of their own.
    const all = new Set([...(data.find(({ writeKey }) => writeKey === WRITE_KEY)?.origins ?? []), ...origins]);
    await expectOk(await call("PATCH", `/v1/sites?site=${WRITE_KEY}`, JSON.stringify({ origins: [...all] })));
    return;
  }
  await expectOk(created);
  const rules = readFileSync(join(ROOT, "demo/rules.json"), "utf8");
  await expectOk(await call("PUT", `/v1/rules?site=${WRITE_KEY}`, rules));
}

async function expectOk(answer: Response): Promise<void> {
  if (answer.ok) return;
  throw new StartError(
    `the demo site could not be set up: ${answer.url} answered ${answer.status} ${await answer.text()}`,
  );
}
