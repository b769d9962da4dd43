/** The dashboard's reports in every state of a site: nobody there, no outcomes, few, many; and what is refused. */
import { beforeAll, describe, expect, test } from "vitest";
import { AT_ONCE_MAX_LEADS } from "../../worker/http/dashboard/reports";
import { PLAIN_RULES, page, type Site, track, unique } from "../support/api";
import { ADMIN_KEY, DAY, startIsolate } from "./app";

const { api } = startIsolate();
const PATHS = ["", "/rules", "/levels", "/personalisation"];
const RULES = { rules: [...PLAIN_RULES.rules, { id: "never", on: "Nothing", points: 3 }], levels: PLAIN_RULES.levels };
const won = (visitor: string) => track(visitor, "Outcome Recorded", { outcome: "won" }, { context: { active: false } });

let cookie: string;
beforeAll(async () => {
  const answer = await api.call("/dashboard/sign-in", {
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded", Origin: "https://kelvin.test" },
    body: `key=${ADMIN_KEY}`,
  });
  cookie = answer.headers.get("Set-Cookie")?.split(";")[0] ?? "";
});

async function open(site: Site, path: string, query: Record<string, string> = {}) {
  const search = new URLSearchParams({ ...query, site: site.id });
  const answer = await api.call(`/dashboard/reports${path}?${search}`, { headers: { Cookie: cookie } });
  return { status: answer.status, html: await answer.text(), policy: answer.headers.get("Content-Security-Policy") };
}

async function shown(site: Site, path: string, query?: Record<string, string>): Promise<string> {
  const { status, html } = await open(site, path, query);
  expect(status, path).toBe(200);
  // The policy of the pages lets no inline style and no inline script through.
  expect(html, path).not.toMatch(/<[^>]*\sstyle=|<script>|<[^>]*\son\w+=/);
  expect(html, path).not.toMatch(/NaN|Infinity|undefined|\[object/);
  return html;
}

describe("without a session", () => {
  test.each(PATHS)("/reports%s leads to the door", async (path) => {
    const answer = await api.call(`/dashboard/reports${path}`, { headers: {} });
    expect(answer.status).toBe(303);
    expect(answer.headers.get("Location")).toMatch(/^\/dashboard\/sign-in\?next=/);
  });
});

describe("a site without leads", () => {
  test.each(PATHS)("/reports%s says where they come from", async (path) => {
    const html = await shown(await api.createSite(RULES), path);
    expect(html).toContain("There are no leads yet");
    expect(html).toMatch(/href="\/dashboard\/setup(\?site=\w+)?">Put the tag on the site/);
    expect(html).toMatch(/aria-current="page"[^>]*>\s*Reports/);
  });
});

describe("leads without outcomes", () => {
  let site: Site;
  beforeAll(async () => {
    site = await api.createSite(RULES);
    await site.import([page("a"), page("b"), track("b", "Form Submitted", { form: "demo" })]);
  });

  test("the overview tells how to record them, and where leads stand", async () => {
    const html = await shown(site, "");
    expect(html).toContain("Nobody has converted yet");
    expect(html).toContain(`/v1/outcomes?site=${site.id}`);
    expect(html).toContain('href="/docs#recordOutcome"');
    expect(html).toContain("Where your leads stand");
    const names = [...html.matchAll(/<text[^>]* y="([\d.]+)"[^>]*>(?:warm|hot) from/g)].map(([, y]) => Number(y));
    const bars = [...html.matchAll(/<rect class="(?:cold|warm|hot)"[^>]* y="([\d.]+)"/g)].map(([, y]) => Number(y));
    expect(names).toHaveLength(2);
    expect(Math.min(...bars), "no bar stands on a name").toBeGreaterThan(Math.max(...names));
    expect(html).not.toContain("Conversion by level");
  });

  test("rules are told by whom they fired for, and those that never did apart", async () => {
    const html = await shown(site, "/rules");
    expect(html).toContain("Nobody has converted yet");
    expect(html).toMatch(/0 of 2/);
    expect(html, "there is no lift to speak of").not.toContain("twice");
    const [lifts = "", never = ""] = html.split('id="never"');
    expect(lifts).toContain("#rule-demo");
    expect(lifts).not.toContain("#rule-never");
    expect(never).toContain("#rule-never");
    expect(never).toContain("#rule-careers");
  });

  test("levels are told all the same; calls to action are yet to be marked", async () => {
    expect(await shown(site, "/levels")).toContain("hot: 1 now");
    const html = await shown(site, "/personalisation");
    expect(html).toContain("Nobody has seen a call to action yet");
    expect(html).toContain("data-kelvin-cta=");
  });
});

describe("a call to action that was seen, with nobody held out", () => {
  test("what to do about it is said once, and shares are told in words", async () => {
    const site = await api.createSite(RULES);
    const context = { heldOut: false, shown: [{ cta: "hero", temperature: "cold" }] };
    await site.post(["a", "b", "c"].map((visitor) => track(visitor, "Page Engaged", { seconds: 3 }, { context })));
    const html = await shown(site, "/personalisation");
    expect(html).toContain("there is nothing to compare with.</p>");
    expect(html.match(/data-holdout/g)).toHaveLength(1);
    expect(html).toMatch(/>0 leads<br\/?>plausibly 0 to \d+ %</);
  });
});

describe("outcomes", () => {
  test("few: it is too early to tell", async () => {
    const site = await api.createSite(RULES);
    await site.import([page("a"), track("a", "Form Submitted", { form: "demo" }), won("a"), page("b"), page("c")]);
    const html = await shown(site, "");
    expect(html).toContain("Too early to tell");
    expect(html).toContain("Fewer than 10 leads have converted");
    expect(html, "of one group nothing is drawn").toContain("ten for each group");
    expect(await shown(site, "/rules")).toContain("Fewer than 10 leads have converted");
  });

  test("of everybody: there is nothing to compare with", async () => {
    const site = await api.createSite(RULES);
    await site.import([page("a"), won("a"), page("b"), won("b")]);
    const html = await shown(site, "");
    expect(html).toContain("Nothing to compare with yet");
    expect(html).toContain("record who was lost, too");
    await shown(site, "/rules");
  });

  test.each([
    ["Yes, a lot", (i: number) => i % 3 === 0],
    ["It may be chance", (i: number) => i % 2 === 0],
    ["It points the wrong way", (i: number) => i % 3 !== 0],
  ])("many: %s", async (verdict, converts) => {
    const site = await api.createSite(RULES);
    // Every third asks for a demo.
    const messages = Array.from({ length: 120 }, (_, i) => [
      page(`v${i}`),
      ...(i % 3 === 0 ? [track(`v${i}`, "Form Submitted", { form: "demo" })] : []),
      ...(converts(i) ? [won(`v${i}`)] : []),
    ]);
    await site.import(messages.flat());
    const html = await shown(site, "");
    expect(html).toContain(verdict);
    expect(html).toMatch(/role="img" aria-label="Conversion by score in 2 groups/);
    expect(html).toContain("As a table");
  });
});

describe("many leads", () => {
  let site: Site;
  beforeAll(async () => {
    site = await api.createSite(RULES);
    const visitors = Array.from({ length: AT_ONCE_MAX_LEADS + 1 }, (_, i) => unique(`v${i}`));
    for (let i = 0; i < visitors.length; i += 1000) {
      await site.import(visitors.slice(i, i + 1000).map((visitor) => page(visitor, "/")));
    }
  });

  test.each(PATHS)("/reports%s is there at once, and names the address of what takes longer", async (path) => {
    const html = await shown(site, path);
    const address = /data-part[^>]* data-poll="([^"]+)" data-load/.exec(html)?.[1]?.replaceAll("&amp;", "&") ?? "";
    expect(html).toContain("1,001 leads");
    expect(html, "without script there is a link").toContain(`<a href="${address.replaceAll("&", "&amp;")}"`);
    const answer = await api.call(address, { headers: { Cookie: cookie } });
    const whole = await answer.text();
    expect(answer.status).toBe(200);
    expect(whole).toMatch(/<div[^>]* data-part/);
    expect(whole).not.toContain("data-poll");
  });

  test("one lead fewer is told at once", async () => {
    await api.rest(
      `/v1/leads/${(await site.rest<{ data: { id: string }[] }>("/v1/leads?limit=1")).body.data[0]?.id}?site=${site.id}`,
      {
        method: "DELETE",
      },
    );
    expect(await shown(site, "/levels")).not.toContain("data-poll");
  });
});

