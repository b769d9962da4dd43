/**
 * `GET /openapi.json` against the server of `npm start`: the document is valid, and every operation in it does what it
 * says. In Node, for the validators make code of schemas, which the Worker's runtime does not let them.
 */
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Server, startServer } from "../support/server.ts";

interface Body {
  content: Record<string, { schema: object; example?: unknown }>;
}
interface Operation {
  operationId: string;
  security: Record<string, string[]>[];
  parameters: { name: string; in: string; required: boolean; schema: object }[];
  requestBody?: Body & { required: boolean };
  responses: Record<string, Partial<Body>>;
}
interface Description {
  openapi: string;
  servers: { url: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
}

let server: Server;
let description: Description;
let operations: (Operation & { method: string; path: string })[];
const ajv = new Ajv2020({ strict: false, allErrors: true });
ajv.addFormat("date-time", (text: string) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text));
ajv.addFormat("date", /^\d{4}-\d\d-\d\d$/);
ajv.addFormat("uri", (text: string) => URL.canParse(text));

beforeAll(async () => {
  server = await startServer({ databases: 2 });
  description = (await (await fetch(`${server.url}/openapi.json`)).json()) as Description;
  ajv.addSchema({ $id: "kelvin", ...description });
  operations = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, method, path })),
  );
});
afterAll(() => server?.stop());

/** A value against a schema that stands somewhere in the document. */
function expectTold(pointer: (string | number)[], value: unknown): void {
  const step = (one: string | number) => encodeURIComponent(String(one).replaceAll("~", "~0").replaceAll("/", "~1"));
  const validate = ajv.getSchema(`kelvin#/${pointer.map(step).join("/")}`);
  expect(validate, pointer.join(" ")).toBeDefined();
  expect(validate?.(value), `${JSON.stringify(validate?.errors)}\n${JSON.stringify(value)}`).toBe(true);
}

