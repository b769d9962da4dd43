/**
 * `GET /openapi.json`: the calls of the API, told from the declarations that route and check them (OpenAPI 3.1) and the
 * words and answers of reference/calls/. Nothing of it is written by hand beside them.
 */
import * as z from "zod/mini";
import { rulesJsonSchema } from "../core/schema";
import { ERRORS, type ErrorCode } from "./errors";
import { AS } from "./input";
import { problem } from "./reference/answers";
import { TOLD } from "./reference/calls";
import type { Told } from "./reference/calls/told";
import { IN_PATH, IN_QUERY } from "./reference/parameters";
import { type Operation, RULES } from "./route";
import { SESSION_COOKIE } from "./session";

export type JsonSchema = { [key: string]: unknown };

export interface Parameter {
  name: string;
  in: "path" | "query" | "header";
  required: boolean;
  description?: string;
  schema: JsonSchema;
}

interface Content {
  [type: string]: { schema: JsonSchema; example?: unknown };
}

export interface Described {
  operationId: string;
  tags: string[];
  summary: string;
  description?: string;
  security: Record<string, string[]>[];
  parameters: Parameter[];
  requestBody?: { required: boolean; content: Content };
  responses: Record<string, { description: string; headers?: object; content?: Content }>;
}

export interface Description {
  openapi: string;
  info: object;
  servers: { url: string }[];
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Described>>;
  components: { schemas: Record<string, JsonSchema>; securitySchemes: object };
}

const TAGS: Record<string, string> = {
  Events: "Sent by sites under their public write key, and by servers with a secret key.",
  Leads: "One, many, why they score what they do, and what they did.",
  Rules: "How a site scores its visitors: read, publish, look back, check and try out.",
  Sites: "Made and changed by administrators.",
  Keys: "Secret keys for programs and people.",
  "E-mail links": "Signed links and open pixels.",
  "Outcomes and reports": "What became of leads, and whether the score foretold it.",
  Webhooks: "Calls of ours when somebody crosses a line, and what became of them.",
  "Dead letters": "Beacons that waited in the queue and could not be folded.",
  Operation: "For whoever keeps it running.",
};

const SECURITY_SCHEMES = {
  secretKey: { type: "http", scheme: "bearer", description: "A secret key, or a token of the identity provider." },
  session: {
    type: "apiKey",
    in: "cookie",
    name: SESSION_COOKIE,
    description: "Signed in to the dashboard; reads only.",
  },
  writeKey: { type: "http", scheme: "basic", description: "The site's write key as user name, without a password." },
  writeKeyParameter: { type: "apiKey", in: "query", name: "writeKey", description: "The site's write key." },
};

/** Where the calls are. */
const BASE = "/v1";

/** A call with all there is to tell of it. */
type Whole = Omit<Operation & Told, "query" | "body"> & { query: z.ZodMiniType; body: z.ZodMiniType | null };

/** The description of calls for whoever reaches them under an origin. */
export function describe(operations: readonly Operation[], origin: string): Description {
  const schemas = new Schemas();
  const paths: Description["paths"] = {};
  for (const operation of operations) {
    const path = BASE + operation.path;
    paths[path] = { ...paths[path], [operation.method]: described(whole(operation), schemas) };
  }
  const used = new Set(operations.map(({ tag }) => tag));
  return {
    openapi: "3.1.1",
    info: {
      title: "Kelvin",
      version: "1",
      summary: "Real-time lead scoring for marketing sites.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: origin }],
    tags: [...used].map((name) => ({ name, description: TAGS[name] ?? name })),
    paths,
    components: { schemas: schemas.components, securitySchemes: SECURITY_SCHEMES },
  };
}

function whole(operation: Operation): Whole {
  const key = `${operation.method.toUpperCase()} ${operation.path}`;
  const told = TOLD[key];
  const query = operation.query ?? told?.query;
  if (!told || !query) throw new Error(`http/reference/calls/ does not tell of ${key}`);
  return { ...operation, ...told, query, body: operation.body ?? told.body ?? null };
}

function described(operation: Whole, schemas: Schemas): Described {
  const { name, tag, summary, details, body, isBodyOptional, example } = operation;
  const content = (schema: z.ZodMiniType): Content => ({
    "application/json": { schema: schemas.of(schema, "input"), ...(example === undefined ? {} : { example }) },
  });
  return {
    operationId: name,
    tags: [tag],
    summary,
    ...(details === undefined ? {} : { description: details }),
    security: securityOf(operation),
    parameters: parametersOf(operation, schemas),
    ...(body === null ? {} : { requestBody: { required: !isBodyOptional, content: content(body) } }),
    responses: responsesOf(operation, schemas),
  };
}

function securityOf({ scope, method, body }: Whole): Described["security"] {
  if (scope !== null) return [{ secretKey: [scope] }, ...(method === "get" ? [{ session: [] }] : [])];
  // Last: without any, where the key stands in the body.
  return [{ writeKeyParameter: [] }, { writeKey: [] }, { secretKey: ["write"] }, ...(body ? [{}] : [])];
}

function parametersOf({ path, query, ifMatch }: Whole, schemas: Schemas): Parameter[] {
  const { properties = {}, required = [] } = schemas.of(query, "input") as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]): Parameter => {
    const about = Object.entries(IN_PATH).find(([part]) => path.includes(part))?.[1];
    const type = name === "version" ? "integer" : "string";
    return { name, in: "path", required: true, ...(about ? { description: about } : {}), schema: { type } };
  });
  const inQuery = Object.entries(properties).map(([name, { description = IN_QUERY[name], ...schema }]): Parameter => {
    const about = typeof description === "string" ? { description } : {};
    return { name, in: "query", required: required.includes(name), ...about, schema };
  });
  const header: Parameter = {
    name: "If-Match",
    in: "header",
    required: false,
    description: "The ETag of the version that must still be in force.",
    schema: { type: "string" },
  };
  return [...inPath, ...inQuery, ...(ifMatch ? [header] : [])];
}

