/** Beacons that the database cannot take: they wait in a queue, are answered `202`, and are folded once, in order. */
import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test, vi } from "vitest";
import type { Letter, Mail } from "../../worker/backlog";
import { LETTER_MAX_BYTES, lettersOf } from "../../worker/backlog";
import { buryAll } from "../../worker/dead";
import type { Deps } from "../../worker/deps";
import { drain } from "../../worker/drain";
import type { Env } from "../../worker/env";
import worker from "../../worker/index";
import { type Api, type Message, PLAIN_RULES, page, type Site, unique } from "../support/api";
import { FaultyDatabase } from "../support/faults";
import { ADMIN_KEY, DB, expectTheLaw, loggedIds, startIsolate } from "./app";
import { held } from "./traces";

const OVERLOADED = "D1 DB is overloaded. Requests queued for too long.";
const BUG = "no such column: nonsense";

beforeAll(() => void vi.spyOn(console, "error").mockImplementation(() => {}));

/** A queue that keeps what is put into it until a test takes it out. */
class Shelf {
  letters: Letter[] = [];
  isFull = false;

  async sendBatch(messages: Iterable<MessageSendRequest<Letter>>): Promise<never> {
    if (this.isFull) throw new Error("Queue sendBatch failed: Too Many Requests");
    for (const { body } of messages) this.letters.push(structuredClone(body));
    return undefined as never;
  }

  /** All letters as a queue brings them, the n-th time. */
  take(attempts = 1): { mails: Mail[]; acked: string[]; retried: { id: string; delaySeconds: number | undefined }[] } {
    const acked: string[] = [];
    const retried: { id: string; delaySeconds: number | undefined }[] = [];
    const mails = this.letters.splice(0).map((body, i) => ({
      id: `mail${i}`,
      body,
      attempts,
      ack: () => void acked.push(`mail${i}`),
      retry: (options?: QueueRetryOptions) =>
        void retried.push({ id: `mail${i}`, delaySeconds: options?.delaySeconds }),
    }));
    return { mails, acked, retried };
  }
}

interface Rig {
  faulty: FaultyDatabase<D1Database>;
  shelf: Shelf;
  api: Api;
  deps: Deps;
  site: Site;
}

async function rig(): Promise<Rig> {
  const faulty = new FaultyDatabase(DB);
  const shelf = new Shelf();
  const { api, deps } = startIsolate({ db: faulty.db, env: { BEACONS: shelf as unknown as Queue<Letter> } });
  const site = await api.createSite({ ...PLAIN_RULES, levels: LEVELS });
  await warmUp(site);
  return { faulty, shelf, api, deps, site };
}

/** Until what publishing left to do is done and the isolate holds the site. */
async function warmUp(site: Site): Promise<void> {
  for (let i = 0; i < 3; i++) await site.post([page("somebody")]);
}

const LEVELS = { temperature: [{ name: "cold" }, { name: "warm", when: { score: { gte: 2 } } }] };

test("a database in trouble: 202 with the last known temperature, and folded once when it is back", async () => {
  const { faulty, shelf, site, deps } = await rig();
  const visitor = unique("v");
  await site.post([page(visitor), page(visitor)]);
  faulty.break(OVERLOADED);
  const late = page(visitor);
  const { status, body } = await site.post([late]);
  expect({ status, body }).toEqual({
    status: 202,
    body: { success: true, visitor, temperature: "warm", score: 2, validUntil: null, rejected: [] },
  });
  faulty.heal();
  const { mails, acked, retried } = shelf.take();
  await drain(deps, [...mails, ...mails]);
  expect([acked, retried]).toEqual([["mail0", "mail0"], []]);
  await site.post([late]);
  expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ score: 3, pageviews: 3 });
  await expectTheLaw(site.id);
});

test("a visitor never seen is answered without a temperature, which leaves the page as it is", async () => {
  const { faulty, shelf, site, deps } = await rig();
  faulty.break(OVERLOADED);
  const visitor = unique("v");
  const { status, body } = await site.post([page(visitor)]);
  expect({ status, body }).toEqual({ status: 202, body: { success: true, visitor, rejected: [] } });
  faulty.heal();
  await drain(deps, shelf.take().mails);
  expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ score: 1 });
});

