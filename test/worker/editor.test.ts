/** The editor of rules in the dashboard, as its forms are sent: with and without script they are the same. */
import { beforeEach, describe, expect, test } from "vitest";
import { valuesOf } from "../../worker/dashboard/rules/form/fields";
import { type Explanation, page, type Site, track } from "../support/api";
import { ADMIN_KEY, DAY, DB, startApi } from "./app";

const START = Date.parse("2026-03-02T10:00:00Z");
let now = START;
const api = startApi({ clock: () => now });
const FORM = { "Content-Type": "application/x-www-form-urlencoded" };
const OWN = { ...FORM, Origin: "https://kelvin.test", "Sec-Fetch-Site": "same-origin" };

const RULES = {
  dimensions: { engagement: { decay: { halfLife: "30d" } } },
  rules: [
    { id: "pricing", on: "page", where: { path: "/pricing*" }, points: 40 },
    {
      id: "demo",
      on: "Form Submitted",
      where: { any: [{ "properties.form": "demo" }] },
      points: 30,
      limit: { times: 1 },
    },
    { id: "boss", while: { "traits.title": "*head*" }, points: 7 },
  ],
  levels: { temperature: [{ name: "cold" }, { name: "warm", when: { score: { gte: 35 } } }] },
};
type Rules = typeof RULES;

/** Somebody signed in. */
class Editor {
  private constructor(
    readonly site: Site,
    private readonly cookie: string,
    private readonly formToken: string,
  ) {}

  static async open(site: Site, key = ADMIN_KEY): Promise<Editor> {
    const form = { method: "POST", headers: OWN, body: `${new URLSearchParams({ key })}` };
    const cookie = (await api.call("/dashboard/sign-in", form)).headers.get("Set-Cookie")?.split(";")[0] ?? "";
    const html = await (
      await api.call(`/dashboard/rules/edit?site=${site.id}`, { headers: { Cookie: cookie } })
    ).text();
    return new Editor(site, cookie, /name="formToken" value="(\w+)"/.exec(html)?.[1] ?? "");
  }

  async open(path: string) {
    const answer = await api.call(`/dashboard${path}&site=${this.site.id}`, { headers: { Cookie: this.cookie } });
    return { status: answer.status, html: await answer.text() };
  }

  async send(fields: Record<string, string>, path = "/rules/edit", headers: Record<string, string> = OWN) {
    const body = `${new URLSearchParams({ formToken: this.formToken, expected: "2", ...fields })}`;
    const answer = await api.call(`/dashboard${path}?site=${this.site.id}`, {
      method: "POST",
      headers: { Cookie: this.cookie, ...headers },
      body,
    });
    return { status: answer.status, html: await answer.text(), location: answer.headers.get("Location") };
  }

  /** The table as it is sent, with something typed. */
  async table(action: string, typed: Record<string, string> = {}, rules: unknown = RULES) {
    const document = JSON.stringify(rules);
    return await this.send({ ...Object.fromEntries(valuesOf(rules)), ...typed, view: "table", document, action });
  }

  async json(action: string, rules: unknown = RULES, more: Record<string, string> = {}) {
    const document = typeof rules === "string" ? rules : JSON.stringify(rules);
    return await this.send({ view: "json", document, action, ...more });
  }
}

/** The draft that a page holds, from its text area or its hidden field. */
function draftIn(html: string): Rules {
  const found = /<textarea id="document"[^>]*>([^<]*)</.exec(html) ?? /name="document" value="([^"]*)"/.exec(html);
  const text = (found?.[1] ?? "").replaceAll("&quot;", '"').replaceAll("&lt;", "<").replaceAll("&gt;", ">");
  return JSON.parse(text.replaceAll("&#39;", "'").replaceAll("&amp;", "&"));
}

const text = (html: string) => html.replaceAll(/<[^>]+>/g, " ").replaceAll(/\s+/g, " ");

let site: Site;
let editor: Editor;
beforeEach(async () => {
  now = START;
  site = await api.createSite(RULES);
  editor = await Editor.open(site);
});

const inForce = async () => (await site.rest<{ version: number; rules: Rules }>("/v1/rules")).body;

async function visitor(id = "v1"): Promise<string> {
  await site.post([page(id, "/pricing"), track(id, "Form Submitted", { form: "demo" })]);
  return (await site.lead(`visitor:${id}`)).id;
}

