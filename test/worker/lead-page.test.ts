/** What a marketer does on the page of a lead: recording what became of it, and lifting a disqualification. */
import { describe, expect, test } from "vitest";
import { PLAIN_RULES, page, type Site, track, unique } from "../support/api";
import { ADMIN_KEY, startIsolate } from "./app";

const { api } = startIsolate();
const RULES = {
  rules: [
    ...PLAIN_RULES.rules,
    { id: "won", on: "Outcome Recorded", where: { "properties.outcome": "won" }, points: 7 },
    { id: "spam", on: "Spam Reported", disqualify: "spam" },
    { id: "rival", while: { "email.domain": "rival.example" }, disqualify: "competitor" },
    { id: "staff", while: { status: "employee" }, disqualify: "one of us" },
  ],
  levels: PLAIN_RULES.levels,
};

/** Somebody signed in, on the page of a lead. */
async function visit(site: Site, visitor: string, key = ADMIN_KEY) {
  const form = async (path: string, fields: Record<string, string>, cookie = "") =>
    await api.call(`/dashboard${path}?site=${site.id}`, {
      method: "POST",
      headers: {
        Cookie: cookie,
        Origin: "https://kelvin.test",
        "Content-Type": "application/x-www-form-urlencoded",
      },
      body: `${new URLSearchParams(fields)}`,
    });
  const cookie = (await form("/sign-in", { key })).headers.get("Set-Cookie")?.split(";")[0] ?? "";
  const read = async (path = `/dashboard/leads/visitor:${visitor}?site=${site.id}`) =>
    await (await api.call(path, { headers: { Cookie: cookie } })).text();
  const formToken = /name="formToken" value="(\w+)"/.exec(await read())?.[1] ?? "";
  return {
    read,
    /** Text without its tags. */
    text: async (path?: string) => (await read(path)).replaceAll(/<[^>]*>/g, "").replaceAll(/\s+/g, " "),
    send: async (action: string, fields: Record<string, string>, token = formToken) =>
      await form(`/leads/visitor:${visitor}/${action}`, { formToken: token, ...fields }, cookie),
  };
}

async function visitorOf(site: Site, ...messages: ReturnType<typeof track>[]): Promise<string> {
  const visitor = unique("v");
  await site.import([page(visitor), ...messages.map((one) => ({ ...one, anonymousId: visitor }))]);
  return visitor;
}

const outcomes = async (site: Site, visitor: string) =>
  (await site.events(`visitor:${visitor}`))
    .filter(({ event }) => event === "Outcome Recorded")
    .map(({ properties }) => properties);

describe("what became of a lead", () => {
  test("is recorded with its value, acts by the rules, and stands in the time line", async () => {
    const site = await api.createSite(RULES);
    const visitor = await visitorOf(site);
    const { score } = await site.lead(`visitor:${visitor}`);
    const desk = await visit(site, visitor);
    const answer = await desk.send("outcome", { outcome: "won", value: "1200.5" });
    expect(answer.status).toBe(303);
    expect(await desk.text(answer.headers.get("Location") ?? "")).toContain("Outcome recorded");
    expect(await outcomes(site, visitor)).toEqual([{ outcome: "won", value: 1200.5 }]);
    expect((await site.lead(`visitor:${visitor}`)).score).toBe(score + 7);
    expect(await desk.text()).toContain("Outcome Recorded won, value 1200.5");
    expect(await desk.text()).toMatch(/What became of it ?Recorded: won, just now\./);
    await desk.send("outcome", { outcome: "lost", value: "" });
    expect(await desk.text(), "the first, by which reports go").toMatch(/Recorded: won,/);
  });

  test("needs no value", async () => {
    const site = await api.createSite(RULES);
    const visitor = await visitorOf(site);
    const desk = await visit(site, visitor);
    expect((await desk.send("outcome", { outcome: "lost", value: "" })).status).toBe(303);
    expect(await outcomes(site, visitor)).toEqual([{ outcome: "lost" }]);
    expect(await desk.text()).toMatch(/Outcome Recorded lost(?!,)/);
    expect(await (await visit(site, await visitorOf(site))).text(), "of another").not.toContain("Recorded:");
  });

  test.each<[Record<string, string>, RegExp]>([
    [{}, /outcome: must be one of won, lost, converted/],
    [{ outcome: "gone" }, /outcome: must be one of won, lost, converted/],
    [{ outcome: "won", value: "much" }, /value: must be a number/],
    [{ outcome: "won", value: "-1" }, /value: must be at least 0/],
  ])("%j is refused", async (fields, detail) => {
    const site = await api.createSite(RULES);
    const visitor = await visitorOf(site);
    const answer = await (await visit(site, visitor)).send("outcome", fields);
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringMatching(detail)]);
    expect(await outcomes(site, visitor)).toEqual([]);
  });

  test("takes a key that may write, and a form of ours", async () => {
    const site = await api.createSite(RULES);
    const visitor = await visitorOf(site);
    const { body } = await api.rest<{ key: string }>("/v1/keys", { body: { name: "Reader", scopes: ["read"] } });
    const reader = await visit(site, visitor, body.key);
    expect(await reader.read()).not.toContain("What became of it");
    expect((await reader.send("outcome", { outcome: "won" })).status).toBe(403);
    const forged = await (await visit(site, visitor)).send("outcome", { outcome: "won" }, "forged");
    expect(forged.status).toBe(403);
    expect(await outcomes(site, visitor)).toEqual([]);
  });
});