test("a database that does not answer is given up after the deadline; what it wrote too late counts once", async () => {
  const { faulty, shelf, site, deps } = await rig();
  const [slow, lost] = [unique("v"), unique("v")];
  await site.post([page(slow)]);
  await site.post([page(lost)]);
  faulty.break("", "never");
  const since = Date.now();
  expect((await site.post([page(slow)])).status).toBe(202);
  expect(Date.now() - since).toBeLessThan(4_000);
  faulty.heal();
  // Spared for a while: nothing is asked of it, and the answer is there at once.
  const { trips } = await faulty.measure(async () => expect((await site.post([page(lost)])).status).toBe(202));
  expect(trips).toBe(0);
  await drain(deps, shelf.take().mails);
  for (const visitor of [slow, lost]) expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ score: 2 });
  await expectTheLaw(site.id);
});

test("a site whose time in memory is up goes on while the database is away", async () => {
  let now = Date.now();
  const faulty = new FaultyDatabase(DB);
  const shelf = new Shelf();
  const clock = () => now;
  const { api } = startIsolate({ db: faulty.db, clock, env: { BEACONS: shelf as unknown as Queue<Letter> } });
  const site = await api.createSite(PLAIN_RULES);
  await warmUp(site);
  const visitor = unique("v");
  await site.post([page(visitor)]);
  faulty.break(OVERLOADED);
  now += 60_000;
  expect((await site.post([page(visitor)])).status).toBe(202);
  now += 3_600_000;
  const { status, headers } = await site.post([page(visitor)]);
  expect([status, headers.get("Retry-After")]).toEqual([503, "2"]);
  expect(shelf.letters).toHaveLength(1);
});

test("while a visitor's beacon waits, their next ones wait behind it, and are folded in order", async () => {
  const { faulty, shelf, site, deps } = await rig();
  const [waiting, other] = [unique("v"), unique("v")];
  await site.post([page(other)]);
  // Only one write fails, so that the site is not spared for long: what is at stake is the visitor.
  faulty.break(OVERLOADED);
  expect((await site.post([page(waiting, "/1")])).status).toBe(202);
  faulty.heal();
  expect((await site.post([page(waiting, "/2"), page(waiting, "/3")])).status).toBe(202);
  const { mails, acked } = shelf.take();
  await drain(deps, mails.toReversed());
  expect(acked.toSorted()).toEqual(["mail0", "mail1"]);
  const events = await site.events(`visitor:${waiting}`);
  expect(events.map(({ properties }) => properties?.path)).toEqual(["/1", "/2", "/3"]);
});

test("whoever is there all the time is done with waiting soon after the database is back", async () => {
  const faulty = new FaultyDatabase(DB);
  let now = Date.now();
  const clock = () => now;
  const shelf = new Shelf();
  const { api } = startIsolate({ db: faulty.db, clock, env: { BEACONS: shelf as unknown as Queue<Letter> } });
  const site = await api.createSite({ ...PLAIN_RULES, levels: LEVELS });
  await warmUp(site);
  const visitor = unique("v");
  faulty.break(OVERLOADED);
  expect((await site.post([page(visitor)])).status).toBe(202);
  faulty.heal();
  const statuses: number[] = [];
  for (let i = 0; i < 4; i++) {
    now += 6_000;
    statuses.push((await site.post([page(visitor)])).status);
  }
  expect(statuses).toEqual([202, 202, 200, 200]);
});

test("a visitor is answered from the database again as soon as what waited counts, and shown what was known till then", async () => {
  const { faulty, shelf, deps, site } = await rig();
  const visitor = unique("v");
  await site.post([page(visitor), page(visitor)]);
  faulty.break(OVERLOADED);
  for (let i = 0; i < 3; i++) {
    const { status, body } = await site.post([page(visitor)]);
    expect({ status, temperature: body.temperature, score: body.score }).toEqual({
      status: 202,
      temperature: "warm",
      score: 2,
    });
  }
  faulty.heal();
  await drain(deps, shelf.take().mails);
  // The site itself is spared for a moment more.
  await vi.waitFor(async () => expect((await site.post([page(unique("other"))])).status).toBe(200), {
    timeout: 8_000,
    interval: 500,
  });
  const { status, body } = await site.post([page(visitor)]);
  expect({ status, score: body.score }).toEqual({ status: 200, score: 6 });
  await expectTheLaw(site.id);
});

