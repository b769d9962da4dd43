/** Webhooks (contract §7): what is told, in which order, how often, signed how, and where no call goes. */
import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { deliver, forgetDeliveries, GONE, LEASE_MS, RETRY_AFTER_MS } from "../../worker/deliver";
import { refoldAll } from "../../worker/refold";
import { sweep } from "../../worker/sweep";
import { type List, PLAIN_RULES, type Problem, page, type Site, track, unique } from "../support/api";
import { FaultyDatabase } from "../support/faults";
import { DAY, DB, expectTheLaw, MINUTE, startIsolate } from "./app";
import { placesOf } from "./traces";

const TYPES = ["lead.level.changed", "lead.identified", "lead.merged", "lead.disqualified"];
const SECRET = /^whsec_[A-Za-z0-9+/]{43}=$/;
const RECEIVER = "https://crm.customer.com/kelvin";
const START = Date.parse("2026-03-02T10:00:00Z");
let now = START;
const iso = (ms: number) => new Date(ms).toISOString();

interface Made {
  id: string;
  secret: string;
  url: string;
  events: string[];
}
interface Told {
  type: string;
  timestamp: string;
  data: Record<string, unknown>;
}
interface Call {
  url: string;
  headers: Record<string, string>;
  text: string;
  told: Told;
  redirect: string | undefined;
}
interface Delivered {
  id: string;
  type: string;
  leadId: string;
  status: string;
  attempts: number;
  nextAttemptAt: string | null;
  lastAttemptAt: string | null;
  answer: { status: number; body: string } | null;
  error: string | null;
  sent: Told;
}
interface Tested {
  id: string;
  delivered: boolean;
  answer: Delivered["answer"];
  error: string | null;
  sent: Told;
}
interface Shown {
  id: string;
  failingSince: string | null;
  disabled: { at: string; reason: string } | null;
}

/** An isolate that delivers when the test says so, and a receiver that answers as it is told. */
function isolate({ atOnce = false, db = DB as D1Database } = {}) {
  const calls: Call[] = [];
  const receiver = { answer: async (_call: Call): Promise<Response> => new Response("thanks") };
  const fetch = async (url: string, init: RequestInit) => {
    const headers = Object.fromEntries(new Headers(init.headers));
    const text = String(init.body);
    const call = { url, headers, text, told: JSON.parse(text), redirect: init.redirect };
    calls.push(call);
    return await receiver.answer(call);
  };
  const { api, deps } = startIsolate({ db, clock: () => now, fetch });
  if (!atOnce) vi.spyOn(deps.outbox, "take").mockReturnValue([]);
  return { api, deps, calls, receiver, deliver: () => deliver(deps) };
}

const hook = async (site: Site, body: object = {}) => {
  const made = await site.rest<Made>("/v1/webhooks", { body: { url: RECEIVER, events: TYPES, ...body } });
  expect(made.status).toBe(201);
  return made.body;
};
const deliveriesOf = async (site: Site, { id }: { id: string }, query = "") =>
  (await site.rest<List<Delivered>>(`/v1/webhooks/${id}/deliveries${query}`)).body;
const shown = async (site: Site, { id }: { id: string }) =>
  (await site.rest<List<Shown>>("/v1/webhooks")).body.data.find((one) => one.id === id);
const demo = (visitor: string) => track(visitor, "Form Submitted", { form: "demo" });
const identify = (anonymousId: string, traits: object) => ({
  type: "identify",
  messageId: unique("m"),
  anonymousId,
  traits,
});
const failing = async () => new Response("no", { status: 500 });
const steps = (calls: Call[]) =>
  calls.map(({ told: { type, data } }) => (data.ladder ? `${data.from}>${data.to} ${data.cause}` : type));

beforeEach(async () => {
  now += DAY;
  // What the test before left is nobody's.
  await DB.prepare("UPDATE deliveries SET due_at = NULL").run();
});
afterEach(() => void vi.restoreAllMocks());

