/** When a lead was seen: by what it did, not by what somebody notes of it. */
import { expect, test } from "vitest";
import { PLAIN_RULES, page, track, unique } from "../support/api";
import { DAY, startApi } from "./app";

test("notes of sales, outcomes and their dates move neither the first nor the last sight", async () => {
  let now = Date.now() - 10 * DAY;
  const site = await startApi({ clock: () => now }).createSite(PLAIN_RULES);
  const [early, late] = [unique("v"), unique("v")];
  await site.post([page(early)]);
  const seen = await site.lead(`visitor:${early}`);
  now += DAY;
  await site.post([page(late)]);
  now += 3 * DAY;
  const id = encodeURIComponent(`visitor:${early}`);
  await site.rest(`/v1/leads/${id}`, { method: "PATCH", body: { status: "partner", traits: { title: "Boss" } } });
  const outcome = { lead: `visitor:${early}`, outcome: "lost", at: "2020-01-01T00:00:00Z" };
  expect((await site.rest("/v1/outcomes", { body: outcome })).status).toBe(201);
  const { firstSeen, lastSeen } = await site.lead(`visitor:${early}`);
  expect({ firstSeen, lastSeen }).toEqual({ firstSeen: seen.firstSeen, lastSeen: seen.lastSeen });
  const list = await site.rest<{ data: { visitors: { id: string }[] }[] }>("/v1/leads?sort=-lastSeen");
  expect(list.body.data.map(({ visitors }) => visitors[0]?.id)).toEqual([late, early]);
});

test("a lead of whom there are only notes was seen when they were made", async () => {
  const site = await startApi().createSite(PLAIN_RULES);
  const user = unique("u");
  await site.import([{ type: "identify", messageId: unique("m"), userId: user, traits: { name: "Ann" } }]);
  expect(await site.lead(`user:${user}`)).toMatchObject({
    firstSeen: expect.any(String),
    lastSeen: expect.any(String),
  });
});

test("history that was imported stands in lists where its score has faded to by now", async () => {
  const site = await startApi().createSite({
    ...PLAIN_RULES,
    dimensions: { engagement: { decay: { halfLife: "1d" } } },
    rules: [{ id: "form", on: "Form Submitted", points: 64 }],
  });
  const [old, fresh] = [unique("v"), unique("v")];
  const at = (days: number) => ({ timestamp: new Date(Date.now() - days * DAY).toISOString() });
  await site.import([
    track(old, "Form Submitted", {}, at(5)),
    track(old, "Form Submitted", {}, at(5)),
    track(fresh, "Form Submitted", {}, at(1)),
  ]);
  const list = await site.rest<{ data: { score: number; visitors: { id: string }[] }[] }>("/v1/leads");
  expect(list.body.data.map(({ score, visitors }) => [visitors[0]?.id, score])).toEqual([
    [fresh, 32],
    [old, 4],
  ]);
});