describe("the table", () => {
  test("changes what was typed and publishes it", async () => {
    const answer = await editor.table("publish", { "rules/0/value": "12", "levels/0/1/when/0/value": "20" });
    expect(answer).toMatchObject({ status: 303, location: expect.stringContaining("published=3") });
    const { version, rules } = await inForce();
    expect(version).toBe(3);
    expect(rules).toEqual({
      ...RULES,
      rules: [{ ...RULES.rules[0], points: 12 }, ...RULES.rules.slice(1)],
      levels: { temperature: [{ name: "cold" }, { name: "warm", when: { score: { gte: 20 } } }] },
    });
  });

  test("says what is wrong beside the row, keeps what was typed, and publishes nothing", async () => {
    const { status, html } = await editor.table("publish", {
      "rules/1/value": "many",
      "levels/0/1/when/0/field": "scoer",
    });
    expect(status).toBe(422);
    const row = /<li id="rules-1" class="is-wrong">.*?<\/ul>/s.exec(html)?.[0] ?? "";
    expect(text(row)).toContain("points: must be a number");
    expect(row).toContain('value="many"');
    expect(html).not.toContain('<li id="rules-0" class="is-wrong"');
    expect(text(html)).toContain("unknown field");
    expect((await inForce()).version).toBe(2);
  });

  test("moves, takes out and adds rules, and shows in words what it cannot change", async () => {
    const ids = (html: string) => draftIn(html).rules.map(({ id }) => id);
    expect(ids((await editor.table("up rules/1")).html)).toEqual(["demo", "pricing", "boss"]);
    expect(ids((await editor.table("down rules/0")).html)).toEqual(["demo", "pricing", "boss"]);
    expect(ids((await editor.table("drop rules/1")).html)).toEqual(["pricing", "boss"]);
    const added = await editor.table("add state", { "rules/0/value": "41" });
    expect(ids(added.html)).toEqual(["pricing", "demo", "boss", "rule-4"]);
    expect(draftIn(added.html).rules[0]?.points).toBe(41);
    expect(text(added.html)).toContain("and property form is “demo” (edit this part as JSON)");
    expect((await inForce()).version).toBe(2);
  });

  test("and the JSON are views of one draft", async () => {
    const { html } = await editor.table("json", { "rules/0/value": "12" });
    expect(html).toContain('<textarea id="document"');
    const draft = draftIn(html);
    expect(draft.rules[0]?.points).toBe(12);
    const back = await editor.json("table", { ...draft, rules: draft.rules.slice(0, 2) });
    expect(back.html).toContain('name="rules/1/value"');
    expect(draftIn(back.html)).toEqual({ ...draft, rules: draft.rules.slice(0, 2) });
  });

  test.each([
    "null",
    "[]",
    "3",
    '{"rules": 5, "levels": [1]}',
    '{"rules": [null, 3, {"id": {}}], "levels": {"a": 1}}',
    '{"dimensions": {"\\ud800": {"min": 2, "max": 1}}, "levels": {"\\ud800": [{}]}}',
  ])("copes with %s", async (document) => {
    expect((await editor.json("table", document)).status).toBe(200);
    expect((await editor.json("check", document)).status).toBe(422);
    expect((await editor.send({ view: "table", document, action: "check" })).status).toBe(422);
  });

  test("begins from a preset or from what is in force, and publishes neither", async () => {
    expect(draftIn((await editor.table("preset minimal")).html)).toHaveProperty("levels.stage");
    expect(draftIn((await editor.table("restart", { "rules/0/value": "12" })).html)).toEqual(RULES);
    expect((await inForce()).version).toBe(2);
  });
});

describe("JSON", () => {
  test("that cannot be read is kept, whatever is asked for", async () => {
    for (const action of ["check", "preview", "publish", "table", "try-lead"]) {
      const { status, html } = await editor.json(action, '{\n"rules": [,]\n}');
      expect(status).toBe(400);
      expect(text(html)).toContain("This is not JSON yet line 2");
      expect(html).toContain("{\n&quot;rules&quot;: [,]\n}");
    }
  });

  test.each([
    [64, 422],
    [65, 400],
    [20_000, 400],
  ])("of %i levels is answered %i", async (levels, expected) => {
    const document = `{"rules":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`;
    for (const view of ["json", "table"]) {
      expect((await editor.send({ view, document, action: "check" })).status).toBe(expected);
    }
  });

  test("has the lines of its mistakes", async () => {
    const { status, html } = await editor.json(
      "check",
      '{\n"rules": [\n{ "id": "a" }\n],\n"levels": { "temperature": [{ "name": "a" }] } }',
    );
    expect(status).toBe(422);
    expect(text(html)).toMatch(/line 3 #\/rules\/0 must have exactly one effect/);
  });

  test("is judged while one types, with 200 whatever is wrong, by who is signed in and by nobody else", async () => {
    const lint = (document: string, headers?: Record<string, string>, formToken?: string) =>
      editor.send({ view: "json", document, ...(formToken && { formToken }) }, "/rules/lint", headers);
    expect(text((await lint(JSON.stringify(RULES))).html)).toContain("Valid");
    const wrong = await lint('{"rules": []}');
    expect(wrong).toMatchObject({ status: 200, html: expect.stringContaining("#/levels") });
    expect(wrong.html).not.toContain("<html");
    expect(await lint("{")).toMatchObject({ status: 200, html: expect.stringContaining("not JSON") });
    expect((await lint("{", OWN, "wrong")).status).toBe(403);
    expect((await lint("{", { ...FORM, Origin: "https://evil.example", "Sec-Fetch-Site": "cross-site" })).status).toBe(
      403,
    );
    expect((await lint("{", { ...OWN, Cookie: "none" })).status).toBe(401);
  });
});

/** Hidden fields of the form that publishes. */
const hiddenIn = (html: string) =>
  Object.fromEntries(
    [...html.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)"/g)].map(([, name = "", value = ""]) => [
      name,
      value.replaceAll("&quot;", '"').replaceAll("&amp;", "&"),
    ]),
  );