describe("making and listing", () => {
  test("the secret is shown once; a list, a page at a time; deleting takes the deliveries along", async () => {
    const { api } = isolate();
    const site = await api.createSite(PLAIN_RULES);
    const first = await hook(site, { events: ["lead.merged", "lead.merged"] });
    expect(first).toMatchObject({ url: RECEIVER, events: ["lead.merged"], secret: expect.stringMatching(SECRET) });
    now += 1;
    const second = await hook(site);
    const list = await site.rest<List<Made>>("/v1/webhooks?limit=1");
    expect(list.body.data).toMatchObject([{ id: second.id, disabled: null, failingSince: null }]);
    expect(list.body.data[0]).not.toHaveProperty("secret");
    const rest = await site.rest<List<Made>>(`/v1/webhooks?limit=1&cursor=${list.body.nextCursor}`);
    expect(rest.body).toMatchObject({ data: [{ id: first.id }], nextCursor: null });
    await site.post([demo(unique("v"))]);
    expect((await deliveriesOf(site, second)).data).toHaveLength(1);
    expect((await site.rest(`/v1/webhooks/${second.id}`, { method: "DELETE" })).status).toBe(204);
    expect((await site.rest(`/v1/webhooks/${second.id}`, { method: "DELETE" })).status).toBe(404);
    expect((await site.rest(`/v1/webhooks/${second.id}/deliveries`)).status).toBe(404);
    expect(await placesOf(second.id)).toEqual([]);
  });

  test.each<[string, unknown, string]>([
    ["no events", { url: RECEIVER, events: [] }, "lead.level.changed, lead.identified, lead.merged, lead.disqualified"],
    ["an unknown event", { url: RECEIVER, events: ["lead.gone"] }, "must be one of lead.level.changed"],
    ["events left out", { url: RECEIVER }, "events"],
    ["no url", { events: TYPES }, "url"],
    ["no address", { url: "crm", events: TYPES }, "url: must be an absolute https address"],
    ["a password in it", { url: "https://a:b@crm.customer.com/", events: TYPES }, "must not hold a user name"],
    ["too long", { url: `${RECEIVER}/${"x".repeat(2_000)}`, events: TYPES }, "at most 2000 characters"],
    ["an unknown field", { url: RECEIVER, events: TYPES, secret: "mine" }, "secret"],
  ])("%s is refused with what would be right", async (_, body, detail) => {
    const { api } = isolate();
    const site = await api.createSite();
    const answer = await site.rest<Problem>("/v1/webhooks", { body });
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain(detail);
  });

  test("at most 20 of a site; those of another are nobody's", async () => {
    const { api } = isolate();
    const [site, other] = [await api.createSite(), await api.createSite()];
    for (let i = 0; i < 20; i++) await hook(site);
    expect((await site.rest("/v1/webhooks", { body: { url: RECEIVER, events: TYPES } })).status).toBe(409);
    const theirs = await hook(other);
    for (const [method, path] of [
      ["DELETE", ""],
      ["GET", "/deliveries"],
      ["POST", "/redeliver"],
    ] as const) {
      expect((await site.rest(`/v1/webhooks/${theirs.id}${path}`, { method })).status, path).toBe(404);
    }
  });

  test("reading takes `read`, all else `write`; unknown parameters and cursors are refused", async () => {
    const { api } = isolate();
    const site = await api.createSite();
    const { id } = await hook(site);
    const keyFor = async (scope: string) =>
      (await api.rest<{ key: string }>("/v1/keys", { body: { name: scope, scopes: [scope] } })).body.key;
    const [read, write] = [await keyFor("read"), await keyFor("write")];
    const body = { url: RECEIVER, events: TYPES };
    const status = async (path: string, key: string | null, options: object = {}) =>
      (await site.rest(path, { ...options, key })).status;
    for (const path of ["/v1/webhooks", `/v1/webhooks/${id}/deliveries`]) {
      expect([await status(path, read), await status(path, write), await status(path, null)]).toEqual([200, 403, 401]);
      expect(await status(`${path}?sort=url`, read)).toBe(400);
      expect(await status(`${path}?limit=201`, read)).toBe(400);
      expect(await status(`${path}?cursor=nonsense`, read)).toBe(400);
    }
    expect([await status("/v1/webhooks", read, { body }), await status("/v1/webhooks", write, { body })]).toEqual([
      403, 201,
    ]);
    const again = { method: "POST" };
    for (const [path, done] of [
      [`/v1/webhooks/${id}/redeliver`, 202],
      [`/v1/webhooks/${id}/test`, 200],
    ] as const) {
      expect([await status(path, read, again), await status(path, write, again)]).toEqual([403, done]);
      expect(await status(`${path}?sort=url`, write, again)).toBe(400);
    }
    const gone = { method: "DELETE" };
    expect([await status(`/v1/webhooks/${id}`, read, gone), await status(`/v1/webhooks/${id}`, write, gone)]).toEqual([
      403, 204,
    ]);
  });
});