test("a cold lead stays cold, and its points may fade all the same", async () => {
  const site = await api.createSite({ ...RULES, dimensions: { engagement: { decay: { halfLife: "1d" } } } });
  const desk = await visit(site, await visitorOf(site));
  expect(await desk.text()).toContain("Stays cold, if nothing more happens.");
});

describe("the time line", () => {
  test("tells where a link led, which screen it was and which group", async () => {
    const site = await api.createSite(RULES);
    const visitor = await visitorOf(
      site,
      track("", "Link Clicked", { url: "https://other.example/map" }),
      { type: "screen", messageId: unique("m"), name: "Home" },
      { type: "group", messageId: unique("m"), groupId: "g-17", traits: { name: "Tarn Valley" } },
    );
    const told = await (await visit(site, visitor)).text();
    expect(told).toContain("Link Clicked url https://other.example/map");
    expect(told).toContain("Viewed Home");
    expect(told).toContain("Joined the group g-17 Tarn Valley");
  });
});

describe("a disqualification", () => {
  const spam = track("", "Spam Reported");
  const rival = { type: "identify", messageId: unique("m"), traits: { email: "x@rival.example" } };

  test("that an event brought is lifted", async () => {
    const site = await api.createSite(RULES);
    const visitor = await visitorOf(site, spam);
    const desk = await visit(site, visitor);
    expect(await desk.text()).toContain("Lift the disqualification (spam)");
    expect(await desk.text()).not.toContain("Disqualified by");
    await desk.send("notes", { status: "open", feedback: "", requalify: "true" });
    expect((await site.lead(`visitor:${visitor}`)).disqualified).toBeNull();
    expect(await desk.text()).not.toContain("Lift the disqualification");
  });

  test("that a state brings ends by itself, and the page says with which rule", async () => {
    const site = await api.createSite(RULES);
    const visitor = await visitorOf(site, rival);
    const desk = await visit(site, visitor);
    expect(await desk.text()).toContain("Disqualified by rival: that ends by itself once this rule holds no more.");
    expect(await desk.read()).not.toContain("requalify");
  });

  test("of both kinds: either is told", async () => {
    const site = await api.createSite(RULES);
    const visitor = await visitorOf(site, { ...rival, messageId: unique("m") }, { ...spam, messageId: unique("m") });
    const desk = await visit(site, visitor);
    await desk.send("notes", { status: "employee", feedback: "" });
    expect(await desk.text()).toContain("Lift the disqualification (spam)");
    expect(await desk.text()).toContain("Disqualified by rival, staff: that ends by itself once none of these rules");
  });
});
