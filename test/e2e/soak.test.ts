/** A short soak: faults at the database and the queue, a kill, and then every lead against the naive model. */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import type { Soaked } from "../../bench/soak/run.ts";

test("a short soak finds nothing lost, nothing counted twice and every lead as it should be", {
  timeout: 180_000,
}, () => {
  const args = ["--minutes", "0.15", "--visitors", "60", "--kills", "1", "--mishaps", "0.06", "--json"];
  const { status, stdout, stderr } = spawnSync(process.execPath, ["bench/soak.ts", ...args], { encoding: "utf8" });
  const { verdict, kills, mishaps, requests, queue, webhooks, erasures, tokens } = JSON.parse(stdout || "{}") as Soaked;
  expect(verdict?.differences, stderr).toEqual([]);
  expect(status).toBe(0);
  expect(kills).toBe(1);
  expect(verdict.leads).toBeGreaterThan(5);
  expect(verdict.acknowledged).toBeGreaterThan(20);
  expect(requests).toBeGreaterThan(20);
  expect(Object.keys(mishaps).length, "something did go wrong").toBeGreaterThan(0);
  expect(queue.letters.doomed).toBeGreaterThan(0);
  expect(webhooks.announcements).toBeGreaterThan(10);
  expect(webhooks.refused).toBeGreaterThan(0);
  expect(erasures.erased).toBeGreaterThan(0);
  expect(erasures.resent).toBeGreaterThan(0);
  expect(tokens.holding + tokens.others).toBeGreaterThan(0);
});
