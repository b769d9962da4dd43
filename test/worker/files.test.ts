/** The files beside the Worker: what pages load, and the lists, without which no rules are gone by. */
import { expect, test } from "vitest";
import { type Problem, page } from "../support/api";
import { ASSETS, startIsolate } from "./app";

/** Files that cannot be had for the time being. */
const away = { fetch: async () => new Response(null, { status: 500 }) } as unknown as Fetcher;

test("while the lists cannot be read, beacons are to be sent again; then they are read once", async () => {
  const refused = await startIsolate({ env: { ASSETS: away } }).api.json<Problem>("/v1/batch", {
    body: { writeKey: "any", batch: [page("v")] },
  });
  expect(refused).toMatchObject({ status: 503, body: { type: expect.stringContaining("#busy") } });
  let reads = 0;
  const counted = {
    fetch: (...args: Parameters<Fetcher["fetch"]>) => {
      reads++;
      return ASSETS.fetch(...args);
    },
  } as unknown as Fetcher;
  // Two lists, once; and the presets for each new site.
  for (let n = 0; n < 2; n++) {
    const site = await startIsolate({ env: { ASSETS: counted } }).api.createSite();
    expect(await site.post([page("v")])).toMatchObject({ status: 200 });
  }
  expect(reads).toBe(2 + 2);
});

test.each([
  ["/dashboard/sign-in", "style", "text/css; charset=utf-8"],
  ["/dashboard/sign-in", "script", "text/javascript; charset=utf-8"],
  ["/docs", "reference", "text/css; charset=utf-8"],
])("%s loads a %s that may be kept for ever", async (path, name, type) => {
  const { api } = startIsolate();
  const html = await (await api.call(path)).text();
  const [, address = ""] = new RegExp(`"([^"]*/${name}-[0-9a-f]{12}\\.(?:css|js))"`).exec(html) ?? [];
  const file = await api.call(address);
  expect(file.status).toBe(200);
  expect(file.headers.get("Content-Type")).toBe(type);
  expect(file.headers.get("Cache-Control")).toBe("public, max-age=31536000, immutable");
  expect((await file.text()).length).toBeGreaterThan(1_000);
});