test("neither database nor queue: 503, and nothing is acknowledged", async () => {
  const { faulty, shelf, site } = await rig();
  faulty.break(OVERLOADED);
  shelf.isFull = true;
  const { status, headers } = await site.post([page(unique("v"))]);
  expect([status, headers.get("Retry-After")]).toEqual([503, "2"]);
});

test("what waiting cannot help is told at once: a mistake of ours is an error, and nothing waits", async () => {
  const { faulty, shelf, site } = await rig();
  faulty.break(BUG);
  expect((await site.post([page(unique("v"))])).status).toBe(500);
  expect(shelf.letters).toEqual([]);
});

test("a server's import of more than a beacon's worth is told to come again", async () => {
  const { faulty, shelf, site } = await rig();
  faulty.break(OVERLOADED);
  const many = Array.from({ length: 101 }, () => page(unique("v")));
  expect((await site.import(many)).status).toBe(503);
  expect((await site.import(many.slice(0, 100))).status).toBe(202);
  expect(shelf.letters).toHaveLength(100);
});

describe("draining", () => {
  test("while the database is still away: all come again later, ever later", async () => {
    const { faulty, shelf, site, deps } = await waiting(2);
    faulty.break(OVERLOADED);
    const first = shelf.take(1);
    await drain(deps, first.mails);
    expect(first.acked).toEqual([]);
    expect(first.retried.map(({ delaySeconds }) => delaySeconds)).toEqual([5, 5]);
    shelf.letters.push(...first.mails.map(({ body }) => body));
    const later = shelf.take(40);
    await drain(deps, later.mails);
    expect(later.retried.map(({ delaySeconds }) => delaySeconds)).toEqual([300, 300]);
    faulty.heal();
    await drain(deps, later.mails);
    await expectTheLaw(site.id);
    expect((await loggedIds(site.id)).size).toBe(2);
  });

  test("the n-th trip failing, for every n: nothing is lost, nothing counts twice", async () => {
    for (let trip = 1; trip <= 6; trip++) {
      for (const when of ["before", "after"] as const) {
        const { faulty, shelf, site, deps } = await waiting(3);
        deps.leads.clear();
        faulty.fail({ trip, message: "Network connection lost.", when });
        const { mails, acked } = shelf.take();
        await drain(deps, mails);
        faulty.heal();
        await drain(
          deps,
          mails.filter(({ id }) => !acked.includes(id)),
        );
        const counts = [...(await loggedIds(site.id)).values()];
        expect(counts, `trip ${trip} ${when}`).toEqual([1, 1, 1]);
        await expectTheLaw(site.id);
      }
    }
  });

  test("a letter that cannot be folded holds up nobody else, and ends among the dead", async () => {
    const { shelf, site, deps } = await waiting(3);
    const poisoned = shelf.letters[1];
    if (!poisoned?.events[0]) throw new Error("no letter");
    // Nothing that is accepted looks like this; another release might have let it in.
    Object.assign(poisoned.events[0].event, { timestamp: "never", properties: null });
    const first = shelf.take(1);
    await drain(deps, first.mails);
    expect(first.acked).toEqual(["mail0", "mail2"]);
    expect(first.retried).toEqual([{ id: "mail1", delaySeconds: 5 }]);
    shelf.letters.push(poisoned);
    const last = shelf.take(3);
    await drain(deps, last.mails);
    expect(last.acked).toEqual(["mail0"]);
    const { body } = await site.rest<{ data: { id: string; reason: string; messages: unknown[] }[] }>(
      "/v1/dead-letters",
    );
    expect(body.data).toHaveLength(1);
    expect(body.data[0]?.reason).not.toBe("");
    expect((await loggedIds(site.id)).size).toBe(2);
    const replay = { method: "POST", body: { ids: [body.data[0]?.id] } };
    const failed = await site.rest<{ replayed: number; failed: unknown[] }>("/v1/dead-letters/replay", replay);
    expect(failed.body).toMatchObject({ replayed: 0, failed: [{ id: body.data[0]?.id }] });
    expect((await site.rest(`/v1/dead-letters/${body.data[0]?.id}`, { method: "DELETE" })).status).toBe(204);
    expect((await site.rest(`/v1/dead-letters/${body.data[0]?.id}`, { method: "DELETE" })).status).toBe(404);
  });
});

