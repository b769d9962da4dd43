/** The dashboard's reports in a browser: their figures are those of the API, and they come, fit and are read by everybody. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Api, type Message, page as pageView, type Site, track, unique } from "../support/api.ts";
import { launch } from "../support/browser.ts";
import { type Server, startServer } from "../support/server.ts";

const DAY_MS = 86_400_000;
const RULES = {
  rules: [
    { id: "pricing", on: "page", where: { path: "/pricing" }, points: 40, limit: { times: 1 } },
    { id: "guide", on: "page", where: { path: "/guide" }, points: 10, limit: { times: 1 } },
    { id: "careers", on: "page", where: { path: "/careers" }, points: -15, limit: { times: 1 } },
    { id: "rival", while: { "traits.company": "Rival" }, disqualify: "competitor" },
    { id: "never", on: "Nothing", points: 3 },
  ],
  levels: {
    temperature: [
      { name: "cold" },
      { name: "warm", when: { score: { gte: 35 } } },
      { name: "hot", when: { score: { gte: 50 } } },
    ],
    stage: [{ name: "lead" }, { name: "mql", when: { score: { gte: 35 } } }],
  },
};

interface Share {
  leads: number;
  converted: number;
  rate: number | null;
}
interface RulesReport {
  auc: { value: number };
  conversion: Share;
  calibration: (Share & { from: number; to: number; predicted: number })[];
  levels: (Share & { ladder: string; level: string })[];
  data: { id: string; points: number | null; with: Share; without: Share; lift: number | null }[];
}

interface Personalisation {
  uplift: Record<"personalised" | "heldOut", { converted: Share }>;
  data: { variant: string; temperature: string; heldOut: boolean; shown: number; clicked: Share; converted: Share }[];
}

let server: Server;
let browser: Browser;
let api: Api;
let context: BrowserContext;
let page: Page;
let complaints: string[];
/** Of few leads, told at once; and of more than are told at once. */
let site: Site;
let large: Site;

/** What some leads did, by their numbers: whoever saw the prices converts more often. */
function history(count: number): Message[] {
  return Array.from({ length: count }, (_, i) => {
    const visitor = unique(`v${i}`);
    const ago = (days: number): Message => ({ timestamp: new Date(Date.now() - days * DAY_MS).toISOString() });
    const paths = ["/", ...(i % 3 === 0 ? ["/pricing"] : []), ...(i % 2 === 0 ? ["/guide"] : [])];
    const shown = { cta: "demo", variant: i % 2 ? "calm" : "urgent", temperature: i % 3 ? "cold" : "warm" };
    const traits = { company: "Rival" };
    const end = { outcome: i % 4 ? "won" : "lost" };
    return [
      ...[...paths, ...(i % 5 === 0 ? ["/careers"] : [])].map((path) => pageView(visitor, path, ago(5))),
      ...(i % 4 === 1 ? [track(visitor, "CTA Clicked", shown, { ...ago(4), context: { heldOut: i % 8 === 1 } })] : []),
      ...(i % 40 === 7 ? [{ type: "identify", messageId: unique("m"), anonymousId: visitor, traits, ...ago(3) }] : []),
      ...(i % 3 === 0 || i % 7 === 0 ? [track(visitor, "Outcome Recorded", end, ago(1))] : []),
    ];
  }).flat();
}

async function imported(messages: Message[]): Promise<Site> {
  const made = await api.createSite(RULES);
  for (let i = 0; i < messages.length; i += 1000) await made.import(messages.slice(i, i + 1000));
  return made;
}

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
  api = new Api((path, init) => fetch(server.url + path, init), server.key);
  site = await imported(history(160));
  // Of most no more than that they are there.
  large = await imported([...history(60), ...Array.from({ length: 960 }, (_, i) => pageView(unique(`w${i}`)))]);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});
beforeEach(async () => await open());
afterEach(async () => {
  expect(complaints).toEqual([]);
  await context.close();
});

async function open(options: Parameters<Browser["newContext"]>[0] = {}): Promise<void> {
  await context?.close();
  context = await browser.newContext({ baseURL: server.url, ...options });
  page = await context.newPage();
  complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
}

const of = (one: Site, path = "") => `/dashboard/reports${path}?site=${one.id}`;

