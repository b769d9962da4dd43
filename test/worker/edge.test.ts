/** The edge example (demo/edge.ts): the page carries the temperature, and never depends on Kelvin. */
import { describe, expect, test } from "vitest";
import edge, { type EdgeEnv } from "../../demo/edge";

const PAGE = '<!doctype html><html lang="en"><head></head><body><p data-kelvin-show="hot">H</p></body></html>';
const CACHED = { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "public, max-age=600", ETag: '"1"' };
const WARM = { success: true, visitor: "x", temperature: "warm" };

interface Asked {
  url: URL;
  headers: Headers;
}

/** Sends one request through; `answer` is Kelvin's. */
async function visit(answer: () => Promise<Response> | Response, headers: Record<string, string> = {}, more = {}) {
  const asked: Asked[] = [];
  const served: Request[] = [];
  const env: EdgeEnv = {
    WRITE_KEY: "demo",
    KELVIN: {
      fetch: async (input: RequestInfo | URL, init?: RequestInit) => {
        asked.push({ url: new URL(String(input)), headers: new Headers(init?.headers) });
        const late = new Promise<never>((_, reject) => {
          init?.signal?.addEventListener("abort", () => reject(new Error("timed out")));
        });
        return await Promise.race([answer(), late]);
      },
    },
    SITE: {
      fetch: async (input: RequestInfo | URL) => {
        served.push(input as Request);
        return new Response(PAGE, { headers: CACHED });
      },
    },
    ...more,
  };
  const request = new Request("https://shop.test/pricing", {
    headers: { Accept: "text/html,*/*", Cookie: "a=b; kelvin=123-4", ...headers },
  });
  const response = await edge.fetch(request, env);
  return { text: await response.text(), headers: response.headers, asked, served };
}
const warm = () => Response.json(WARM);

function expectUnchanged({ text, headers }: { text: string; headers: Headers }): void {
  expect(text).toBe(PAGE);
  expect(Object.fromEntries(headers)).toEqual({
    "content-type": "text/html; charset=utf-8",
    "cache-control": "public, max-age=600",
    etag: '"1"',
  });
}

test("the page carries the visitor's temperature, and nobody may keep it for others", async () => {
  const { text, headers, asked, served } = await visit(warm, { "If-None-Match": '"1"' });
  expect(text).toBe(PAGE.replace('lang="en"', 'lang="en" data-kelvin="warm"'));
  expect(asked.map(({ url }) => url.pathname + url.search)).toEqual(["/v1/me?writeKey=demo&anonymousId=123-4"]);
  expect(headers.get("Cache-Control")).toBe("private, no-cache");
  expect(headers.get("Vary")).toBe("Cookie");
  expect(headers.get("ETag")).toBeNull();
  // What the browser has may be of another temperature.
  expect(served[0]?.headers.get("If-None-Match")).toBeNull();
});

describe("the page goes out as it came", () => {
  test.each<[string, () => Promise<Response> | Response]>([
    ["Kelvin fails", () => new Response("oh", { status: 503 })],
    ["Kelvin is not there", () => Promise.reject(new Error("connection refused"))],
    ["Kelvin does not answer in time", () => new Promise(() => {})],
    ["Kelvin's body does not come in time", () => Promise.resolve(new Response("{"))],
    ["the answer is no JSON", () => new Response("<html>")],
    ["the answer has no temperature", () => Response.json({ success: true })],
    ["the answer is null", () => Response.json(null)],
    ["the temperature is no name", () => Response.json({ ...WARM, temperature: '"><script>alert(1)</script>' })],
  ])("where %s", async (_, answer) => {
    const found = await visit(answer);
    expect(found.asked).toHaveLength(1);
    expectUnchanged(found);
  });

  test.each<[string, Record<string, string>]>([
    ["there is no cookie", { Cookie: "a=b; notkelvin=1" }],
    ["the cookie cannot be read", { Cookie: "kelvin=%E0%A4%A" }],
    ["the browser objects", { "Sec-GPC": "1" }],
    ["it is no page that is asked for", { Accept: "image/avif,*/*" }],
  ])("and Kelvin is not asked, where %s", async (_, headers) => {
    const found = await visit(warm, headers);
    expect(found.asked).toEqual([]);
    expectUnchanged(found);
  });

  test("and Kelvin is not asked, where the visitor is held out", async () => {
    // 123 to the base 33 is 1·33² + 2·33 + 3 = 1158.
    const held = await visit(warm, {}, { HOLDOUT: "59" });
    expect(held.asked).toEqual([]);
    expectUnchanged(held);
    expect((await visit(warm, {}, { HOLDOUT: "58" })).text).toContain('data-kelvin="warm"');
  });

  test("where it is no HTML", async () => {
    const SITE = { fetch: async () => new Response("<html>", { headers: { "Content-Type": "text/plain" } }) };
    expect((await visit(warm, {}, { SITE })).text).toBe("<html>");
  });
});
