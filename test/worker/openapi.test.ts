/** `GET /openapi.json` and the routes there are: neither has a call that the other lacks. */
import { expect, test } from "vitest";
import { createApp } from "../../worker/app";
import { TOLD } from "../../worker/http/reference/calls";
import { ADMIN_KEY, startApi, startIsolate } from "./app";

const RULES_SCHEMA = "/rules.schema.json";

interface Description {
  servers: { url: string }[];
  paths: Record<string, Record<string, unknown>>;
  components: { schemas: Record<string, { properties?: object }> };
}

const described = async () => (await startApi().json<Description>("/openapi.json")).body;

test("every route under /v1 is told of, and nothing else", async () => {
  const { routes } = createApp(startIsolate().deps, { KELVIN_ADMIN_KEY: ADMIN_KEY });
  const there = routes
    .filter(({ method, path }) => method !== "ALL" && path.startsWith("/v1/"))
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`);
  const told = Object.entries((await described()).paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(there.length).toBeGreaterThan(30);
  expect(told.toSorted()).toEqual([...new Set(there)].toSorted());
  expect(Object.keys(TOLD)).toHaveLength(told.length);
});

test("it is for everybody, and names the host that it was asked of", async () => {
  const answer = await startApi().json<Description>("/openapi.json");
  expect(answer.status).toBe(200);
  expect(answer.headers.get("Content-Type")).toMatch(/^application\/json/);
  expect(answer.headers.get("Access-Control-Allow-Origin")).toBe("*");
  expect(answer.body.servers).toEqual([{ url: "https://kelvin.test" }]);
});

test("rule documents are described as /rules.schema.json does", async () => {
  const { body } = await startApi().json<{ properties: object }>(RULES_SCHEMA);
  const { schemas } = (await described()).components;
  expect(Object.keys(schemas.Rules?.properties ?? {})).toEqual(Object.keys(body.properties));
  expect(schemas).toHaveProperty("EventCondition");
});

test.each([
  ["POST", "/v1/rules/check?colour=red", {}],
  ["POST", "/v1/rules/preview?colour=red", {}],
  ["PATCH", "/v1/leads/visitor:nobody?colour=red", { status: "open" }],
  ["PATCH", "/v1/sites?colour=red", {}],
  ["GET", "/v1/rules/presets?colour=red", undefined],
])("%s %s: 400, for what is not told of is refused", async (method, path, body) => {
  const site = await startApi().createSite();
  expect(await site.rest(path, { method, body })).toMatchObject({
    status: 400,
    body: { errors: [{ pointer: "#/colour" }] },
  });
});