describe("the review", () => {
  test("of a draft shows what changes and for whom, publishes nothing, and is what is then published", async () => {
    for (const id of ["v1", "v2"]) await visitor(id);
    const { status, html } = await editor.table("review", { "rules/0/value": "1", "rules/1/value": "2" });
    expect(status).toBe(200);
    expect(text(html)).toContain("Your draft takes the place of version 2, as version 3.");
    expect(text(html)).toMatch(/removed:.*&quot;points&quot;: 40.*added:.*&quot;points&quot;: 1 /);
    expect(text(html)).toContain("2 leads of 2 would stand on another level");
    // What the check says, as beside the draft.
    expect(text(html)).toContain("&quot;boss&quot; (+7) gives more at once");
    expect((await inForce()).version).toBe(2);

    const back = await editor.send({ ...hiddenIn(html), action: "check" });
    expect(back.html).toContain('name="rules/0/value" value="1"');
    const done = await editor.send({ ...hiddenIn(html), action: "publish" });
    expect(done).toMatchObject({ status: 303, location: expect.stringContaining("published=3") });
    expect((await inForce()).rules.rules.map(({ points }) => points)).toEqual([1, 2, 7]);
  });

  test("comes to nothing where the draft is wrong, stale, or what is in force", async () => {
    expect((await editor.table("review", { "rules/0/value": "many" })).status).toBe(422);
    const same = await editor.json("review", JSON.stringify(RULES));
    expect(text(same.html)).toContain("They are the same.");
    expect(same.html).not.toContain('value="publish"');
    await site.publish({ ...RULES, rules: RULES.rules.slice(0, 2) });
    const stale = await editor.table("review", { "rules/0/value": "12" });
    expect(stale.status).toBe(412);
    expect(text(stale.html)).toContain("Version 3 was published in the meantime");
  });

  test("of an earlier version says that it comes back, and what changes", async () => {
    await visitor();
    const draft = { ...RULES, rules: [{ ...RULES.rules[0], points: 1 }, ...RULES.rules.slice(2)] };
    await site.publish(draft);
    const { html } = await editor.open("/rules/rollback?version=2");
    expect(text(html)).toContain("Version 2 takes the place of version 3, as version 4.");
    expect(text(html)).toMatch(/added:.*&quot;demo&quot;/);
    expect(text(html)).toContain("1 lead of 1 would stand on another level");
    expect((await inForce()).version).toBe(3);

    const done = await editor.send(hiddenIn(html), "/rules/rollback");
    expect(done).toMatchObject({ status: 303, location: expect.stringContaining("published=4") });
    expect((await inForce()).rules).toEqual(RULES);
    expect((await editor.send(hiddenIn(html), "/rules/rollback")).status).toBe(412);
    expect((await editor.open("/rules/rollback?version=9")).status).toBe(404);
  });
});

