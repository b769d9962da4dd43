/**
 * The law through the real Worker: random rules, published; random histories, sent in random batches, by a browser or an
 * importer, with resends and overlaps; then what the API says is what the naive model finds in the events accepted.
 */
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import type { LoggedEvent } from "../../worker/core/event";
import type { Explanation, Message, Site } from "../support/api";
import { arbitraryCase, type Case } from "../support/arbitraries";
import { naive } from "../support/naive";
import { DAY, expectTheLaw, startApi } from "./app";

const RUNS = Number(process.env.KELVIN_RUNS ?? 25);
const VISITOR = "v1";
let now = 0;
const api = startApi({ clock: () => now });
const iso = (ms: number) => new Date(ms).toISOString();

interface Sending {
  /** How many of the next events go into the batch. */
  size: number;
  /** With the secret key. */
  trusted: boolean;
  /** How many of the events before are sent again with it, and whether they come first. */
  again: number;
  first: boolean;
  /** Milliseconds by which the client's clock is wrong. */
  skew: number;
}

const sendings = fc.array(
  fc.record({
    size: fc.integer({ min: 1, max: 8 }),
    trusted: fc.boolean(),
    again: fc.nat(3),
    first: fc.boolean(),
    skew: fc.constantFrom(0, 0, -3_600_000, 90_000),
  }),
  { minLength: 1, maxLength: 12 },
);

/** Only a marketer's PATCH, or an importer, says such things. */
function needsTrust({ event }: LoggedEvent): boolean {
  return ["Lead Status Changed", "Sales Feedback Given", "Lead Requalified"].includes(event ?? "");
}

function messageOf(event: LoggedEvent, skew: number): Message {
  const { timestamp, visitor: _, country, verified: __, machine: ___, context, ...rest } = event;
  return {
    ...rest,
    anonymousId: VISITOR,
    timestamp: iso(timestamp + skew),
    context: { ...context, ...(country === undefined ? {} : { location: { country } }) },
  };
}

/** Sends the history; returns the events accepted, in that order, as the log should have them. */
async function send(site: Site, events: LoggedEvent[], plan: Sending[]): Promise<LoggedEvent[]> {
  const accepted: LoggedEvent[] = [];
  let from = 0;
  for (let i = 0; from < events.length; i++) {
    const sending = plan[i % plan.length] as Sending;
    const fresh = events.slice(from, from + sending.size);
    const resent = accepted.slice(-sending.again || accepted.length);
    const batch = sending.first ? [...resent, ...fresh] : [...fresh, ...resent, ...fresh.slice(0, 1)];
    const trusted = sending.trusted || batch.some(needsTrust);
    now = Math.max(now, ...batch.map(({ timestamp }) => timestamp));
    const { status, body } = await site.post(
      batch.map((event) => messageOf(event, sending.skew)),
      { sentAt: iso(now + sending.skew) },
      { key: trusted ? api.adminKey : null },
    );
    expect(status, JSON.stringify(body)).toBe(200);
    for (const event of fresh) {
      if (!trusted && event.timestamp < now - 30 * DAY) continue;
      const { verified: _, machine: __, ...rest } = event;
      accepted.push({ ...rest, visitor: VISITOR, ...(trusted ? { verified: true as const } : {}) });
    }
    from += sending.size;
  }
  return accepted;
}

async function expectNaive(
  site: Site,
  { rules }: Case,
  accepted: LoggedEvent[],
  at: number,
  id = `visitor:${VISITOR}`,
): Promise<void> {
  const query = at > now ? `?at=${iso(at)}` : "";
  const lead = await site.lead(id, query);
  const expected = naive(rules, accepted, at);
  for (const [name, score] of Object.entries(expected.scores)) expect(lead.exact.scores[name]).toBeCloseTo(score, 6);
  expect(lead.exact.score).toBeCloseTo(expected.score, 6);
  const { levels, disqualified, visits, pageviews } = expected;
  expect({ ...lead, levels: lead.levels }).toMatchObject({ levels, disqualified, visits, pageviews });
  expect(lead.temperature).toBe(levels.temperature);

  const { body } = await site.rest<Explanation>(`/v1/leads/${lead.id}/explanation${query}`);
  const sum = (list: { points: number }[]) => list.reduce((total, { points }) => total + points, 0);
  expect(sum(body.data) + sum(body.clamps)).toBeCloseTo(body.exact, 6);
  expect(body.exact).toBeCloseTo(expected.score, 6);
  for (const { id, points, fired, limited } of body.data) {
    expect(points).toBeCloseTo(expected.perRule[id]?.points ?? Number.NaN, 6);
    expect({ id, fired, limited }).toMatchObject({
      fired: expected.perRule[id]?.fired,
      limited: expected.perRule[id]?.limited,
    });
  }
}

const sites: string[] = [];

test("what the API says is what the naive model says, now and later", async () => {
  await fc.assert(
    fc.asyncProperty(
      arbitraryCase({ history: { features: { machine: false } } }),
      arbitraryCase({ rules: { maxRules: 6 }, history: { maxEvents: 0 } }),
      sendings,
      async (one, other, plan) => {
        now = 0;
        const site = await api.createSite(one.rules);
        sites.push(site.id);
        const accepted = await send(site, one.events, plan);
        if (accepted.length === 0) return;
        expect((await site.events(`visitor:${VISITOR}`)).map(({ messageId }) => messageId)).toEqual(
          accepted.map(({ messageId }) => messageId),
        );
        await expectNaive(site, one, accepted, now);
        await expectNaive(site, one, accepted, Math.max(now, one.at));
        // Other rules: the same events, scored anew.
        expect((await site.publish(other.rules)).status).toBe(200);
        await expectNaive(site, other, accepted, now);
      },
    ),
    { numRuns: RUNS, verbose: 1, endOnFailure: false },
  );
});

/** Takes out what says who somebody is, so that nobody is joined before the end. */
function anonymous(event: LoggedEvent): LoggedEvent {
  const { userId: _, previousId: __, verified: ___, machine: ____, traits, ...rest } = event;
  const { email: _____, ...kept } = traits ?? {};
  return { ...rest, ...(traits === undefined ? {} : { traits: kept }) };
}

test("visitors joined in the end are one lead: the fold of the union of their events in the order accepted", async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryCase({ history: { features: { machine: false, alias: false } } }), async (one) => {
      now = 0;
      const site = await api.createSite(one.rules);
      sites.push(site.id);
      const accepted: LoggedEvent[] = [];
      for (const raw of one.events) {
        const event: LoggedEvent = { ...anonymous(raw), verified: true };
        now = Math.max(now, event.timestamp);
        const message = { ...messageOf(event, 0), anonymousId: event.visitor };
        expect((await site.import([message])).body.rejected).toEqual([]);
        accepted.push(event);
      }
      for (const visitor of new Set(accepted.map((event) => event.visitor))) {
        const join = { messageId: `join-${visitor}`, type: "identify" as const, userId: "joined" };
        expect((await site.import([{ ...join, anonymousId: visitor, timestamp: iso(now) }])).status).toBe(200);
        accepted.push({ ...join, visitor, timestamp: now, verified: true });
      }
      if (accepted.length === 0) return;
      const order = (await site.events("user:joined")).map(({ messageId }) => messageId);
      expect(order).toEqual(accepted.map(({ messageId }) => messageId));
      await expectNaive(site, one, accepted, now, "user:joined");
      await expectNaive(site, one, accepted, Math.max(now, one.at), "user:joined");
    }),
    { numRuns: RUNS, verbose: 1, endOnFailure: false },
  );
});

afterAll(async () => {
  for (const id of sites) await expectTheLaw(id);
});
