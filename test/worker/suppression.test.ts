/**
 * Suppressed addresses (contract §7): whose owner was erased and asked to be left alone, they come into no table again,
 * and nobody with a public key learns of it.
 */
import { describe, expect, test } from "vitest";
import type { WireReply } from "../../snippet/wire";
import { type Message, PLAIN_RULES, type Problem, page, track, unique } from "../support/api";
import { FaultyDatabase } from "../support/faults";
import { ADMIN_KEY, DB, expectTheLawAfterErasing, startApi } from "./app";
import { at, erase, held, identify, marker, placesOf, type Row, RULES } from "./traces";

describe("a suppressed address", () => {
  /** A site with somebody erased and suppressed, whose address it returns. */
  async function suppressed(api = startApi(), rules: unknown = RULES) {
    const site = await api.createSite(rules);
    const email = `${marker()}@mail.example`;
    const erased = unique("m");
    await site.post([identify(unique("v"), email, { messageId: erased })]);
    expect((await erase(site, `email:${email}`, "?suppress=true")).status).toBe(204);
    return { site, email, erased: [erased] };
  }

  test("is kept as a hash alone, of every address the person had", async () => {
    const site = await startApi().createSite(PLAIN_RULES);
    const [first, second, third] = [1, 2, 3].map(() => `${marker()}@mail.example`);
    const visitor = unique("v");
    for (const email of [first, second]) await site.import([identify(visitor, email ?? "", { userId: third })]);
    await erase(site, `visitor:${visitor}`, "?suppress=true");
    const { results } = await DB.prepare("SELECT hash FROM suppressions WHERE site_id = ?").bind(site.id).all<Row>();
    expect(results).toHaveLength(3);
    for (const { hash } of results) expect(hash).toMatch(/^[\w-]{43}$/);
    for (const email of [first, second, third]) {
      expect(await placesOf(email ?? "")).toEqual([]);
      await site.import([identify(unique("v"), (email ?? "").toUpperCase())]);
      expect(await placesOf(email ?? "")).toEqual([]);
    }
  });

  test("without suppress, whoever states it again is a lead again", async () => {
    const site = await startApi().createSite(PLAIN_RULES);
    const email = `${marker()}@mail.example`;
    await site.post([identify(unique("v"), email)]);
    await erase(site, `email:${email}`, "?suppress=false");
    await site.post([identify(unique("v"), email)]);
    expect(await site.lead(`email:${email}`)).toMatchObject({ email });
    expect((await DB.prepare("SELECT * FROM suppressions WHERE site_id = ?").bind(site.id).all()).results).toEqual([]);
  });

  test("comes into no table, however an event names it", async () => {
    const { site, email, erased } = await suppressed();
    const [visitor, encoded] = [unique("v"), encodeURIComponent(email)];
    await site.post([page(visitor)]);
    const ways: Message[] = [
      identify(visitor, email),
      identify(visitor, ` ${email.toUpperCase()} `),
      { type: "identify", anonymousId: visitor, traits: { contact: { mails: [email] } } },
      { type: "identify", anonymousId: visitor, context: { traits: { email } } },
      { type: "group", anonymousId: visitor, groupId: "g", traits: { email } },
      { type: "alias", anonymousId: visitor, previousId: email },
      { type: "alias", userId: email, previousId: visitor },
      page(visitor, "/", { userId: email }),
      page(email),
      page(visitor, "/", { messageId: `signed-up:${email}` }),
      page(visitor, "/", { properties: { url: `https://shop.example/for/${encoded}` } }),
      page(visitor, "/", { context: { page: { title: `Hello ${email}.` } } }),
      track(visitor, "Invited", { [email]: true }),
    ];
    for (const message of ways) {
      expect((await site.post([message])).body, JSON.stringify(message)).toMatchObject({ success: true, rejected: [] });
      expect(await placesOf(email.split("@")[0] ?? ""), JSON.stringify(message)).toEqual([]);
    }
    expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ known: false, score: 1 });
    await expectTheLawAfterErasing(site.id, erased);
  });

  test("sinks nothing else of its batch, and its message's id is not used up", async () => {
    const { site, email, erased } = await suppressed();
    const visitor = unique("v");
    const message = identify(visitor, email);
    await site.post([page(visitor), message, page(visitor)]);
    expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ pageviews: 2, email: null });
    await site.post([{ ...message, traits: { email: `other-${email}` } }]);
    expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ email: `other-${email}` });
    await expectTheLawAfterErasing(site.id, erased);
  });

  test("is not told to who has the public key: the answer is that of any other address", async () => {
    const { site, email } = await suppressed(startApi(), {
      ...RULES,
      rules: [...RULES.rules, { id: "known", while: { known: true }, points: 40 }],
    });
    const [old, free] = [`old-${marker()}@mail.example`, `free-${marker()}@mail.example`];
    await site.post([page(unique("v")), identify(unique("v"), old)]);
    const answers = [];
    for (const address of [email, free, old]) {
      const [cold, warm] = [unique("v"), unique("v")];
      await site.post([page(warm)]);
      const mine = (visitor: string) => [identify(visitor, address), page(visitor)];
      for (const batch of [mine(cold), mine(warm), [mine(unique("v"))[0] ?? {}]]) {
        const { status, body, headers } = await site.post(batch);
        const { visitor, validUntil, ...rest } = body;
        answers.push({
          status,
          rest,
          keys: Object.keys(body),
          told: typeof validUntil,
          cookie: headers.get("Set-Cookie"),
        });
        expect(visitor).toBe(batch[0]?.anonymousId);
      }
    }
    expect(answers.slice(3, 6)).toEqual(answers.slice(0, 3));
    expect(answers.slice(6, 9)).toEqual(answers.slice(0, 3));
    expect(answers[0]?.rest).toMatchObject({ score: 41, temperature: "warm", rejected: [] });
  });

  test("is told to who has a secret key", async () => {
    const { site, email } = await suppressed();
    const visitor = unique("v");
    const message = identify(visitor, email);
    const { body } = await site.import([page(visitor), { type: "track" }, message, page(visitor)]);
    expect(body.rejected).toEqual([
      expect.objectContaining({ index: 1, code: "missing_event" }),
      { messageId: message.messageId, index: 2, code: "suppressed", detail: expect.stringContaining("suppressed") },
    ]);
    expect(body.score).toBe(2);
  });

  test("may not be written on a lead by hand, and then nothing of the PATCH is", async () => {
    const { site, email } = await suppressed();
    const visitor = unique("v");
    await site.post([page(visitor)]);
    const patch = (traits: Message) =>
      site.rest<Problem>(at(`visitor:${visitor}`), { method: "PATCH", body: { status: "customer", traits } });
    for (const traits of [{ email }, { note: `Called, was ${email.toUpperCase()}.` }]) {
      const { status, body } = await patch(traits);
      expect(status).toBe(409);
      expect(body.type).toBe("/docs/errors#conflict");
      expect(body.detail).toContain("suppressed");
    }
    expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ status: "open", traits: {} });
    expect((await patch({ email: `other-${email}` })).status).toBe(200);
  });

  test("is one site's alone, under a hash of its own", async () => {
    const { site, email } = await suppressed();
    const other = await site.api.createSite(PLAIN_RULES);
    await other.post([identify(unique("v"), email)]);
    expect(await other.lead(`email:${email}`)).toMatchObject({ email });
    await erase(other, `email:${email}`, "?suppress=true");
    const { results } = await DB.prepare("SELECT DISTINCT hash FROM suppressions WHERE site_id IN (?, ?)")
      .bind(site.id, other.id)
      .all();
    expect(results).toHaveLength(2);
  });

  test("is turned away by an isolate that looked before it was suppressed, too", async () => {
    const { api, site, hook } = await held();
    const email = `${marker()}@mail.example`;
    const visitor = unique("v");
    await site.import([identify(unique("v"), email, { userId: unique("u") })]);
    await site.import([page(visitor, "/", { userId: unique("u") })]);
    // A claim under another's verified lead: it would stay there, and touches nothing of the erased one.
    const body = { writeKey: site.writeKey, batch: [identify(visitor, email)] };
    hook(1, async () => void expect((await erase(site, `email:${email}`, "?suppress=true")).status).toBe(204));
    expect((await api.json<WireReply>("/v1/batch", { body })).body).toMatchObject({ success: true, rejected: [] });
    expect(await placesOf(email)).toEqual([]);
    expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ email: null, verified: true });
  });

  test("an address that is another lead's own key stays theirs", async () => {
    const site = await startApi().createSite(PLAIN_RULES);
    const email = `${marker()}@mail.example`;
    const [owner, claimant] = [unique("v"), unique("v")];
    await site.import([identify(owner, email)]);
    await site.import([page(claimant, "/", { userId: unique("u") })]);
    await site.post([identify(claimant, email)]);
    expect(await site.lead(`visitor:${claimant}`)).toMatchObject({ email });
    await erase(site, `visitor:${claimant}`, "?suppress=true");
    const cold = { writeKey: site.writeKey, batch: [identify(owner, email, { traits: { email, title: "CEO" } })] };
    await startApi().json("/v1/batch", { body: cold, key: ADMIN_KEY });
    expect((await site.lead(`email:${email}`)).traits).toMatchObject({ title: "CEO" });
  });

  test("costs a beacon no trip: with none stated, with the lead's own, and with one to look up anyway", async () => {
    const faulty = new FaultyDatabase(DB);
    const site = await startApi({ db: faulty.db }).createSite(PLAIN_RULES);
    const visitor = unique("v");
    const own = `${marker()}@mail.example`;
    await site.post([page("anybody")]);
    await site.post([page(visitor)]);
    const trips = async (batch: Message[]) => (await faulty.measure(() => site.post(batch))).trips;
    expect(await trips([page(visitor)])).toBe(1);
    expect(await trips([identify(visitor, own)])).toBe(2);
    expect(await trips([identify(visitor, own.toUpperCase(), { userId: own })])).toBe(2);
    expect(await trips([page(visitor, "/", { userId: own })])).toBe(1);
    expect(await trips([identify(visitor, own)])).toBe(1);
    expect(await trips([identify(unique("v"), `${marker()}@mail.example`)])).toBe(2);
  });
});
