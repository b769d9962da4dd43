/** Page views and engagement in a real browser: what counts as a view, and what must not. */
import type { BrowserContext, Page } from "playwright-core";
import { expect, test } from "vitest";
import { visit } from "../support/browser";
import { type Collector, soon, useTag } from "../support/collector";

let collector: Collector;
let context: BrowserContext;
let page: Page;
useTag((fixture) => {
  ({ collector, context, page } = fixture);
});

const views = () => collector.story.filter((line) => line.startsWith("page "));
const story = (...lines: string[]) => expect.poll(() => collector.story, soon).toEqual(lines);
/** The tag has sent all it had to say before this one. */
const marker = async (on: Page = page) => {
  const before = collector.properties("Marker").length;
  await on.evaluate(() => (window as unknown as { kelvin(...list: unknown[]): void }).kelvin("track", "Marker", {}));
  await expect.poll(() => collector.properties("Marker").length, soon).toBe(before + 1);
};
const open = async (path: string) => {
  await page.goto(collector.url(path, "localhost"));
  await expect.poll(views, soon).toContain(`page ${path.split(/[?#]/)[0]}`);
};
/** Lets real time pass: engaged seconds can be had no other way. */
const read = (ms: number) => page.evaluate((time) => new Promise((resolve) => setTimeout(resolve, time)), ms);
/** The document hides as it does when another tab is brought to the front, which headless browsers do not do. */
const setHidden = (hidden: boolean) =>
  page.evaluate((state) => {
    Object.defineProperty(document, "hidden", { value: state, configurable: true });
    Object.defineProperty(document, "visibilityState", { value: state ? "hidden" : "visible", configurable: true });
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
  }, hidden);

test("single-page navigation counts when the path changes, with the page before as referrer and the new title", async () => {
  await open("/");
  await page.evaluate(() => {
    history.pushState({}, "", "/pricing");
    document.title = "Pricing";
  });
  await story("page /", "page /pricing");
  expect(collector.messages[1]?.properties).toEqual({
    path: "/pricing",
    url: collector.url("/pricing", "localhost"),
    referrer: collector.url("/", "localhost"),
    title: "Pricing",
  });
  await page.evaluate(() => history.replaceState({}, "", "/pricing/teams"));
  await story("page /", "page /pricing", "page /pricing/teams");
  await page.evaluate(() => history.back());
  await story("page /", "page /pricing", "page /pricing/teams", "page /");
  await page.evaluate(() => history.forward());
  await expect.poll(() => views().length, soon).toBe(5);
  expect(collector.requests.length).toBe(5);
});

test("the same path, a query, an anchor or a state of the page itself is no view; a redirect is one", async () => {
  await open("/list");
  await page.evaluate(() => {
    history.pushState({ modal: true }, "", "/list");
    history.replaceState({}, "", "/list?page=2");
    history.replaceState({}, "");
    location.hash = "details";
    history.back();
  });
  await marker();
  await page.evaluate(() => {
    history.pushState({}, "", "/old");
    history.replaceState({}, "", "/new");
  });
  await story("page /list", "Marker", "page /new");
  expect(collector.messages.at(-1)?.properties?.referrer).toContain("/list");
});

test("routes in the hash count", async () => {
  await open("/app");
  await page.evaluate(() => {
    location.hash = "#/users?sort=name";
  });
  await story("page /app", "page /app#/users");
  await page.evaluate(() => {
    location.hash = "#!/teams";
  });
  await story("page /app", "page /app#/users", "page /app#!/teams");
});

test("the page's own history methods still work as they did", async () => {
  await open("/");
  expect(
    await page.evaluate(() => {
      history.pushState({ n: 1 }, "", "/x");
      const own = [history.state, location.pathname];
      try {
        history.pushState({}, "", "https://elsewhere.test/");
        return "no error";
      } catch {
        return own;
      }
    }),
  ).toEqual([{ n: 1 }, "/x"]);
  // Nothing is left to arrive while the next test counts.
  await story("page /", "page /x");
});

test("return from the back/forward cache is a view, with ids of its own", async () => {
  await open("/first");
  await page.evaluate(() => {
    addEventListener("pageshow", (event) => Object.assign(window, { persisted: event.persisted }));
    // After the answer to this call, which a navigation may cut off.
    setTimeout(() => location.assign("/second"));
  });
  await expect.poll(views, soon).toEqual(["page /first", "page /second"]);
  await page.evaluate(() => void setTimeout(() => history.back()));
  await expect.poll(views, soon).toEqual(["page /first", "page /second", "page /first"]);
  if (await page.evaluate(() => Reflect.get(window, "persisted") !== true)) {
    // A browser without that cache (the headless shell) has loaded the page anew: this is what the other tells it.
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
    await expect.poll(() => views().length, soon).toBe(4);
  }
  await marker();
  expect(new Set(collector.messages.map((message) => message.messageId)).size).toBe(collector.messages.length);
  expect(views().slice(3)).toEqual(views().slice(3).fill("page /first"));
});