/** A site and letters of so many new visitors. */
async function waiting(visitors: number): Promise<Rig> {
  const made = await rig();
  await DB.prepare("DELETE FROM leads WHERE site_id = ?").bind(made.site.id).run();
  await DB.prepare("DELETE FROM messages WHERE site_id = ?").bind(made.site.id).run();
  await DB.prepare("DELETE FROM identities WHERE site_id = ?").bind(made.site.id).run();
  made.faulty.break(OVERLOADED);
  for (let i = 0; i < visitors; i++) expect((await made.site.post([page(unique("v"))])).status).toBe(202);
  made.faulty.heal();
  return made;
}

describe("dead letters", () => {
  test("what the queue gave up is kept, listed by page, replayed once", async () => {
    const { shelf, site } = await waiting(3);
    await bring("kelvin-beacons-dead", shelf.letters);
    const pages = await site.rest<DeadPage>("/v1/dead-letters?limit=2");
    expect(pages.body.data).toHaveLength(2);
    const rest = await site.rest<DeadPage>(`/v1/dead-letters?limit=2&cursor=${pages.body.nextCursor}`);
    expect([...pages.body.data, ...rest.body.data].map(({ visitor }) => visitor)).toEqual(
      shelf.letters.map(({ events }) => events[0]?.visitor),
    );
    expect(rest.body.nextCursor).toBeNull();
    await bring("kelvin-beacons", shelf.letters.slice(0, 1));
    const replayed = await site.rest("/v1/dead-letters/replay", { method: "POST" });
    expect(replayed.body).toEqual({ replayed: 3, failed: [] });
    expect((await site.rest<DeadPage>("/v1/dead-letters")).body.data).toEqual([]);
    expect([...(await loggedIds(site.id)).values()]).toEqual([1, 1, 1]);
    await expectTheLaw(site.id);
  });

  test("ids that there are not, and bodies that are none", async () => {
    const { site } = await rig();
    const post = async (body: unknown) => (await site.rest("/v1/dead-letters/replay", { method: "POST", body })).status;
    expect(await post({ ids: ["nobody"] })).toBe(404);
    expect(await post({ ids: [] })).toBe(400);
    expect(await post({ all: true })).toBe(400);
    expect((await site.rest("/v1/dead-letters", { key: null })).status).toBe(401);
  });
});

describe("who is erased while beacons wait", () => {
  test("does not come back with them, not from among the dead either, and may return as a stranger", async () => {
    const { faulty, shelf, site, deps } = await rig();
    const visitor = unique("v");
    const email = `${visitor}@acme.example`;
    await site.import([identify(visitor, { email })]);
    faulty.break(OVERLOADED);
    const elsewhere = unique("v");
    await site.post([page(visitor)]);
    await site.post([page(elsewhere), identify(elsewhere, { email })]);
    faulty.heal();
    const { mails, acked } = shelf.take();
    await bring("kelvin-beacons-dead", [mails[0]?.body as Letter]);
    expect((await site.rest(`/v1/leads/${encodeURIComponent(`email:${email}`)}`, { method: "DELETE" })).status).toBe(
      204,
    );
    expect((await site.rest<DeadPage>("/v1/dead-letters")).body.data).toEqual([]);
    // What the queue gives up only now is not kept either, but for what is nobody's who was erased.
    await bring(
      "kelvin-beacons-dead",
      mails.map(({ body }) => body),
    );
    const { body } = await site.rest<DeadPage>("/v1/dead-letters");
    expect(body.data.map((one) => [one.visitor, one.messages.length])).toEqual([[elsewhere, 1]]);
    await drain(deps, mails);
    expect(acked.toSorted()).toEqual(["mail0", "mail1"]);
    expect(await site.leadStatus(`email:${email}`)).toBe(404);
    expect(await site.leadStatus(`visitor:${visitor}`)).toBe(404);
    expect(await site.lead(`visitor:${elsewhere}`)).toMatchObject({ pageviews: 1, email: null });
  });
});