describe("where no call goes", () => {
  const REFUSED = [
    ..."http://crm.customer.com/ ftp://crm.customer.com/ https://crm.customer.com:8443/ https://crm.customer.com:80/".split(
      " ",
    ),
    ..."https://localhost/ https://LOCALHOST./ https://a.localhost/ https://intranet/ https://printer.local/".split(
      " ",
    ),
    ..."https://metadata.google.internal/ https://a.internal. https://router.lan/ https://nas.home.arpa/".split(" "),
    ..."https://127.0.0.1/ https://127.1/ https://2130706433/ https://0x7f000001/ https://0177.0.0.1/ https://0/".split(
      " ",
    ),
    ..."https://10.1.2.3/ https://172.16.0.1/ https://172.31.255.255/ https://192.168.1.1/ https://100.64.0.1/".split(
      " ",
    ),
    ..."https://100.127.255.255/ https://169.254.169.254/ https://0xa9fea9fe/ https://198.18.0.1/ https://192.0.2.1/".split(
      " ",
    ),
    ..."https://224.0.0.1/ https://255.255.255.255/ https://240.0.0.1/ https://192.0.0.192/ https://１２７.0.0.1/".split(
      " ",
    ),
    ..."https://[::1]/ https://[::]/ https://[::ffff:127.0.0.1]/ https://[::ffff:a9fe:a9fe]/ https://[::127.0.0.1]/".split(
      " ",
    ),
    ..."https://[fe80::1]/ https://[fd00:ec2::254]/ https://[fc00::1]/ https://[ff02::1]/ https://[64:ff9b::7f00:1]/".split(
      " ",
    ),
    ..."https://[2002:7f00:1::]/ https://[2001:db8::1]/ https://[2001::1]/ https://[2001:0:7f00:1::]/".split(" "),
  ];
  const ALLOWED = [
    ..."https://crm.customer.com/ https://crm.customer.com:443/x?y=1 https://8.8.8.8/ https://172.32.0.1/".split(" "),
    ..."https://100.128.0.1/ https://[2606:4700::1111]/ https://[2001:4860:4860::8888]/ https://localhost.customer.com/".split(
      " ",
    ),
  ];

  test("refused when it is made, in every notation; public hosts are not", async () => {
    const { api } = isolate();
    const site = await api.createSite();
    const status = async (url: string) => (await site.rest("/v1/webhooks", { body: { url, events: TYPES } })).status;
    for (const url of REFUSED) expect([url, await status(url)]).toEqual([url, 400]);
    for (const url of ALLOWED) expect([url, await status(url)]).toEqual([url, 201]);
  });

  test("under npm start any host may be called, by http too, and no other scheme", async () => {
    const { api } = startIsolate({ env: { KELVIN_LOCAL: "1" } });
    const site = await api.createSite();
    const status = async (url: string) => (await site.rest("/v1/webhooks", { body: { url, events: TYPES } })).status;
    expect(await status("http://127.0.0.1:9999/hook")).toBe(201);
    expect(await status("http://localhost/hook")).toBe(201);
    expect(await status("file:///etc/passwd")).toBe(400);
  });

  test("refused again when it is called, and said so in the deliveries", async () => {
    const { api, calls, deliver } = isolate();
    const site = await api.createSite(PLAIN_RULES);
    const made = await hook(site);
    await DB.prepare("UPDATE webhooks SET url = 'https://169.254.169.254/' WHERE id = ?").bind(made.id).run();
    await site.post([demo(unique("v"))]);
    await deliver();
    expect(calls).toEqual([]);
    const [one] = (await deliveriesOf(site, made)).data;
    expect(one).toMatchObject({ status: "pending", attempts: 1, answer: null });
    expect(one?.error).toContain("must be an https address of a public host");
  });

  test("a redirect is not followed: it is a failure like others", async () => {
    const { api, calls, receiver, deliver } = isolate();
    const site = await api.createSite(PLAIN_RULES);
    const made = await hook(site);
    receiver.answer = async () => new Response(null, { status: 302, headers: { Location: "https://10.0.0.1/" } });
    await site.post([demo(unique("v"))]);
    await deliver();
    expect(calls).toMatchObject([{ url: RECEIVER, redirect: "manual" }]);
    expect((await deliveriesOf(site, made)).data).toMatchObject([{ status: "pending", answer: { status: 302 } }]);
  });
});

