/** Clicks and forms in a real browser: what is told, and what must not be. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { type Collector, soon, useTag } from "../support/collector";

let collector: Collector;
let page: Page;
useTag((fixture) => {
  ({ collector, page } = fixture);
});

/** Links lead nowhere, so that one page can try them all; the tag must not care. */
const STAY =
  "<script>addEventListener('click',(e)=>e.composedPath().some((n)=>n.href)&&e.preventDefault());addEventListener('submit',(e)=>e.preventDefault())</script>";

/** Opens a page with that body and waits for its view. */
async function open(body: string, tag = "", head = STAY): Promise<void> {
  collector.page("/", { head, body, tag });
  await page.goto(collector.url());
  await expect.poll(() => collector.story, soon).toContain("page /");
}

/** Everything told since the page view; a last event shows that all before it has been told. */
async function told(): Promise<[string, Record<string, unknown>][]> {
  await page.evaluate(() => (window as unknown as { kelvin(...list: unknown[]): void }).kelvin("track", "End", {}));
  await expect.poll(() => collector.story, soon).toContain("End");
  return collector.messages
    .slice(1, -1)
    .map((message) => [message.event ?? message.type, message.properties ?? message.traits ?? {}]);
}

test("outbound links are told, links within the site and other schemes are not", async () => {
  await open(`<a id="out" href="https://other.test/x?y=1"><b>out</b></a><a id="in" href="/pricing">in</a>
    <a id="mail" href="mailto:a@b.test">mail</a><a id="none">none</a><a id="script" href="javascript:void 0">script</a>
    <svg width="20" height="20"><a href="https://vector.test/"><rect id="vector" width="20" height="20"/></a></svg>`);
  for (const id of ["in", "mail", "none", "script", "vector"]) await page.click(`#${id}`);
  await page.click("#out b");
  expect(await told()).toEqual([["Link Clicked", { url: "https://other.test/x?y=1" }]]);
});

test("the middle button counts on links, the right one does not; the keyboard counts as a click", async () => {
  await open(`<a id="out" href="https://other.test/">out</a><button id="cta" data-kelvin-cta="demo">demo</button>`);
  await page.click("#out", { button: "right" });
  await page.click("#cta", { button: "middle" });
  await page.click("#out", { button: "middle" });
  await page.focus("#cta");
  await page.keyboard.press("Enter");
  expect((await told()).map(([event]) => event)).toEqual(["Link Clicked", "CTA Clicked"]);
});

test("a page that stops the click from spreading hides nothing; nothing is prevented", async () => {
  collector.page("/", {
    body: `<a id="out" href="${collector.url("/there", "other.test")}" onclick="event.stopPropagation()">out</a>`,
  });
  await page.goto(collector.url());
  await expect.poll(() => collector.story, soon).toContain("page /");
  await page.click("#out");
  await page.waitForURL("**/there");
  await expect.poll(() => collector.story, soon).toContain("Link Clicked");
});

test("downloads: by extension or attribute, wherever they lie; contents in the address are not told", async () => {
  await open(`<a href="/files/Guide.PDF?v=2">pdf</a><a href="/make" download="quote.bin">made</a><a href="/raw" download>raw</a>
    <a href="https://cdn.test/deck.pptx">deck</a><a href="data:text/csv,secret" download="list.csv">data</a>
    <a href="/page.html">page</a><a href="/pdf">not one</a>`);
  for (const link of await page.locator("a").all()) await link.click();
  expect(await told()).toEqual([
    ["File Downloaded", { file: "Guide.PDF", url: collector.url("/files/Guide.PDF?v=2") }],
    ["File Downloaded", { file: "quote.bin", url: collector.url("/make") }],
    ["File Downloaded", { file: "raw", url: collector.url("/raw") }],
    ["File Downloaded", { file: "deck.pptx", url: "https://cdn.test/deck.pptx" }],
    ["File Downloaded", { file: "list.csv", url: "data:" }],
  ]);
});

