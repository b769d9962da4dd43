/** A visitor that was split off again has its old lead's id; nobody may take it for the lead it was. */
import { expect, test } from "vitest";
import { PLAIN_RULES, page, Site } from "../support/api";
import { expectNothingDangling, expectTheLaw, startApi } from "./app";

test("an isolate that holds a lead as it was before a join does not write over what a split made of it", async () => {
  const site = await startApi().createSite(PLAIN_RULES);
  await site.import([{ type: "identify", userId: "K" }]);
  const other = new Site(startApi(), site.info);
  await other.post([page("v")]);
  const { id } = await site.lead("visitor:v");
  await site.post([{ type: "identify", userId: "K", anonymousId: "v" }, page("v"), page("v")]);
  const { id: joined } = await site.lead("user:K");
  expect((await site.rest(`/v1/leads/${joined}/split`, { body: { visitor: "v" } })).status).toBe(200);
  expect((await site.lead("visitor:v")).id).toBe(id);
  await other.post([page("v")]);
  expect((await site.lead("visitor:v")).pageviews).toBe(4);
  await expectNothingDangling(site.id);
  await expectTheLaw(site.id);
});
