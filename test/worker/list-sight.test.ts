/** Lists by who was there last, against a plain sort of everybody: whatever crowds, ties, visits and filters there are. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Lead, type List, type Message, page, type Site } from "../support/api";
import { DAY, expectTheLaw, MINUTE, startApi } from "./app";

const NOW = Date.parse("2026-11-22T12:00:00Z");
const api = startApi({ clock: () => NOW });
const RULES = {
  rules: [
    { id: "page", on: "page", points: 1 },
    { id: "rival", while: { "email.domain": "rival.example" }, disqualify: "competitor" },
  ],
  levels: { temperature: [{ name: "cold" }, { name: "warm", when: { score: { gte: 3 } } }] },
};

/** When somebody was there, ms before now: crowds within minutes, many at the very same instant, and some long before. */
const sight = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 6 }).map((minutes) => minutes * MINUTE) },
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 6 * MINUTE }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 * DAY }) },
);
/** Somebody: when they were there, in the order that it became known, and who they are. */
const somebody = fc.record({
  sights: fc.array(sight, { minLength: 1, maxLength: 4 }),
  email: fc.constantFrom(null, null, "a@acme.example", "b@rival.example"),
});

async function walk(site: Site, query: string): Promise<Lead[]> {
  const found: Lead[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const path: string = `/v1/leads?${query}${cursor && `&cursor=${cursor}`}`;
    const { status, body } = await site.rest<List<Lead>>(path);
    expect(status).toBe(200);
    found.push(...body.data);
    cursor = body.nextCursor;
  }
  return found;
}

const FILTERS = ["", "&disqualified=true", "&known=true", "&temperature=warm", "&minScore=2", "&q=rival"];

test("every page at every limit and filter is the plain sort's", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(somebody, { minLength: 30, maxLength: 60 }), async (everybody) => {
      const site = await api.createSite(RULES);
      for (const round of [0, 1, 2, 3]) {
        const messages = everybody.flatMap(({ sights, email }, i): Message[] => {
          const at = sights[round];
          if (at === undefined) return [];
          const more = { timestamp: new Date(NOW - at).toISOString() };
          const identify = {
            type: "identify",
            messageId: `i${i}`,
            anonymousId: `v${i}`,
            traits: { email: `${i}${email}` },
          };
          return [page(`v${i}`, "/", more), ...(email && round === 0 ? [{ ...identify, ...more }] : [])];
        });
        if (messages.length > 0) await site.import(messages);
      }
      for (const filter of FILTERS) {
        const all = await walk(site, `sort=id&limit=200${filter}`);
        const sorted = all.toSorted(
          (a, b) => Date.parse(b.lastSeen) - Date.parse(a.lastSeen) || (a.id > b.id ? -1 : 1),
        );
        for (const limit of filter === "" ? [3, 7, 30, 200] : [10]) {
          const walked = await walk(site, `sort=-lastSeen&limit=${limit}${filter}`);
          expect(walked.map(({ id }) => id)).toEqual(sorted.map(({ id }) => id));
        }
      }
      await expectTheLaw(site.id);
    }),
    { numRuns: 3, endOnFailure: true },
  );
});