describe("a test", () => {
  const sendTest = async (site: Site, { id }: { id: string }) =>
    (await site.rest<Tested>(`/v1/webhooks/${id}/test`, { method: "POST" })).body;

  test("is called with at once, signed, and is of no lead; its answer is told", async () => {
    const { api, calls } = isolate();
    const site = await api.createSite(PLAIN_RULES);
    const made = await hook(site, { events: ["lead.merged"] });
    const tested = await sendTest(site, made);
    const [call] = calls;
    expect(calls).toHaveLength(1);
    const told = { type: "webhook.test", timestamp: iso(now), data: { webhookId: made.id, at: iso(now) } };
    expect(call).toMatchObject({ url: RECEIVER, redirect: "manual", told });
    vi.setSystemTime(now);
    expect(new Webhook(made.secret).verify(call?.text ?? "", call?.headers ?? {})).toEqual(told);
    vi.useRealTimers();
    const answer = { status: 200, body: "thanks" };
    expect(tested).toEqual({ id: call?.headers["webhook-id"], delivered: true, answer, error: null, sent: told });
  });

  test("that fails is not tried again, and leaves the webhook as it is", async () => {
    const { api, receiver, deliver } = isolate();
    const site = await api.createSite(PLAIN_RULES);
    const made = await hook(site);
    const before = await shown(site, made);
    receiver.answer = async () => new Response("gone fishing", { status: GONE });
    const answer = { status: GONE, body: "gone fishing" };
    expect(await sendTest(site, made)).toMatchObject({ delivered: false, answer, error: null });
    receiver.answer = async () => Promise.reject(new Error("connection refused"));
    const error = "No answer: connection refused";
    expect(await sendTest(site, made)).toMatchObject({ delivered: false, answer: null, error });
    expect(await deliver()).toBe(0);
    expect((await deliveriesOf(site, made)).data).toEqual([]);
    expect(await shown(site, made)).toEqual(before);
  });

  test("goes to no private address, and to no webhook of another site", async () => {
    const { api, calls } = isolate();
    const [site, other] = [await api.createSite(), await api.createSite()];
    const made = await hook(site);
    expect((await other.rest(`/v1/webhooks/${made.id}/test`, { method: "POST" })).status).toBe(404);
    await DB.prepare("UPDATE webhooks SET url = 'https://169.254.169.254/' WHERE id = ?").bind(made.id).run();
    const { delivered, error } = await sendTest(site, made);
    expect([delivered, error]).toEqual([false, expect.stringContaining("must be an https address of a public host")]);
    expect(calls).toEqual([]);
  });
});

