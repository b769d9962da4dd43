/** What the set-up says of whether events arrive: coming in, come to an end, or none yet. */
import { expect, test } from "vitest";
import { PLAIN_RULES, page, type Site } from "../support/api";
import { ADMIN_KEY, DAY, startApi } from "./app";

const START = Date.parse("2026-03-02T10:00:00Z");
let now = START;
const api = startApi({ clock: () => now });

async function received(site: Site): Promise<string> {
  const form = { "Content-Type": "application/x-www-form-urlencoded", Origin: "https://kelvin.test" };
  const door = await api.call("/dashboard/sign-in", { method: "POST", headers: form, body: `key=${ADMIN_KEY}` });
  const Cookie = door.headers.get("Set-Cookie")?.split(";")[0] ?? "";
  return await (await api.call(`/dashboard/setup/received?site=${site.id}`, { headers: { Cookie } })).text();
}

test("the light is green for a day after the latest event, and looks out for the next where it is not", async () => {
  const site = await api.createSite(PLAIN_RULES);
  expect(await received(site)).toMatch(/data-poll.*Waiting for the first event/s);
  await site.import([page("ann", "/", { timestamp: new Date(START).toISOString() })]);
  now = START + DAY;
  const coming = await received(site);
  expect(coming).toMatch(/received yes.*Events are coming in/s);
  expect(coming).not.toContain("data-poll");
  now = START + DAY + 1;
  const old = await received(site);
  expect(old).toMatch(/data-poll.*The latest event came .*24 h ago.*check that its pages still have the tag/s);
  expect(old).not.toMatch(/received yes|Events are coming in|Waiting/);
});