test("calls to action: name, variant and the temperature present", async () => {
  collector.answer = () => ({ body: { temperature: "warm", score: 40 } });
  await open(`<div data-kelvin-show="warm hot"><button data-kelvin-cta="demo"><i>book a demo</i></button></div>
    <a data-kelvin-cta="trial" data-kelvin-variant="b" href="https://trial.test/">try</a><button data-kelvin-cta="plain">plain</button>`);
  await page.waitForSelector("html[data-kelvin=warm]");
  await page.click("i");
  await page.click("text=try");
  await page.click("text=plain");
  expect(await told()).toEqual([
    ["CTA Clicked", { cta: "demo", variant: "warm hot", temperature: "warm" }],
    ["CTA Clicked", { cta: "trial", variant: "b", temperature: "warm" }],
    ["Link Clicked", { url: "https://trial.test/" }],
    ["CTA Clicked", { cta: "plain", temperature: "warm" }],
  ]);
  // What one click said shares a request.
  const events = collector.requests.map((request) => request.batch.batch.map((message) => message.event));
  expect(events).toContainEqual(["CTA Clicked", "Link Clicked"]);
});

test("inside a shadow root clicks are seen too", async () => {
  await open(`<div id="host"></div><script>
    document.getElementById("host").attachShadow({ mode: "open" }).innerHTML =
      '<a id="deep" href="https://deep.test/"><span>deep</span></a>'</script>`);
  await page.click("#deep span");
  expect(await told()).toEqual([["Link Clicked", { url: "https://deep.test/" }]]);
});

test("forms: id or name, never what was typed", async () => {
  await open(`<form id="contact" name="second"><input name="id" value="x"><input name="name" value="Ada"><input type="email" value="ada@b.test">
    <input type="password" value="secret"><button>send</button></form><form name="search"><input name="q"><button>go</button></form>
    <form><button>bare</button></form>`);
  for (const button of ["send", "go", "bare"]) await page.click(`text=${button}`);
  expect(await told()).toEqual([
    ["Form Submitted", { form: "contact" }],
    ["Form Submitted", { form: "search" }],
    ["Form Submitted", { form: null }],
  ]);
  const sent = collector.requests.map((request) => request.body).join();
  for (const typed of ["Ada", "ada@b.test", "secret"]) expect(sent).not.toContain(typed);
});

test("a form that asks for it tells its e-mail, and only that", async () => {
  await open(`<form id="demo" data-kelvin-identify><input name="company" value="Acme"><input type="email" name="work" value="ada@acme.test">
    <input type="email" value="other@b.test"><button>one</button></form>
    <form id="text" data-kelvin-identify><input name="email" value="by@name.test"><button>two</button></form>
    <form id="empty" data-kelvin-identify><input type="email"><button>three</button></form>`);
  for (const button of ["one", "two", "three"]) await page.click(`text=${button}`);
  expect(await told()).toEqual([
    ["identify", { email: "ada@acme.test" }],
    ["Form Submitted", { form: "demo" }],
    ["identify", { email: "by@name.test" }],
    ["Form Submitted", { form: "text" }],
    ["Form Submitted", { form: "empty" }],
  ]);
  expect(collector.requests.map((request) => request.body).join()).not.toContain("Acme");
});

test("a form that is not valid is not submitted, unless it wants no validation", async () => {
  await open(`<form id="strict"><input required><button>strict</button></form>
    <form id="loose" novalidate><input required><button>loose</button></form>
    <form id="skip"><input required oninvalid="document.title='invalid'"><button formnovalidate>skip</button></form>`);
  for (const button of ["strict", "loose", "skip"]) await page.click(`text=${button}`);
  expect(await told()).toEqual([["Form Submitted", { form: "loose" }]]);
  // Looking did not fire the page's own validation events.
  expect(await page.title()).toBe("Shop");
});

test("a submit that leaves the page is not lost", async () => {
  await open(`<form id="go" action="/thanks"><button>go</button></form>`, "", "");
  await page.click("text=go");
  await expect.poll(() => collector.story, soon).toEqual(expect.arrayContaining(["Form Submitted", "page /thanks"]));
});

test("data-auto leaves out what it does not list", async () => {
  await open(
    `<a id="file" href="https://cdn.test/a.pdf">file</a><button data-kelvin-cta="x">x</button><form id="f"><button id="s">s</button></form>`,
    'data-auto="page,outbound"',
  );
  for (const id of ["#file", "[data-kelvin-cta]", "#s"]) await page.click(id);
  // A download elsewhere is still a link elsewhere.
  expect(await told()).toEqual([["Link Clicked", { url: "https://cdn.test/a.pdf" }]]);
});