test("a prerendered page counts when it is activated, not before", async () => {
  const stub = "kelvin=window.kelvin||function(){(kelvin.q=kelvin.q||[]).push(arguments)}";
  const rules = JSON.stringify({ prerender: [{ urls: ["/next"], eagerness: "immediate" }] });
  let prerendered = () => {};
  const ready = new Promise<void>((resolve) => {
    prerendered = resolve;
  });
  collector.page("/", {
    // On a slow machine this page is looked at for a second before it is left, and would rightly tell of that.
    tag: 'data-auto="page"',
    head: `<script>${stub};fetch('/wait').then(()=>{kelvin('track','Ready');location.href='/next'})</script>`,
    body: `<script type="speculationrules">${rules}</script>`,
  });
  collector.page("/next", {
    head: `<script>${stub};kelvin('track','Early',{prerendering:document.prerendering});
      addEventListener('load',()=>setTimeout(fetch,300,'/prerendered'));
      document.addEventListener('prerenderingchange',()=>kelvin('track','Activated'))</script>`,
  });
  collector.onPage = (path) => {
    if (path === "/prerendered") prerendered();
    return path === "/wait" ? ready : undefined;
  };
  const end = await visit(collector.url("/", "localhost"));
  try {
    await expect.poll(() => collector.story, soon).toContain("Activated");
    const [first, second, ...rest] = collector.story;
    expect([first, second]).toEqual(["page /", "Ready"]);
    expect(rest.sort()).toEqual(["Activated", "Early", "page /next"]);
    expect(collector.properties("Early")).toEqual([{ prerendering: true }]);
  } finally {
    await end();
  }
});

test("a tab opened in the background counts when it is first seen", async () => {
  await page.addInitScript(() => {
    Object.defineProperty(document, "hidden", { value: true, configurable: true });
  });
  await page.goto(collector.url("/hidden"));
  await page.waitForFunction(() => "kelvin" in window);
  await page.evaluate(() => (window as unknown as { kelvin(...list: unknown[]): void }).kelvin("track", "Early"));
  const other = await context.newPage();
  await other.goto(collector.url("/seen"));
  await marker(other);
  expect(views()).toEqual(["page /seen"]);
  await setHidden(false);
  await expect.poll(() => collector.story, soon).toEqual(["page /seen", "Marker", "page /hidden", "Early"]);
});

test("kelvin('page') counts a view by hand, its properties merged over the page's", async () => {
  collector.page("/", { tag: 'data-auto="outbound"' });
  await page.goto(collector.url("/"));
  await page.waitForFunction(() => "kelvin" in window);
  await page.evaluate(() => {
    history.pushState({}, "", "/elsewhere");
    (window as unknown as { kelvin(...list: unknown[]): void }).kelvin("page", { title: "Mine", plan: 3 });
  });
  await story("page /elsewhere");
  expect(collector.messages[0]?.properties).toMatchObject({ path: "/elsewhere", title: "Mine", plan: 3 });
  expect(collector.messages[0]?.context.page.title).toBe("Shop");
});

test("engagement: visible seconds as differences, scroll as the most so far, told of the page that was left", async () => {
  for (const path of ["/long", "/long2"]) collector.page(path, { body: '<div style="height:4000px">long</div>' });
  await open("/long");
  await page.evaluate(() => scrollTo(0, 99_999));
  await read(1200);
  await setHidden(true);
  await expect.poll(() => collector.properties("Page Engaged"), soon).toEqual([{ seconds: 1, scroll: 100 }]);
  await read(2200);
  await setHidden(false);
  await page.evaluate(() => scrollTo(0, 0));
  await read(1100);
  await page.evaluate(() => history.pushState({}, "", "/long2"));
  await expect.poll(views, soon).toContain("page /long2");
  // The hidden seconds did not count, and nothing is told twice.
  expect(collector.properties("Page Engaged")).toEqual([
    { seconds: 1, scroll: 100 },
    { seconds: 1, scroll: 100 },
  ]);
  const told = collector.messages.filter((message) => message.event === "Page Engaged");
  expect(told.map((message) => message.context.page.path)).toEqual(["/long", "/long"]);
  // The engagement of the page left and the view of the new one share a request.
  expect(collector.requests.at(-1)?.batch.batch.at(-1)?.type).toBe("page");
  await page.goto(collector.url("/last", "localhost"));
  await expect.poll(views, soon).toContain("page /last");
  expect(collector.properties("Page Engaged")).toHaveLength(2);
});

test("a glance without scrolling is no engagement; scrolling alone is", async () => {
  collector.page("/long", { body: '<div style="height:4000px">long</div>' });
  await open("/long");
  await page.goto(collector.url("/b", "localhost"));
  await expect.poll(views, soon).toContain("page /b");
  expect(collector.properties("Page Engaged")).toEqual([]);
  await page.goto(collector.url("/long", "localhost"));
  await expect.poll(() => views().length, soon).toBe(3);
  await page.evaluate(
    () =>
      new Promise((resolve) => {
        addEventListener("scroll", resolve, { once: true });
        scrollTo(0, (document.documentElement.scrollHeight - innerHeight) / 2);
      }),
  );
  await page.goto(collector.url("/c", "localhost"));
  await expect.poll(() => collector.properties("Page Engaged"), soon).toEqual([{ seconds: 0, scroll: 50 }]);
});

test("data-auto collects only what it lists", async () => {
  collector.page("/", {
    tag: 'data-auto="page"',
    body: '<div style="height:4000px"></div><form id="f"><button>x</button></form>',
  });
  await page.goto(collector.url("/", "localhost"));
  await expect.poll(views, soon).toHaveLength(1);
  await page.evaluate(() => scrollTo(0, 500));
  await page.evaluate(() => {
    addEventListener("submit", (event) => event.preventDefault());
    document.querySelector("button")?.click();
  });
  await setHidden(true);
  await marker();
  await story("page /", "Marker");
});