async function signIn(path: string): Promise<void> {
  await page.goto(path);
  await page.getByLabel("Secret key").fill(server.key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Reports", level: 1 }).waitFor();
}

async function report<T>(one: Site, path: string): Promise<T> {
  return (await one.rest<T>(`/v1/reports/${path}`)).body;
}

/** The cells of a table's body; what stands under a figure is told by a bar. */
async function rows(caption: string | RegExp): Promise<string[][]> {
  const table = page.locator("table").filter({ has: page.locator("caption").getByText(caption) });
  return await table.locator("tbody tr").evaluateAll((all) =>
    all.map((row) =>
      [...row.querySelectorAll("th, td:not(.picture)")].map((cell) => {
        const [under] = [...cell.querySelectorAll(".under")].map((one) => one.textContent ?? "");
        const text = cell.textContent ?? "";
        return under === undefined ? text : `${text.slice(0, text.length - under.length)}|${under}`;
      }),
    ),
  );
}

const percent = (rate: number | null) => {
  if (rate === null) return "–";
  const value = rate * 100;
  return `${value > 0 && value < 10 ? Math.round(value * 10) / 10 : Math.round(value)} %`;
};
const count = (leads: number) => leads.toLocaleString("en");

describe("figures are those of the API", () => {
  test("the score, conversion by level, calibration and histogram", async () => {
    await signIn(of(site));
    const found = await report<RulesReport>(site, "rules");
    expect(await page.locator(".verdict").textContent()).toMatch(/^Yes/);
    const [verdict] = await page.getByRole("region", { name: "Does the score mean anything?" }).allTextContents();
    expect(verdict).toContain(`${Math.round(found.auc.value * 100)} % of such pairs`);
    expect(verdict).toContain(`${found.conversion.converted} of ${found.conversion.leads} leads converted`);

    for (const ladder of ["temperature", "stage"]) {
      const levels = found.levels.filter((one) => one.ladder === ladder);
      const told = (await rows(ladder)).map(([level, rate = "", leads]) => [level, rate.split("|")[0], leads]);
      expect(told).toEqual(levels.map(({ level, rate, leads }) => [level, percent(rate), count(leads)]));
    }

    expect(found.calibration.length).toBeGreaterThan(2);
    const groups = (await rows("Expected and observed")).map(([, leads, converted, rate, , expected]) => [
      leads,
      converted,
      rate,
      expected,
    ]);
    expect(groups).toEqual(
      found.calibration.map((one) => [
        count(one.leads),
        count(one.converted),
        percent(one.rate),
        percent(one.predicted),
      ]),
    );
    expect(await page.locator("g.observed circle").count()).toBe(found.calibration.length);

    const { data } = await report<{ data: { leads: number; disqualified: number }[] }>(site, "distribution");
    const bins = (await rows("Leads by score")).map(([, leads, disqualified]) => [leads, disqualified]);
    expect(bins).toEqual(data.map(({ leads, disqualified }) => [count(leads), count(disqualified)]));
    expect(data.reduce((sum, { disqualified }) => sum + disqualified, 0)).toBe(4);
    const label = (await page.getByRole("img", { name: /leads by score/ }).getAttribute("aria-label")) ?? "";
    expect(label).toContain("4 more are disqualified");
    expect(label).toContain("warm from 35, hot from 50");
  });

  test("each rule's lift, and the way to the rule", async () => {
    await signIn(of(site));
    await page.getByLabel("Reports").getByRole("link", { name: "Rules" }).click();
    await page.getByRole("heading", { name: "What each rule is worth" }).waitFor();
    const found = await report<RulesReport>(site, "rules");
    const told = await rows("Rules by lift");
    expect(told.map(([id]) => id).sort()).toEqual(["careers", "guide", "pricing", "rival"]);
    const lifts = told.map(([, , , lift = ""]) => lift.split("|")[0]);
    for (const [id, withIt, without, lift = "", points] of told) {
      const rule = found.data.find((one) => one.id === id);
      const share = (one?: Share) =>
        `${percent(one?.rate ?? null)}|${count(one?.converted ?? 0)} of ${count(one?.leads ?? 0)}`;
      expect([withIt, without]).toEqual([share(rule?.with), share(rule?.without)]);
      expect(lift.split("|")[0], id).toBe(rule?.lift?.toFixed(2) ?? "–");
      const given = rule?.points ?? null;
      expect(points).toBe(given === null ? "–" : `${given > 0 ? "+" : "−"}${Math.abs(given)}`);
    }
    expect(lifts.map(Number)).toEqual(lifts.map(Number).sort((a, b) => b - a));
    expect(await page.getByRole("region", { name: /never fired/ }).textContent()).toContain("never");
    await page.getByRole("link", { name: "careers" }).click();
    await page.locator("tr:target", { hasText: "careers" }).waitFor();
  });

  test("levels day by day, for as long as one likes; and clicks", async () => {
    await signIn(of(site, "/levels"));
    await page.getByLabel("Period").getByRole("link", { name: "7 days" }).click();
    await expect.poll(() => new URL(page.url()).searchParams.get("days")).toBe("7");
    const from = new Date(Date.now() - 6 * DAY_MS).toISOString().slice(0, 10);
    const { data } = await report<{
      data: {
        ladder: string;
        levels: string[];
        days: { day: string; leads: number; levels: Record<string, number> }[];
      }[];
    }>(site, `temperatures?from=${from}`);
    for (const { ladder, levels, days } of data) {
      const told = await rows(`Leads by ${ladder}, day by day`);
      expect(told).toHaveLength(7);
      expect(told).toEqual(
        days
          .map(({ day, leads, levels: at }) => [day, ...levels.map((level) => count(at[level] ?? 0)), count(leads)])
          .reverse(),
      );
      const picture = page.getByRole("img", { name: `Leads by ${ladder} from` });
      expect(await picture.locator("path.layer").count()).toBe(levels.length);
    }

    await page.getByRole("link", { name: "Personalisation" }).click();
    const personalisation = await report<Personalisation>(site, "personalisation");
    expect(personalisation.data.length).toBeGreaterThan(2);
    const told = (await rows("Calls to action")).map(([name, variant, at, shown, clicked = "", converted = ""]) => [
      name?.includes("held out"),
      variant,
      at,
      shown,
      clicked.split("|")[0],
      converted.split("|")[0],
    ]);
    expect(told).toEqual(
      personalisation.data.map((one) => [
        one.heldOut,
        one.variant,
        one.temperature,
        count(one.shown),
        percent(one.clicked.rate),
        percent(one.converted.rate),
      ]),
    );
    const [all] = await rows("Shares of the personalised");
    const { personalised, heldOut } = personalisation.uplift;
    expect(all?.slice(1, 4).map((cell) => cell.split("|")[0])).toEqual([
      "converted",
      percent(personalised.converted.rate),
      percent(heldOut.converted.rate),
    ]);
    expect(all?.[4], "difference and interval").toMatch(/\|[−+][\d.]+ to [−+][\d.]+$/);
    expect(await page.locator(".verdict").innerText()).toMatch(/^(Yes|No, it does harm|It may be chance)$/);
  });
});

describe("of many leads", () => {
  test("the page is there at once and the report comes by itself", async () => {
    await signIn(of(large));
    expect(await page.getByRole("heading", { name: "Where your leads stand" }).count()).toBe(1);
    await page.getByRole("heading", { name: "Conversion by level" }).waitFor();
    const found = await report<RulesReport>(large, "rules");
    expect(await page.locator(".verdict + p").textContent()).toContain(
      `${Math.round(found.auc.value * 100)} % of such pairs`,
    );
    expect(await page.getByRole("progressbar").count()).toBe(0);
  });

  test("without script there is a way to it", async () => {
    await open({ javaScriptEnabled: false });
    await signIn(of(large, "/levels"));
    await page.getByRole("link", { name: "Wait for it" }).click();
    await page.getByRole("heading", { name: "Temperature" }).waitFor();
    expect(await page.getByRole("progressbar").count()).toBe(0);
  });
});

describe("every report", () => {
  test.each([390, 1280])("fits a screen of %i px, in dark mode too, with its tables open", async (width) => {
    await open({ viewport: { width, height: 800 }, colorScheme: "dark" });
    await signIn(of(site));
    for (const path of ["", "/rules", "/levels", "/personalisation"]) {
      await page.goto(of(site, path));
      for (const summary of await page.locator(".as-table summary").all()) await summary.click();
      const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
      expect(wide, path).toBeLessThanOrEqual(screen ?? 0);
      expect(await page.locator("h1").count(), path).toBe(1);
      expect(await page.locator("table:not(:has(caption))").count(), path).toBe(0);
      expect(await page.locator("svg:not([aria-hidden], [role])").count(), path).toBe(0);
    }
  });

  test("is read by keyboard alone", async () => {
    await signIn(of(site));
    await page.locator(".as-table summary").first().focus();
    await page.keyboard.press("Enter");
    expect(await page.locator(".as-table[open]").count()).toBe(1);
    await page.keyboard.press("Tab");
    expect(await page.locator(":focus").getAttribute("aria-label")).toBe("Expected and observed conversion by score");
  });
});