/** The errors that a call may answer with: those of all calls of its kind, and its own. */
function errorsOf({ scope, path, body, contentType, errors = [], query }: Whole): ErrorCode[] {
  if (contentType === "image/gif") return [];
  const isAbout = path.includes("{") || (scope !== null && query instanceof z.ZodMiniObject && "site" in query.shape);
  const found: ErrorCode[] = [
    "invalid_request",
    "unauthorized",
    "forbidden",
    ...(body ? (["invalid_json", "too_large"] as const) : []),
    ...(isAbout ? (["not_found"] as const) : []),
    ...(scope === null ? (["rate_limited"] as const) : []),
    ...errors,
    "internal_error",
    "busy",
    "moving",
  ];
  return Object.keys(ERRORS).filter((code): code is ErrorCode => found.some((one) => one === code));
}

function responsesOf(operation: Whole, schemas: Schemas): Described["responses"] {
  const { status = 200, answer, contentType = "application/json" } = operation;
  const good =
    status === 204
      ? { description: "Done." }
      : {
          description: status === 201 ? "Made." : "The answer.",
          content: { [contentType]: { schema: schemas.of(answer, "output") } },
        };
  const { whenQueued } = operation;
  const queued = whenQueued === undefined ? {} : { "202": { ...good, description: whenQueued } };
  const byStatus = Map.groupBy(errorsOf(operation), (code) => ERRORS[code].status);
  const failures = [...byStatus].map(([code, codes]) => [
    String(code),
    {
      description: codes.map((one) => `${ERRORS[one].title} (${one}).`).join(" "),
      ...headersOf(code),
      content: { "application/problem+json": { schema: schemas.of(problem, "output") } },
    },
  ]);
  return { [String(status)]: good, ...queued, ...Object.fromEntries(failures) };
}

function headersOf(status: number): object {
  if (status === 401) return { headers: { "WWW-Authenticate": { schema: { type: "string" } } } };
  if (status !== 429 && status !== 503) return {};
  return { headers: { "Retry-After": { description: "Seconds.", schema: { type: "integer" } } } };
}

/** JSON Schemas of zod's, with what has a name collected under it. */
class Schemas {
  readonly components: Record<string, JsonSchema> = {};

  constructor() {
    const { $schema: _, $defs, ...rules } = rulesJsonSchema() as JsonSchema & { $defs: Record<string, JsonSchema> };
    this.components[RULES] = this.placed(rules) as JsonSchema;
    this.collect($defs);
  }

  of(schema: z.ZodMiniType, io: "input" | "output"): JsonSchema {
    // Within an object also a schema that has a name itself is only referred to.
    const { properties, $defs } = z.toJSONSchema(z.object({ it: schema }), { io, unrepresentable: "any" });
    this.collect(($defs ?? {}) as Record<string, JsonSchema>);
    return this.placed(properties?.it) as JsonSchema;
  }

  private collect(definitions: Record<string, JsonSchema>): void {
    for (const [name, schema] of Object.entries(definitions)) {
      this.components[componentName(name)] ??= this.placed(schema) as JsonSchema;
    }
  }

  /** The same with references into the components, and parameters as what they mean. */
  private placed(node: unknown): unknown {
    if (Array.isArray(node)) return node.map((one) => this.placed(one));
    if (node === null || typeof node !== "object") return node;
    if (AS in node) {
      const { [AS]: meant, description } = node as JsonSchema;
      return { ...(meant as JsonSchema), ...(description === undefined ? {} : { description }) };
    }
    return Object.fromEntries(
      saying(node).map(([key, value]) => {
        if (key !== "$ref" || typeof value !== "string") return [key, this.placed(value)];
        return [key, `#/components/schemas/${componentName(value.slice("#/$defs/".length))}`];
      }),
    );
  }
}

/** What a schema says, without what goes without saying: how a time is written, and which whole numbers there are. */
function saying(schema: object): [string, unknown][] {
  const isTime = "format" in schema && schema.format === "date-time";
  return Object.entries(schema).filter(([key, value]) => {
    if (key === "pattern") return !isTime;
    return !(["minimum", "maximum"].includes(key) && Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER);
  });
}

/** zod names the one schema that refers to itself, any JSON, by a number. */
function componentName(name: string): string {
  return name.startsWith("__schema") ? "Json" : name;
}