describe("what is told", () => {
  test("a level crossed by an event: signed as Standard Webhooks are, under the package's own eyes", async () => {
    const { api, calls, deliver } = isolate();
    const site = await api.createSite(PLAIN_RULES);
    const made = await hook(site);
    now = Date.now();
    const [visitor, message] = [unique("v"), unique("m")];
    await site.post([{ ...demo(visitor), messageId: message }]);
    await deliver();
    const [call] = calls;
    const { id } = await site.lead(`visitor:${visitor}`);
    const data = { leadId: id, ladder: "temperature", from: "cold", to: "hot", cause: "event", at: iso(now) };
    const told = { type: "lead.level.changed", timestamp: iso(now) };
    expect(new Webhook(made.secret).verify(call?.text ?? "", call?.headers ?? {})).toEqual({
      ...told,
      data: { ...data, score: 70, rulesVersion: 2, messageId: message },
    });
    expect(() => new Webhook(made.secret).verify(`${call?.text} `, call?.headers ?? {})).toThrow();
    expect(call?.headers["content-type"]).toBe("application/json");
    expect((await deliveriesOf(site, made)).data).toMatchObject([
      { id: call?.headers["webhook-id"], type: told.type, leadId: id, status: "delivered", attempts: 1 },
    ]);
    expect((await deliveriesOf(site, made)).data[0]).toMatchObject({
      answer: { status: 200, body: "thanks" },
      nextAttemptAt: null,
      sent: told,
    });
    await deliver();
    expect(calls).toHaveLength(1);
  });

  test("up and down within one batch are both told, in their order", async () => {
    const { api, calls, deliver } = isolate();
    const site = await api.createSite(PLAIN_RULES);
    await hook(site);
    const visitor = unique("v");
    await site.post([demo(visitor), ...Array.from({ length: 4 }, () => page(visitor, "/careers"))]);
    await deliver();
    expect(steps(calls)).toEqual(["cold>hot event", "hot>warm event", "warm>cold event"]);
  });

  test("what time brings, at the instant it happened, once however many sweep", async () => {
    const { api, calls, deps, deliver } = isolate();
    const site = await api.createSite({ ...PLAIN_RULES, dimensions: { engagement: { decay: { expires: "7d" } } } });
    await hook(site);
    await site.post([demo(unique("v"))]);
    const at = iso(now + 7 * DAY);
    now += 8 * DAY;
    await Promise.all([sweep(deps), sweep(isolate().deps)]);
    await deliver();
    expect(steps(calls)).toEqual(["cold>hot event", "hot>cold time"]);
    expect(calls[1]?.told).toMatchObject({ timestamp: at, data: { at } });
  });

  test("what new rules change, only where the publisher asked for it", async () => {
    const { api, calls, deps, deliver } = isolate();
    const site = await api.createSite(PLAIN_RULES);
    await hook(site);
    const visitor = unique("v");
    await site.post([page(visitor)]);
    const worth = (points: number) => ({ ...PLAIN_RULES, rules: [{ id: "page", on: "page", points }] });
    await site.publish(worth(40));
    await refoldAll(deps);
    await deliver();
    expect(calls).toEqual([]);
    expect((await site.lead(`visitor:${visitor}`)).temperature).toBe("warm");
    await site.rest("/v1/rules?notify=true", { method: "PUT", body: worth(80) });
    await refoldAll(deps);
    await deliver();
    expect(steps(calls)).toEqual(["warm>hot rules"]);
    const rival = (reason: string) => ({
      ...worth(80),
      rules: [{ id: reason, while: { pageviews: { gte: 1 } }, disqualify: reason }],
    });
    await site.publish(rival("quiet"));
    await refoldAll(deps);
    await site.publish(worth(80));
    await refoldAll(deps);
    await site.rest("/v1/rules?notify=true", { method: "PUT", body: rival("loud") });
    await refoldAll(deps);
    await deliver();
    expect(steps(calls).slice(1)).toEqual(["hot>cold rules", "lead.disqualified"]);
  });

  test("who becomes known, who goes up in whom, who is disqualified and why: each once", async () => {
    const { api, calls, deliver } = isolate();
    const rules = [
      ...PLAIN_RULES.rules,
      { id: "rival", while: { "email.domain": { in: ["rival.example"] } }, disqualify: "competitor" },
    ];
    const site = await api.createSite({ ...PLAIN_RULES, rules });
    await hook(site);
    const [one, other] = [unique("v"), unique("v")];
    const email = `${unique("ann")}@rival.example`;
    await site.post([page(one)]);
    await site.post([page(other)]);
    const [{ id }, { id: mergedId }] = [await site.lead(`visitor:${one}`), await site.lead(`visitor:${other}`)];
    await site.post([identify(one, { email })]);
    await site.post([page(one)]);
    await site.post([identify(other, { email })]);
    await site.post([page(other)]);
    await deliver();
    expect(calls.map(({ told: { type, data } }) => [type, data])).toEqual([
      ["lead.identified", { leadId: id, at: iso(now) }],
      ["lead.disqualified", { leadId: id, reason: "competitor", at: iso(now) }],
      ["lead.merged", { leadId: id, mergedId, at: iso(now) }],
    ]);
    // Lifted, and brought back: told again.
    await site.post([identify(one, { email: "ann@fine.example" })]);
    await site.post([identify(one, { email })]);
    await deliver();
    expect(steps(calls).slice(3)).toEqual(["lead.disqualified"]);
    await expectTheLaw(site.id);
  });

  test("levels crossed by a merge and by a split", async () => {
    const { api, calls, deliver } = isolate();
    const site = await api.createSite(PLAIN_RULES);
    await hook(site, { events: ["lead.level.changed"] });
    const [one, other] = [unique("v"), unique("v")];
    const email = `${unique("ann")}@a.example`;
    await site.post([identify(one, { email })]);
    await site.post([demo(other), identify(other, { email })]);
    const { id } = await site.lead(`visitor:${one}`);
    await site.rest(`/v1/leads/${id}/split`, { body: { visitor: other } });
    await deliver();
    const mine = calls.filter(({ told }) => told.data.leadId === id);
    expect(steps(mine)).toEqual(["cold>hot merge", "hot>cold split"]);
    expect(steps(calls.filter((call) => !mine.includes(call)))).toContain("cold>hot split");
  });

  test("each webhook only what it asked for, and of its own site", async () => {
    const { api, calls, deliver } = isolate();
    const [site, other] = [await api.createSite(PLAIN_RULES), await api.createSite(PLAIN_RULES)];
    await hook(site, { url: `${RECEIVER}/levels`, events: ["lead.level.changed"] });
    await hook(site, { url: `${RECEIVER}/known`, events: ["lead.identified"] });
    await hook(other, { url: `${RECEIVER}/other` });
    const visitor = unique("v");
    await site.post([demo(visitor), identify(visitor, { email: `${unique("a")}@a.example` })]);
    await deliver();
    expect(calls.map(({ url, told }) => `${url.slice(RECEIVER.length)} ${told.type}`).sort()).toEqual([
      "/known lead.identified",
      "/levels lead.level.changed",
    ]);
  });
});

