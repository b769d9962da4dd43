/** Webhooks and the list's CSV in the dashboard, by a browser and a receiver of one's own. */
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Browser, Page } from "playwright-core";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { Api, type List, PLAIN_RULES, page as pageView, type Site, track, unique } from "../support/api.ts";
import { launch } from "../support/browser.ts";
import { type Server, startServer } from "../support/server.ts";

/** What the receiver was called with, and what it answers. */
const calls: { headers: IncomingMessage["headers"]; body: string }[] = [];
let answer = { status: 204, body: "" };
const receiver = createServer(async (request, response) => {
  calls.push({ headers: request.headers, body: await text(request) });
  response.writeHead(answer.status).end(answer.body);
});
let server: Server;
let browser: Browser;
let api: Api;
let site: Site;
let url: string;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
  await new Promise<void>((resolve) => void receiver.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/kelvin`;
  api = new Api((path, init) => fetch(server.url + path, init), server.key);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  receiver.closeAllConnections();
  receiver.close();
});
beforeEach(async () => {
  calls.length = 0;
  answer = { status: 204, body: "" };
  site = await api.createSite(PLAIN_RULES);
  page = await browser.newPage({ baseURL: server.url });
  complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("dialog", (dialog) => {
    complaints.push(dialog.message());
    void dialog.dismiss();
  });
});
afterEach(async () => {
  expect(complaints).toEqual([]);
  await page.close();
});

const at = (path: string) => `/dashboard${path}${path.includes("?") ? "&" : "?"}site=${site.id}`;
const press = async (name: string | RegExp) => await page.getByRole("button", { name, exact: true }).click();
const rows = () => page.locator("table.deliveries tbody tr");

async function signIn(path: string, key = server.key): Promise<void> {
  await page.goto(at(path));
  await page.getByLabel("Secret key").fill(key);
  await press("Sign in");
  await page.locator("header.top").waitFor();
}

/** Somebody gets hot. */
const heat = () => site.post([track(unique("v"), "Form Submitted", { form: "demo" })]);

async function makeWebhook(): Promise<{ id: string; secret: string }> {
  const body = { url, events: ["lead.level.changed"] };
  return (await site.rest<{ id: string; secret: string }>("/v1/webhooks", { body })).body;
}

/** Waits until an attempt of the site's webhook is noted, which is a moment after the receiver has answered. */
async function attempted(): Promise<void> {
  await expect
    .poll(async () => {
      const [made] = (await site.rest<List<{ id: string }>>("/v1/webhooks")).body.data;
      const path = `/v1/webhooks/${made?.id}/deliveries`;
      return (await site.rest<List<{ attempts: number }>>(path)).body.data[0]?.attempts;
    })
    .toBeGreaterThan(0);
}

test("a webhook is made, its secret shown once; a wrong address is told with its field; and it goes again", async () => {
  await signIn("/setup");
  await page.getByRole("link", { name: "Webhooks" }).click();
  await page.getByText("No webhooks yet").waitFor();
  await page.getByLabel("Address").fill("ftp://crm.example/");
  await press("Make it");
  expect(await page.getByRole("alert").textContent()).toContain("Address must be an http or https address");
  expect(await page.getByLabel("Address").inputValue()).toBe("ftp://crm.example/");
  expect(await page.locator("[aria-invalid=true]").getAttribute("id")).toBe("url");
  await page.getByLabel("Address").fill(url);
  await page.getByLabel(/lead.level.changed/).uncheck();
  await press("Make it");
  expect(await page.getByRole("alert").textContent()).toContain("Call it when: choose at least one");
  await page.getByLabel(/lead.level.changed/).check();
  await page.getByLabel(/lead.disqualified/).check();
  await press("Make it");
  const secret = (await page.locator("#secret").textContent())?.trim() ?? "";
  await page.getByRole("link", { name: "I have it" }).click();
  await page.getByText("None yet.").waitFor();
  expect(await page.content()).not.toContain(secret);

  await heat();
  await attempted();
  expect(calls).toHaveLength(1);
  const [call] = calls;
  expect(new Webhook(secret).verify(call?.body ?? "", call?.headers as Record<string, string>)).toMatchObject({
    data: { to: "hot" },
  });
  await page.reload();
  expect(await rows().first().textContent()).toMatch(
    /temperature: cold → hot.*delivered1 attempt.*204, without a text/,
  );

  await page.getByRole("link", { name: "All webhooks" }).click();
  expect(await page.locator("table.webhooks").textContent()).toContain("in use");
  await page.getByRole("link", { name: url }).click();
  await page.getByText("Delete this webhook").click();
  await press("Delete");
  await page.getByText("The webhook is gone").waitFor();
  expect((await site.rest<List<unknown>>("/v1/webhooks")).body.data).toEqual([]);
});

test("a test is sent, and its answer shown; one that fails says why", async () => {
  const { id, secret } = await makeWebhook();
  await signIn(`/setup/webhooks/${id}`);
  await press("Send a test");
  await page.getByText("The test was taken").waitFor();
  expect(await page.locator(".notice").textContent()).toContain("The receiver answered 204, without a text.");
  const [call] = calls;
  expect(new Webhook(secret).verify(call?.body ?? "", call?.headers as Record<string, string>)).toMatchObject({
    type: "webhook.test",
    data: { webhookId: id },
  });
  await page.getByText("None yet.").waitFor();
  const sent = calls.length;
  await page.goto(page.url());
  await page.getByText("None yet.").waitFor();
  expect(page.url()).toBe(server.url + at(`/setup/webhooks/${id}`));
  expect(calls, "looking again sends none").toHaveLength(sent);

  answer = { status: 500, body: "<img src=x onerror=alert(1)>" };
  await press("Send a test");
  const alert = page.getByRole("alert");
  expect(await alert.textContent()).toMatch(/not taken.*answered 500:/);
  expect(await alert.locator("pre").first().textContent()).toBe(answer.body);
  expect(await page.locator("main img").count()).toBe(0);
  await alert.getByText("What was sent").click();
  expect(await alert.locator("pre").last().textContent()).toContain('"type": "webhook.test"');
  // It is no failure of the webhook.
  await page.getByRole("link", { name: "All webhooks" }).click();
  expect(await page.locator("table.webhooks").textContent()).toContain("in use");
});

test("what failed tells why and when it is tried again; an answer is text; sending again shows what comes of it", async () => {
  const { id } = await makeWebhook();
  answer = { status: 503, body: "<script>alert(1)</script><img src=x onerror=alert(2)>" };
  await heat();
  await attempted();
  await signIn(`/setup/webhooks/${id}`);
  await page.getByText("Its calls fail").waitFor();
  const row = rows().first();
  expect(await row.textContent()).toMatch(/waiting.*attempt.*next/);
  await row.locator("summary").click();
  expect(await row.locator("pre").textContent()).toBe(answer.body);
  expect(await page.locator("main script, main img").count()).toBe(0);

  answer = { status: 200, body: "got it" };
  await press(/Send again/);
  await page.getByText("It is sent again").waitFor();
  // The page looks again by itself.
  await page.getByText("delivered", { exact: true }).waitFor({ timeout: 20_000 });
  expect(await rows().first().textContent()).toContain("200, with a text");
});

test("a disabled one says why, and is used again: what was given up arrives", async () => {
  const { id } = await makeWebhook();
  answer = { status: 410, body: "" };
  await heat();
  await signIn("/setup/webhooks");
  await expect
    .poll(async () => {
      await page.reload();
      return await page.locator("table.webhooks").textContent();
    })
    .toContain("disabled");
  await page.goto(at(`/setup/webhooks/${id}`));
  expect(await page.getByRole("alert").textContent()).toContain("Its receiver answered 410 Gone.");
  expect(await rows().first().textContent()).toContain("given up");
  answer = { status: 204, body: "" };
  await press("Use it again");
  await page.getByText("The webhook is in use").waitFor();
  expect(await page.getByRole("alert").count()).toBe(0);
  await page.getByText("delivered", { exact: true }).waitFor({ timeout: 20_000 });
  expect(calls.map(({ headers }) => headers["webhook-id"])).toEqual(Array(2).fill(calls[0]?.headers["webhook-id"]));
});

test("whoever may only read sees webhooks and no forms, and is refused without them; another site's are not there", async () => {
  const { id } = await makeWebhook();
  const { body } = await api.rest<{ key: string }>("/v1/keys", { body: { name: "Reader", scopes: ["read"] } });
  await signIn("/setup/webhooks", body.key);
  expect(await page.locator("table.webhooks tbody tr").count()).toBe(1);
  expect(await page.getByRole("button", { name: "Make it" }).count()).toBe(0);
  const token = await page.locator("[name=formToken]").first().inputValue();
  const post = async (path: string, fields: Record<string, string>) =>
    await page.evaluate(
      async ([to, form]) => (await fetch(to, { method: "POST", body: new URLSearchParams(form) })).status,
      [at(path), fields] as const,
    );
  for (const path of ["", `/${id}/test`, `/${id}/redeliver`, `/${id}/delete`]) {
    expect(await post(`/setup/webhooks${path}`, { formToken: token, url, "lead.merged": "true" }), path).toBe(403);
  }
  expect((await site.rest<List<unknown>>("/v1/webhooks")).body.data).toHaveLength(1);
  const answered = await page.goto(`/dashboard/setup/webhooks/${id}?site=demo`);
  expect(answered?.status()).toBe(404);
});

test("the list is to be had as CSV: what the filters show, all pages of it, and without a session nothing", async () => {
  const plain = Array.from({ length: 55 }, (_, i) => pageView(`v${i}`, "/"));
  await site.import([...plain, pageView("below", "/careers"), track("hot", "Form Submitted", { form: "demo" })]);
  // What the API does not know is left out of the link.
  await signIn("?temperature=cold&minScore=1&sort=score&utm_source=mail");
  const link = page.getByRole("link", { name: "Download as CSV" });
  const download = page.waitForEvent("download");
  await link.click();
  const saved = await download;
  expect(saved.suggestedFilename()).toBe("leads.csv");
  const [head = "", ...lines] = (await readFile(await saved.path(), "utf8")).trimEnd().split("\r\n");
  expect(head).toMatch(/^id,email,score,temperature,/);
  expect(lines).toHaveLength(plain.length);
  for (const line of lines) expect(line.split(",").slice(2, 4)).toEqual(["1", "cold"]);
  const path = (await link.getAttribute("href")) ?? "";
  expect((await fetch(server.url + path)).status).toBe(401);
});
