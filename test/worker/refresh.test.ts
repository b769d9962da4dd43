/** The scores that lists go by: no older than a day, whatever happens or does not. */
import { expect, test } from "vitest";
import { DAY_MS } from "../../worker/core/duration";
import { refresh } from "../../worker/refresh";
import { sweep } from "../../worker/sweep";
import { type Lead, type List, page } from "../support/api";
import { expectTheLaw, startIsolate } from "./app";

const START = Date.parse("2026-03-02T10:00:00Z");
const RULES = {
  dimensions: { engagement: { decay: { halfLife: "2d" } } },
  rules: [
    { id: "fading", on: "page", where: { path: "/fading" }, points: 60 },
    { id: "staying", on: "page", where: { path: "/staying" }, points: 40, decay: null },
  ],
  levels: { temperature: [{ name: "cold" }] },
};

test("a list is sorted by scores of the last day, and costs nothing where nothing fades", async () => {
  let now = START;
  const { api, deps } = startIsolate({ clock: () => now });
  const site = await api.createSite(RULES);
  await site.post([page("fading", "/fading")]);
  await site.post([page("staying", "/staying")]);
  const order = async () => {
    const { data } = (await site.rest<List<Lead>>("/v1/leads")).body;
    return data.map((lead) => lead.visitors[0]?.id);
  };
  expect(await order()).toEqual(["fading", "staying"]);
  now = START + 2 * DAY_MS;
  await sweep(deps);
  expect(await refresh(deps)).toBe(1);
  expect(await order()).toEqual(["staying", "fading"]);
  expect(await refresh(deps), "once a day is enough").toBe(0);
  now = START + 60 * DAY_MS;
  expect(await refresh(deps)).toBe(1);
  now = START + 90 * DAY_MS;
  expect(await refresh(deps), "faded to nothing: left alone from then on").toBe(0);
  await site.post([page("fading", "/fading")]);
  await expectTheLaw(site.id);
});