describe("publishing", () => {
  test("tells beforehand how many leads move", async () => {
    for (const id of ["v1", "v2", "v3"]) await visitor(id);
    await site.post([page("v4", "/")]);
    const { html } = await editor.table("preview", { "rules/0/value": "1", "rules/1/value": "1" });
    expect(text(html)).toContain("3 leads of 4 would stand on another level");
    expect(text((await (await Editor.open(await api.createSite(RULES))).table("preview")).html)).toContain(
      "no lead yet",
    );
  });

  test("does not replace what somebody else published, and shows how it differs", async () => {
    await site.publish({ ...RULES, rules: RULES.rules.slice(0, 2) });
    const { status, html } = await editor.table("publish", { "rules/0/value": "12", notify: "true" });
    expect(status).toBe(412);
    expect(text(html)).toContain("Version 3 was published in the meantime");
    expect(text(html)).toMatch(/added:.*&quot;points&quot;: 12/);
    expect(html).toContain('name="expected" value="3"');
    expect(draftIn(html).rules[0]?.points).toBe(12);
    // What was ticked is so still where it is reviewed anew.
    const again = await editor.table("review", { ...hiddenIn(html), "rules/0/value": "12" });
    expect(again.html).toMatch(/name="notify"[^>]*checked/);
    expect((await inForce()).version).toBe(3);
  });

  test("takes a key that may write; trying takes one that may read", async () => {
    const { body } = await api.rest<{ key: string }>("/v1/keys", { body: { name: "reader", scopes: ["read"] } });
    const reader = await Editor.open(site, body.key);
    const { status, html } = await reader.table("preview", { "rules/0/value": "1" });
    expect(status).toBe(200);
    expect(html).toContain("Your key may not publish");
    for (const action of ["review", "publish"])
      expect((await reader.table(action, { "rules/0/value": "1" })).status).toBe(403);
    expect((await inForce()).version).toBe(2);
  });

  test("without a session keeps the draft for its writer", async () => {
    const form = { view: "table", document: JSON.stringify(RULES), "rules/0/value": "12", action: "publish" };
    const { status, html } = await editor.send(form, "/rules/edit", { ...OWN, Cookie: "none" });
    expect(status).toBe(401);
    expect(html).toContain("&quot;points&quot;: 12");
  });
});

describe("a test", () => {
  const draft = { ...RULES, rules: [{ ...RULES.rules[0], points: 5 }, ...RULES.rules.slice(1)] };
  const tables = async () => {
    const names = ["leads", "events", "crossings", "rule_versions", "outbox"];
    const known = (await DB.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all<{ name: string }>())
      .results;
    const there = names.filter((name) => known.some((table) => table.name === name));
    expect(there).toContain("leads");
    return JSON.stringify(
      await Promise.all(there.map(async (name) => (await DB.prepare(`SELECT * FROM ${name}`).all()).results)),
    );
  };

  test("of a lead tells what publishing would make of it, and writes nothing", async () => {
    const id = await visitor();
    now += 3 * DAY;
    editor = await Editor.open(site);
    await site.lead(id);
    const before = await tables();
    const { status, html } = await editor.json("try-lead", draft, { who: "visitor:v1" });
    expect(status).toBe(200);
    expect(await tables()).toBe(before);
    const explained = async () => (await site.rest<Explanation>(`/v1/leads/${id}/explanation`)).body;
    const shown = (exact: number) => String(Math.round(exact * 10) / 10);
    const was = await explained();
    await site.publish(draft);
    const will = await explained();
    expect(text(html)).toMatch(new RegExp(`: ${shown(was.exact)} → ${shown(will.exact)} `));
    expect(text(html)).toContain("temperature warm → cold");
    expect(text(html)).toMatch(/boss.*not met/);
  });

  test("finds a lead by its address alone, and says where there is none", async () => {
    await site.post([
      {
        type: "identify",
        messageId: "i1",
        anonymousId: "v9",
        traits: { email: "ann@acme.example", title: "Head of it" },
      },
    ]);
    expect(text((await editor.json("try-lead", draft, { who: " Ann@acme.example " })).html)).toContain(
      "ann@acme.example : 7 → 7",
    );
    for (const who of ["nobody@acme.example", "", "<b>"]) {
      const { status, html } = await editor.json("try-lead", draft, { who });
      expect(status).toBe(422);
      expect(text(html)).toContain("Nobody was tested");
    }
  });

  test("of a made-up visitor plays its events", async () => {
    const story = "30d ago: page /pricing\r\nForm Submitted form=demo\r\ntrait title=Head of it";
    const { html } = await editor.json("try-story", draft, { story });
    expect(text(html)).toContain("The made-up visitor: 57 → 39.5");
    expect(html).toContain("trait title=Head of it</textarea>");
    expect((await editor.json("try-story", draft, { story: "page pricing" })).html).toContain("Line 1: ");
    expect((await editor.json("try-story", draft, { story: " " })).status).toBe(422);
    expect((await editor.json("try-story", draft, { story: `${"x".repeat(300)}` })).status).toBe(422);
  });

  test("takes a draft that is right", async () => {
    const { status, html } = await editor.json("try-story", { rules: [] }, { story: "page /" });
    expect(status).toBe(422);
    expect(html).toContain("#/levels");
  });
});