describe("who is erased just when what waited is written", () => {
  /** A letter that names somebody; `doing` it with the letter meets the erasure before the n-th batch. */
  async function erasedMeanwhile(n: number, doing: (deps: Deps, mails: Mail[]) => Promise<void>) {
    const shelf = new Shelf();
    const { deps, site, hook } = await held({ BEACONS: shelf as unknown as Queue<Letter> });
    const visitor = unique("v");
    const email = `${visitor}@acme.example`;
    await site.import([identify(visitor, { email })]);
    const event = { messageId: unique("m"), type: "identify" as const, timestamp: 0, visitor, traits: { email } };
    const key = `visitor:${visitor}`;
    const events = [{ event, key, visitor, index: 0 }];
    shelf.letters.push({ v: 1, siteId: site.id, key, acceptedAt: deps.tick(), events });
    const { mails, acked } = shelf.take();
    const erase = async () =>
      void expect((await site.rest(`/v1/leads/visitor:${visitor}`, { method: "DELETE" })).status).toBe(204);
    // Held, so that it is not read among those batches.
    await deps.sites.find(site.id);
    hook(n, erase);
    await doing(deps, mails).catch(() => {});
    expect(acked).toEqual([]);
    // When it comes again, nothing of it is left.
    await doing(deps, mails);
    expect(acked).toEqual(["mail0"]);
    expect(await site.leadStatus(`email:${email}`)).toBe(404);
    expect(await site.leadStatus(`visitor:${visitor}`)).toBe(404);
    expect((await site.rest<DeadPage>("/v1/dead-letters")).body.data).toEqual([]);
  }

  test.each([0, 1])("does not come back with it, before batch %i", async (n) => {
    await erasedMeanwhile(n, drain);
  });

  test("does not come back from among the dead", async () => {
    await erasedMeanwhile(0, buryAll);
  });

  test("takes along what was accepted in the very same millisecond", async () => {
    const now = Date.now();
    const shelf = new Shelf();
    const { api, deps } = startIsolate({ clock: () => now, env: { BEACONS: shelf as unknown as Queue<Letter> } });
    const site = await api.createSite(PLAIN_RULES);
    const visitor = unique("v");
    await site.import([page(visitor)]);
    const event = { messageId: unique("m"), type: "page" as const, timestamp: now, visitor };
    const key = `visitor:${visitor}`;
    const events = [{ event, key, visitor, index: 0 }];
    shelf.letters.push({ v: 1, siteId: site.id, key, acceptedAt: now + 0.5, events });
    expect((await site.rest(`/v1/leads/${key}`, { method: "DELETE" })).status).toBe(204);
    await buryAll(deps, shelf.take().mails);
    expect((await site.rest<DeadPage>("/v1/dead-letters")).body.data).toEqual([]);
  });
});

test("letters stay small enough for a queue, and whole", () => {
  const events = Array.from({ length: 50 }, (_, index) => ({
    event: {
      messageId: `m${index}`,
      type: "page" as const,
      timestamp: 0,
      visitor: "ann",
      properties: { t: "é".repeat(8_000) },
    },
    key: "visitor:ann",
    visitor: "ann",
    index,
  }));
  const letters = lettersOf("site", events, 1);
  expect(letters.flatMap((letter) => letter.events)).toEqual(events);
  for (const letter of letters) {
    expect(new TextEncoder().encode(JSON.stringify(letter)).length).toBeLessThan(LETTER_MAX_BYTES + 1_000);
  }
});

interface DeadPage {
  data: { id: string; visitor: string | null; reason: string; messages: Message[] }[];
  nextCursor: string | null;
}

const identify = (anonymousId: string, traits: Message): Message => ({
  ...page(anonymousId),
  type: "identify",
  traits,
});

/** Brings letters to the Worker's own entry point, as the platform does. */
async function bring(queue: string, letters: readonly Letter[]): Promise<void> {
  const messages = letters.map((body, i) => ({ id: `m${i}`, timestamp: new Date(), attempts: 1, body }));
  const batch = createMessageBatch<Letter>(queue, messages);
  const context = createExecutionContext();
  await worker.queue(batch, { ...(env as unknown as Env), KELVIN_ADMIN_KEY: ADMIN_KEY });
  const { explicitAcks } = await getQueueResult(batch, context);
  expect(explicitAcks).toHaveLength(letters.length);
}