test("the document is valid OpenAPI 3.1, and every reference in it leads somewhere", async () => {
  const result = await new Validator().validate({ ...structuredClone(description) });
  expect(result.errors ?? []).toEqual([]);
  expect(result.valid).toBe(true);
  expect(description.openapi).toMatch(/^3\.1\./);
  expect(description.servers).toEqual([{ url: server.url }]);
  const references = [...JSON.stringify(description).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
  expect(references.length).toBeGreaterThan(20);
  for (const [, name = ""] of references) expect(description.components.schemas).toHaveProperty(name);
  expect(JSON.stringify(description)).not.toMatch(/\$defs|__schema|x-as/);
  // Of an object of which nothing is said, generators make one that has no fields.
  expect(closed(description)).toEqual([]);
  const ids = operations.map(({ operationId }) => operationId);
  expect(new Set(ids).size).toBe(ids.length);
});

/** Objects that neither have fields nor say that any will do. */
function closed(node: unknown, at = ""): string[] {
  if (node === null || typeof node !== "object") return [];
  const { type, properties, additionalProperties, patternProperties } = node as Record<string, unknown>;
  const isObject = type === "object" || (Array.isArray(type) && type.includes("object"));
  const says = [properties, additionalProperties, patternProperties].some((one) => one !== undefined);
  const inner = Object.entries(node).flatMap(([key, value]) => closed(value, `${at}/${key}`));
  return isObject && !says ? [at, ...inner] : inner;
}

interface Call {
  params?: Record<string, string>;
  body?: unknown;
  /** Where there is nothing to do it to. */
  status?: "404";
  keep?: (answer: never) => object;
}

/** How each operation is called, in this order; `{…}` are values that earlier answers had. Bodies else as in `example`. */
const CALLS: Record<string, Call> = {
  createSite: { keep: ({ id, writeKey }: { id: string; writeKey: string }) => ({ site: id, writeKey }) },
  listSites: {},
  changeSite: {},
  changeSiteById: { params: { id: "{site}" } },
  rotateIdentitySecret: { params: { id: "{site}" } },
  moveSite: { params: { id: "{site}" } },
  getMove: { params: { id: "{site}" } },
  sendBatch: {},
  sendPage: {},
  sendPageShort: {},
  sendTrack: {},
  sendTrackShort: {},
  sendScreen: {},
  sendScreenShort: {},
  sendIdentify: {},
  sendIdentifyShort: {},
  sendGroup: {},
  sendGroupShort: {},
  sendAlias: {},
  sendAliasShort: {},
  pixel: { params: { event: "page", anonymousId: "bob", path: "/" } },
  getMe: { params: { anonymousId: "ann" } },
  listLeads: { params: { limit: "1" }, keep: ({ data: [lead] }: { data: { id: string }[] }) => ({ lead: lead?.id }) },
  exportLeads: { params: { sort: "-lastSeen" } },
  getLead: { params: { id: "{lead}", at: "2100-01-01T00:00:00Z" } },
  explainLead: { params: { id: "{lead}" } },
  listLeadEvents: { params: { id: "{lead}" } },
  getLeadHistory: { params: { id: "{lead}" } },
  exportLead: { params: { id: "{lead}" } },
  changeLead: { params: { id: "{lead}" } },
  splitLead: { params: { id: "email:ann@acme.example" }, body: { visitor: "ann" } },
  eraseLead: { params: { id: "visitor:bob", suppress: "true" } },
  getRules: {},
  publishRules: { params: { "If-Match": '"1"' } },
  rollBackRules: {},
  listRulesVersions: {},
  getRulesVersion: { params: { version: "1" } },
  checkRules: {},
  previewRules: {},
  listPresets: {},
  makeLinks: {},
  createKey: { keep: ({ id }: { id: string }) => ({ key: id }) },
  listKeys: {},
  recordOutcome: { body: { lead: "visitor:ann", outcome: "won", value: 5 } },
  reportDistribution: {},
  reportTemperatures: { params: { ladder: "temperature" } },
  reportRules: {},
  reportPersonalisation: {},
  // A port where nobody answers.
  createWebhook: {
    body: { url: "http://127.0.0.1:9/hook", events: ["lead.merged"] },
    keep: ({ id }: { id: string }) => ({ webhook: id }),
  },
  listWebhooks: {},
  listDeliveries: { params: { id: "{webhook}" } },
  testWebhook: { params: { id: "{webhook}" }, body: {} },
  redeliver: { params: { id: "{webhook}" }, body: {} },
  deleteWebhook: { params: { id: "{webhook}" } },
  getStatus: {},
  // A healthy database leaves none.
  listDeadLetters: {},
  replayDeadLetters: {},
  deleteDeadLetter: { status: "404" },
  deleteKey: { params: { id: "{key}" } },
};

describe("every operation", () => {
  test("is called here", () => {
    expect(Object.keys(CALLS).toSorted()).toEqual(operations.map(({ operationId }) => operationId).toSorted());
  });

  test("answers valid input as it says", async () => {
    let kept: Record<string, string> = {};
    for (const [id, { params = {}, body, status: expected, keep }] of Object.entries(CALLS)) {
      const operation = operations.find(({ operationId }) => operationId === id);
      if (!operation) throw new Error(`no operation ${id}`);
      const call = requestOf(operation, { ...params }, body, kept);
      if (id === "splitLead") await claimAsAnn(kept);
      const response = await fetch(server.url + call.path, call.init);
      const text = await response.text();
      const [good] = Object.keys(operation.responses).filter((code) => code.startsWith("2"));
      expect(String(response.status), `${id}: ${text}`).toBe(expected ?? good);
      const answer = expectAnswer(operation, response, text);
      if (keep) kept = { ...kept, ...keep(answer as never) };
    }
  });

  test("refuses who has no key, and what it does not know, with a problem that it tells of", async () => {
    for (const operation of operations) {
      if (operation.operationId === "pixel") continue;
      const isOfMarketers = !operation.security.some((one) => "writeKey" in one);
      for (const isSigned of isOfMarketers ? [false, true] : [false]) {
        const { path, init } = requestOf(operation, { colour: "red", site: "demo" }, undefined, {}, isSigned);
        const response = await fetch(server.url + path, init);
        const text = await response.text();
        const right = isSigned ? [400, 404] : [401];
        expect(right, `${operation.operationId}: ${text}`).toContain(response.status);
        expectAnswer(operation, response, text);
      }
    }
  });
});

/** Holds an answer against what the operation says of it. */
function expectAnswer(operation: (typeof operations)[number], response: Response, text: string): unknown {
  const status = String(response.status);
  const told = operation.responses[status];
  expect(told, `${operation.operationId} tells of ${status}`).toBeDefined();
  const type = response.headers.get("Content-Type")?.split(";")[0];
  if (!told?.content) return expect(text).toBe("");
  expect(Object.keys(told.content)).toEqual([type]);
  const answer: unknown = type?.includes("json") ? JSON.parse(text) : text;
  expectTold(["paths", operation.path, operation.method, "responses", status, "content", type ?? "", "schema"], answer);
  return answer;
}

/** A request as the description says to make it, its body checked by what it says of bodies. */
function requestOf(
  { method, path, parameters, requestBody, security }: (typeof operations)[number],
  params: Record<string, string>,
  stated: unknown,
  kept: Record<string, string>,
  isSigned = true,
): { path: string; init: RequestInit } {
  const [scheme = {}] = security;
  const given: Record<string, string> = { ...params };
  if (parameters.some(({ name }) => name === "site")) given.site ??= "{site}";
  if (isSigned && "writeKeyParameter" in scheme) given.writeKey = "{writeKey}";
  const value = (text: string) => text.replaceAll(/\{(\w+)\}/g, (_, name) => kept[name] ?? "demo");
  const headers: Record<string, string> = {};
  if (isSigned && "secretKey" in scheme) headers.Authorization = `Bearer ${server.key}`;
  const query = new URLSearchParams();
  let filled = path.replaceAll(/\{(\w+)\}/g, (_, name) => encodeURIComponent(value(given[name] ?? "1")));
  for (const [name, text] of Object.entries(given)) {
    const place = parameters.find((one) => one.name === name)?.in ?? "query";
    if (place === "query") query.set(name, value(text));
    if (place === "header") headers[name] = text;
  }
  if (query.size > 0) filled += `?${query}`;
  if (!requestBody) return { path: filled, init: { method: method.toUpperCase(), headers } };
  const example = { ...(stated ?? requestBody.content["application/json"]?.example ?? {}) };
  const { writeKey: _, ...body } = example as Record<string, unknown>;
  expectTold(["paths", path, method, "requestBody", "content", "application/json", "schema"], body);
  return { path: filled, init: { method: method.toUpperCase(), headers, body: JSON.stringify(body) } };
}

/** There is something to split: somebody else's address, claimed by the visitor. */
async function claimAsAnn({ writeKey }: Record<string, string>): Promise<void> {
  const send = async (anonymousId: string) =>
    await fetch(`${server.url}/v1/identify?writeKey=${writeKey}`, {
      method: "POST",
      body: JSON.stringify({ anonymousId, traits: { email: "ann@acme.example" } }),
    });
  for (const visitor of ["ann", "eve"]) expect((await send(visitor)).status).toBe(200);
}
