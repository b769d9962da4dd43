/** Erasure under `npm start`, where the database is a folder of files: all of them searched, byte by byte. */
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Api, type Lead, type Message, PLAIN_RULES, page, Site, type SiteInfo, track, unique } from "../support/api.ts";
import { type Server, startServer } from "../support/server.ts";

let state: string;
let server: Server;
let api: Api;
beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "kelvin-erasure-"));
  server = await startServer({ state });
  api = new Api((path, init) => fetch(server.url + path, init), server.key);
});
afterAll(async () => {
  await server?.stop();
  await rm(state, { recursive: true, force: true });
});

/** The files of the state folder that hold a text, as it is or in capitals. */
function filesWith(text: string): string[] {
  const files = readdirSync(state, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  expect(files.length).toBeGreaterThan(3);
  return files
    .map(({ name, parentPath }) => join(parentPath, name))
    .filter((file) => {
      const bytes = readFileSync(file);
      return bytes.includes(text) || bytes.includes(text.toUpperCase());
    });
}

const MARKS = ["mail", "user", "visitor", "message", "trait", "title", "note"] as const;
type Marks = Record<(typeof MARKS)[number], string>;

/** Somebody on two devices, joined by their address and by a server, in several beacons and with a full log. */
async function visit(site: Site, marks: Marks): Promise<void> {
  let sent = 0;
  const more = () => ({ messageId: `${marks.message}-${sent++}`, context: { page: { title: marks.title } } });
  const [one, other] = [`${marks.visitor}-1`, `${marks.visitor}-2`];
  const who = (anonymousId: string): Message => ({
    type: "identify",
    anonymousId,
    traits: { email: `${marks.mail}@mail.example`, company: marks.trait },
    ...more(),
  });
  for (const visitor of [one, other]) {
    await site.post(Array.from({ length: 40 }, () => page(visitor, `/${marks.title}`, more())));
    for (let i = 0; i < 5; i++) await site.post([track(visitor, "Form Submitted", { form: "demo" }, more())]);
    await site.post([who(visitor)]);
  }
  await site.import([{ ...who(one), ...more(), userId: marks.user }]);
  const body = { traits: { note: marks.note } };
  expect((await site.rest(`/v1/leads/user:${marks.user}`, { method: "PATCH", body })).status).toBe(200);
}

function newMarks(): Marks {
  return Object.fromEntries(MARKS.map((name) => [name, unique(`quagga${name}`)])) as Marks;
}

test("a person who was erased is in no file, and everybody else is as they were", async () => {
  const site = await api.createSite(PLAIN_RULES);
  const [gone, stays] = [newMarks(), newMarks()];
  await visit(site, stays);
  await visit(site, gone);
  const before = await site.lead(`user:${stays.user}`);
  for (const mark of Object.values(gone)) expect(filesWith(mark), mark).not.toEqual([]);

  // Others go on meanwhile: the files are rewritten under their hands.
  let busy = true;
  const statuses: number[] = [];
  const others = ["busy-1", "busy-2"].map(async (visitor) => {
    let pages = 0;
    for (; busy || pages < 5; pages++) statuses.push((await site.post([page(visitor)])).status);
    return { visitor, pages };
  });
  const erased = await site.rest(`/v1/leads/email:${gone.mail}@mail.example?suppress=true`, { method: "DELETE" });
  busy = false;
  const done = await Promise.all(others);
  expect(erased.status).toBe(204);
  for (const mark of Object.values(gone)) expect(filesWith(mark), mark).toEqual([]);

  expect(new Set(statuses)).toEqual(new Set([200]));
  for (const { visitor, pages } of done)
    expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ pageviews: pages });
  expect(await site.lead(`user:${stays.user}`)).toEqual(before);
  expect(await site.events(before.id)).toHaveLength(before.pageviews + 14);
  await site.post([{ type: "identify", anonymousId: "new", traits: { email: `${gone.mail}@mail.example` } }]);
  expect(filesWith(gone.mail)).toEqual([]);

  await server.stop();
  for (const mark of Object.values(gone)) expect(filesWith(mark), mark).toEqual([]);
  server = await startServer({ state });
  const again = await new Site(api, site.info as SiteInfo).rest<Lead>(`/v1/leads/${before.id}`);
  expect(again.body).toEqual(before);
});