describe("what is asked for", () => {
  test("a period that is not offered: 400", async () => {
    const site = await api.createSite(RULES);
    await site.import([page("a", "/", { timestamp: new Date(Date.now() - 60 * DAY).toISOString() })]);
    for (const days of ["7", "30", "90", "365"]) {
      expect((await shown(site, "/levels", { days })).match(/<th scope="row">\d{4}-/g)).toHaveLength(Number(days));
    }
    for (const query of ["days=8", "days=x", "days=-1", "days=1e9", "whole=maybe"]) {
      const { status, html } = await open(site, "/levels", Object.fromEntries(new URLSearchParams(query)));
      expect([status, query]).toEqual([400, query]);
      expect(html).toContain("must be");
    }
  });

  test("names that visitors and rules bring are text", async () => {
    const evil = `"><img src=x onerror=alert(1)>\ud800`;
    const site = await api.createSite({
      ...RULES,
      rules: [{ id: `"><b>rule</b> é#?&`, on: "page", points: 1 }],
      levels: { temperature: [{ name: "cold" }, { name: `"><i>hot</i>`, when: { score: { gte: 1 } } }] },
    });
    await site.import([
      page("a"),
      track("a", "CTA Clicked", { cta: evil, variant: evil, temperature: evil }),
      won("a"),
    ]);
    for (const path of PATHS) expect(await shown(site, path), path).not.toMatch(/<img|<b>rule|<i>hot/);
    expect(await shown(site, "/personalisation")).toContain("&lt;img src=x");
  });
});