describe("the outbox", () => {
  test("is written with the crossing or not at all; resent, refused and repeated events tell nothing twice", async () => {
    const faulty = new FaultyDatabase(DB);
    const { api, calls, deliver } = isolate({ db: faulty.db });
    const site = await api.createSite(PLAIN_RULES);
    const made = await hook(site);
    const visitor = unique("v");
    await site.post([page(visitor)]);
    vi.spyOn(console, "error").mockImplementation(() => {});
    const message = demo(visitor);
    let failed = 0;
    for (; failed < 10; failed++) {
      faulty.failStatement(failed);
      if ((await site.post([message])).status === 200) break;
      expect((await deliveriesOf(site, made)).data).toEqual([]);
    }
    // The id, the lead, the crossing, the outbox.
    expect(failed).toBe(4);
    faulty.heal();
    await site.post([message]);
    faulty.fail({ trip: 1, message: "Network connection lost.", when: "after" });
    const careers = Array.from({ length: 5 }, () => page(visitor, "/careers"));
    await site.post(careers);
    await site.post(careers);
    await deliver();
    expect(steps(calls)).toEqual(["cold>hot event", "hot>warm event", "warm>cold event"]);
  });

  test("costs a site without webhooks neither a row nor a trip", async () => {
    const faulty = new FaultyDatabase(DB);
    const { api } = isolate({ db: faulty.db });
    const site = await api.createSite(PLAIN_RULES);
    for (let i = 0; i < 3; i++) await site.post([page("somebody")]);
    const visitor = unique("v");
    await site.post([page(visitor)]);
    const used = await faulty.measure(() => site.post([demo(visitor)]));
    expect(used).toMatchObject({ trips: 1, rowsWritten: 4 });
    await hook(site);
    await site.post([page("somebody")]);
    const more = await faulty.measure(() => site.post(Array.from({ length: 5 }, () => page(visitor, "/careers"))));
    // Five ids, the lead and its place, two crossings; and for each of those a delivery with its two places.
    expect(more).toMatchObject({ trips: 1, rowsWritten: 9 + 2 * 3 });
  });

  test("is delivered at once after the answer", async () => {
    const { api, calls } = isolate({ atOnce: true });
    const site = await api.createSite(PLAIN_RULES);
    await hook(site);
    await site.post([demo(unique("v"))]);
    await vi.waitFor(() => expect(steps(calls)).toEqual(["cold>hot event"]));
  });

  test("forgets after 30 days, and an erased lead at once", async () => {
    const { api, deps, calls, deliver } = isolate();
    const site = await api.createSite(PLAIN_RULES);
    const made = await hook(site);
    const [gone, stays] = [unique("v"), unique("v")];
    await site.post([demo(gone)]);
    await site.post([demo(stays)]);
    const { id } = await site.lead(`visitor:${gone}`);
    const copy = await site.rest<{ deliveries: Delivered[] }>(`/v1/leads/${id}/export`);
    expect(copy.body.deliveries).toMatchObject([{ type: "lead.level.changed", status: "pending" }]);
    expect(await placesOf(id)).toContain("deliveries.lead_id");
    expect((await site.rest(`/v1/leads/${id}`, { method: "DELETE" })).status).toBe(204);
    expect(await placesOf(id)).toEqual([]);
    await deliver();
    expect(calls.map(({ told }) => told.data.leadId)).toEqual([(await site.lead(`visitor:${stays}`)).id]);
    now += 30 * DAY - 1;
    await forgetDeliveries(deps);
    expect((await deliveriesOf(site, made)).data).toHaveLength(1);
    now += 2;
    await forgetDeliveries(deps);
    expect((await deliveriesOf(site, made)).data).toEqual([]);
  });
});

describe("delivering", () => {
  /** A site with a webhook and one lead of which one thing is to be told. */
  async function waiting(messages = (visitor: string) => [demo(visitor)]) {
    const rig = isolate();
    const site = await rig.api.createSite(PLAIN_RULES);
    const made = await hook(site);
    const visitor = unique("v");
    await site.post(messages(visitor));
    return { ...rig, site, made, visitor };
  }

  test("again after 5 s, 30 s, 2 min, 10 min, 1 h, 6 h, 24 h with the same id, freshly signed; then given up", async () => {
    const { receiver, calls, deliver, site, made } = await waiting();
    receiver.answer = failing;
    await deliver();
    for (const [i, pause] of RETRY_AFTER_MS.entries()) {
      expect((await deliveriesOf(site, made)).data).toMatchObject([
        { status: "pending", attempts: i + 1, nextAttemptAt: iso(now + pause), answer: { status: 500, body: "no" } },
      ]);
      now += pause - 1;
      await deliver();
      expect(calls).toHaveLength(i + 1);
      now += 1;
      await deliver();
      expect(calls).toHaveLength(i + 2);
    }
    expect((await deliveriesOf(site, made)).data).toMatchObject([
      { status: "failed", attempts: 8, nextAttemptAt: null, lastAttemptAt: iso(now) },
    ]);
    now += 30 * DAY;
    await deliver();
    expect(calls).toHaveLength(8);
    expect(new Set(calls.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(new Set(calls.map(({ headers }) => headers["webhook-timestamp"])).size).toBe(8);
    expect(new Set(calls.map(({ text }) => text)).size).toBe(1);
    expect(RETRY_AFTER_MS.map((ms) => ms / 1000)).toEqual([5, 30, 120, 600, 3600, 21_600, 86_400]);
  });

  test.each([
    ["no answer in time", "TimeoutError", "No answer within 10 s."],
    ["no connection", "TypeError", "No answer: it broke"],
  ])("%s is a failure that is told", async (_, name, error) => {
    const { receiver, deliver, site, made } = await waiting();
    receiver.answer = async () => {
      throw Object.assign(new Error("it broke"), { name });
    };
    await deliver();
    expect((await deliveriesOf(site, made)).data).toMatchObject([{ status: "pending", answer: null, error }]);
  });

  test("of a long answer only the beginning is read", async () => {
    const { receiver, deliver, site, made } = await waiting();
    let pulled = 0;
    const endless = () =>
      new ReadableStream<Uint8Array>({
        pull(controller) {
          pulled += 1;
          controller.enqueue(new TextEncoder().encode("x".repeat(600)));
        },
      });
    receiver.answer = async () => new Response(endless());
    await deliver();
    const [one] = (await deliveriesOf(site, made)).data;
    expect(one).toMatchObject({ status: "delivered", answer: { status: 200, body: "x".repeat(1_000) } });
    expect(pulled).toBeLessThan(6);
  });

  test("two that deliver at once do not send the same; what one leaves when it dies is sent after its lease", async () => {
    const { receiver, calls, deliver, deps, site, made } = await waiting();
    const held = Promise.withResolvers<Response>();
    receiver.answer = () => held.promise;
    const first = deliver();
    await vi.waitFor(() => expect(calls).toHaveLength(1));
    await deliver();
    expect(calls).toHaveLength(1);
    now += LEASE_MS;
    receiver.answer = async () => new Response("late");
    await deliver();
    expect(calls).toHaveLength(2);
    // The first one is long over: what it has to say does not count.
    held.resolve(new Response("no", { status: 500 }));
    await first;
    expect((await deliveriesOf(site, made)).data).toMatchObject([{ status: "delivered", attempts: 1 }]);
    expect(await deliver()).toBe(0);
    expect(deps.clock()).toBe(now);
  });

  test("the first attempts of a lead in its order, whoever delivers; one that failed keeps none waiting", async () => {
    const rig = await waiting((visitor) => [
      demo(visitor),
      ...Array.from({ length: 4 }, () => page(visitor, "/careers")),
    ]);
    const { receiver, calls, deliver } = rig;
    const held = Promise.withResolvers<Response>();
    receiver.answer = () => held.promise;
    const first = deliver();
    await vi.waitFor(() => expect(calls).toHaveLength(1));
    await deliver();
    expect(steps(calls)).toEqual(["cold>hot event"]);
    receiver.answer = async () => new Response("ok");
    held.resolve(new Response("no", { status: 503 }));
    await first;
    expect(steps(calls)).toEqual(["cold>hot event", "hot>warm event", "warm>cold event"]);
    now += 5_000;
    await deliver();
    expect(steps(calls).at(3)).toBe("cold>hot event");
  });

  test("within its patience it waits for what becomes due", async () => {
    const { receiver, calls, deps } = await waiting();
    const pauses: number[] = [];
    deps.pause = async (ms) => {
      pauses.push(ms);
      now += ms;
    };
    receiver.answer = failing;
    await deliver(deps, { forMs: 45_000, waitMs: 45_000 });
    expect(pauses).toEqual([5_000, 30_000]);
    expect(calls).toHaveLength(3);
  });

  test("410 disables the webhook, with the reason; what still waited is given up, and nothing more is written", async () => {
    const { receiver, calls, deliver, site, made, visitor } = await waiting();
    await site.post(Array.from({ length: 4 }, () => page(visitor, "/careers")));
    receiver.answer = async () => new Response(null, { status: GONE });
    await deliver();
    expect(calls).toHaveLength(1);
    expect(await shown(site, made)).toMatchObject({
      disabled: { at: iso(now), reason: "Its receiver answered 410 Gone." },
    });
    expect((await deliveriesOf(site, made)).data.map(({ status }) => status)).toEqual(["failed", "failed", "failed"]);
    await site.post([demo(unique("v"))]);
    expect((await deliveriesOf(site, made)).data).toHaveLength(3);
  });

  test("redelivering: one, or all that failed; a disabled webhook is in use again", async () => {
    const { receiver, calls, deliver, site, made, visitor } = await waiting();
    await site.post(Array.from({ length: 4 }, () => page(visitor, "/careers")));
    receiver.answer = async () => new Response(null, { status: GONE });
    await deliver();
    receiver.answer = async () => new Response("back");
    const again = (body?: object) =>
      site.rest<{ redelivered: number } & Problem>(`/v1/webhooks/${made.id}/redeliver`, { method: "POST", body });
    const first = calls[0]?.headers["webhook-id"];
    expect(await again({ delivery: first })).toMatchObject({ status: 202, body: { redelivered: 1 } });
    expect(await shown(site, made)).toMatchObject({ disabled: null, failingSince: null });
    await deliver();
    expect(calls.map(({ headers }) => headers["webhook-id"])).toEqual([first, first]);
    expect(await again()).toMatchObject({ status: 202, body: { redelivered: 2 } });
    await deliver();
    expect(steps(calls).slice(2)).toEqual(["hot>warm event", "warm>cold event"]);
    expect(await again()).toMatchObject({ status: 202, body: { redelivered: 0 } });
    expect((await again({ delivery: "msg_nobody" })).status).toBe(404);
    expect((await again({ all: true })).status).toBe(400);
  });

  test("a disabled webhook is in use again where nothing is left to redeliver, but by no delivery that is not there", async () => {
    const { receiver, deliver, site, made } = await waiting();
    receiver.answer = async () => new Response(null, { status: GONE });
    await deliver();
    await DB.prepare("DELETE FROM deliveries WHERE webhook_id = ?").bind(made.id).run();
    const path = `/v1/webhooks/${made.id}/redeliver`;
    expect((await site.rest(path, { body: { delivery: "msg_none" } })).status).toBe(404);
    expect((await shown(site, made))?.disabled).not.toBeNull();
    expect(await site.rest(path, { method: "POST" })).toMatchObject({ status: 202, body: { redelivered: 0 } });
    expect(await shown(site, made)).toMatchObject({ disabled: null, failingSince: null });
  });

  test("20 deliveries given up in a row disable it; one that arrives in between starts the count anew", async () => {
    const { receiver, deliver, site, made } = await waiting();
    receiver.answer = failing;
    const giveUp = async (times: number) => {
      for (let i = 0; i < times; i++) {
        await site.post([demo(unique("v"))]);
        // The last attempt of each comes next.
        await DB.prepare("UPDATE deliveries SET step = 7, due_at = ? WHERE status = 'pending'").bind(now).run();
        await deliver();
      }
    };
    // With the one that waits.
    await giveUp(18);
    const failingNow = async () =>
      (await site.rest<{ webhooks: { failing: number } }>("/v1/status")).body.webhooks.failing;
    expect(await shown(site, made)).toMatchObject({ disabled: null, failingSince: iso(now) });
    expect(await failingNow()).toBe(1);
    receiver.answer = async () => new Response("ok");
    await site.post([demo(unique("v"))]);
    await deliver();
    expect(await shown(site, made)).toMatchObject({ disabled: null, failingSince: null });
    expect(await failingNow()).toBe(0);
    receiver.answer = failing;
    await giveUp(19);
    expect(await shown(site, made)).toMatchObject({ disabled: null });
    await giveUp(1);
    expect(await shown(site, made)).toMatchObject({ disabled: { reason: "20 deliveries in a row were given up." } });
  });

  test("nothing delivered for 5 days disables it, where several were given up; a quiet one stays", async () => {
    const { receiver, deliver, site, made } = await waiting();
    receiver.answer = failing;
    await deliver();
    const giveUp = async () => {
      await site.post([demo(unique("v"))]);
      await DB.prepare("UPDATE deliveries SET step = 7, due_at = ? WHERE status = 'pending'").bind(now).run();
      await deliver();
    };
    for (let i = 0; i < 2; i++) await giveUp();
    now += 5 * DAY;
    await giveUp();
    expect(await shown(site, made)).toMatchObject({ disabled: null });
    now += MINUTE;
    await giveUp();
    expect((await shown(site, made))?.disabled?.reason).toContain("Nothing was delivered for 5 days");
  });

  test("a webhook that hangs leaves room for the others", async () => {
    const { receiver, calls, deliver, site } = await waiting();
    await hook(site, { url: `${RECEIVER}/second` });
    receiver.answer = async ({ url }) => (url.endsWith("second") ? new Response("ok") : await failing());
    for (let i = 0; i < 8; i++) await site.post([demo(unique("v"))]);
    await deliver();
    expect(calls.slice(0, 12).filter(({ url }) => url.endsWith("second"))).toHaveLength(6);
    expect(calls).toHaveLength(17);
  });

  test("deliveries are listed latest first, a page at a time", async () => {
    const { deliver, site, made } = await waiting();
    for (let i = 0; i < 3; i++) {
      now += 1;
      await site.post([demo(unique("v"))]);
    }
    await deliver();
    const first = await deliveriesOf(site, made, "?limit=3");
    const rest = await deliveriesOf(site, made, `?limit=3&cursor=${first.nextCursor}`);
    const times = [...first.data, ...rest.data].map(({ sent }) => sent.timestamp);
    expect(times).toEqual([now, now - 1, now - 2, now - 3].map(iso));
    expect(rest.nextCursor).toBe(null);
  });
});
