/**
 * Calls of the REST API, each declared once: Hono routes by the declaration, query and body are checked by its schemas,
 * and http/openapi.ts tells it, in the words of http/reference/calls/. What a handler gets has been checked; what it
 * returns is of the type of the `answer` told of there.
 */
import type { Context } from "hono";
import type * as z from "zod/mini";
import type { Scope } from "../db/keys";
import { readingAgain } from "../db/refusal";
import type { Deps } from "../deps";
import { readJson } from "./body";
import { BOOKMARK, type ReadSite, reading, writing } from "./bookmark";
import type { Api } from "./context";
import type { Hono } from "./hono";
import { checked, queryOf } from "./input";
import type { AnswerOf, Path } from "./reference/calls";

export type Method = "get" | "post" | "put" | "patch" | "delete";

/** The id of the schema of rule documents, which is core/schema.ts's. */
export const RULES = "Rules";

/** A call as its route declares it; what else there is to tell of it is in http/reference/calls/. */
export interface Operation {
  method: Method;
  /** Below /v1, parameters in braces. */
  path: string;
  tag: string;
  /** `null`: under a site's write key. */
  scope: Scope | null;
  /** `null`: the route reads it itself. */
  query: z.ZodMiniType | null;
  body: z.ZodMiniType | null;
  isBodyOptional?: boolean;
  status?: Status;
}

/** Of the answer; 204 has no body. */
type Status = 201 | 202 | 204;

interface Reading<Q> {
  scope: Scope;
  /** Of the parameters; what it does not name is refused. */
  query: z.ZodMiniType<Q>;
  /** 200 where left out. */
  status?: Status;
}

interface Sending<Q, B> extends Reading<Q> {
  body: z.ZodMiniType<B>;
  /** What a call without a body means; left out: the body must be there. */
  emptyBody?: unknown;
  /** Which shape of a union is meant, so that the mistakes told are those of that one. */
  bodyMeant?: (body: unknown) => z.ZodMiniType<B>;
}

interface Call<S, Q> {
  c: Context;
  /** With the database of the site. */
  deps: Deps;
  /** What the call is about: the site, or nothing where it is about the account. */
  site: S;
  query: Q;
}

/** A handler's answer: what goes out as JSON, or a response of its own. */
type Answered<A> = Promise<A | Response>;

/** Calls of marketers' programs that share a tag and what they are about. */
export class Calls<S extends ReadSite | undefined> {
  constructor(
    private readonly app: Hono,
    private readonly api: Api,
    private readonly tag: string,
    /** Refuses who lacks the scope and finds what the call is about: `siteOf`, `requireScope`. */
    private readonly admit: (c: Context, scope: Scope) => Promise<S>,
  ) {}

  get<P extends Path<"GET">, Q>(path: P, spec: Reading<Q>, handler: Reader<S, Q, `GET ${P}`>): void {
    this.register("get", path, spec, (c) => readingAgain(() => this.answered(c, spec, handler)));
  }

  delete<P extends Path<"DELETE">, Q>(path: P, spec: Reading<Q>, handler: Reader<S, Q, `DELETE ${P}`>): void {
    this.register("delete", path, spec, (c) => this.answered(c, spec, handler));
  }

  post<P extends Path<"POST">, Q, B>(path: P, spec: Sending<Q, B>, handler: Writer<S, Q, B, `POST ${P}`>): void {
    this.send("post", path, spec, handler);
  }

  put<P extends Path<"PUT">, Q, B>(path: P, spec: Sending<Q, B>, handler: Writer<S, Q, B, `PUT ${P}`>): void {
    this.send("put", path, spec, handler);
  }

  patch<P extends Path<"PATCH">, Q, B>(path: P, spec: Sending<Q, B>, handler: Writer<S, Q, B, `PATCH ${P}`>): void {
    this.send("patch", path, spec, handler);
  }

  private send<Q, B, A>(
    method: Method,
    path: string,
    spec: Sending<Q, B>,
    handler: (call: Call<S, Q> & { body: B }) => Answered<A>,
  ): void {
    this.register(method, path, spec, async (c) => {
      return await this.answered(c, spec, async (call) => {
        const body = await readJson(c.req.raw, spec.emptyBody);
        return await handler({ ...call, body: checked(spec.bodyMeant?.(body) ?? spec.body, body) });
      });
    });
  }

  /** Lets a call in and has it answered; what is about a site carries a bookmark. */
  private async answered<Q, A>(
    c: Context,
    { scope, query }: Reading<Q>,
    handler: (call: Call<S, Q>) => Answered<A>,
  ): Answered<A> {
    const site = await this.admit(c, scope);
    const asked = { c, site, query: checked(query, queryOf(c.req.raw)) };
    const { deps } = this.api;
    if (!site) return await handler({ ...asked, deps });
    const session = isReading(c) ? reading(deps, site, c.req.header(BOOKMARK)) : writing(deps, site);
    const answer = await handler({ ...asked, deps: session.deps });
    const bookmark = await session.bookmark();
    if (bookmark !== null && answer instanceof Response) answer.headers.set(BOOKMARK, bookmark);
    else if (bookmark !== null) c.header(BOOKMARK, bookmark);
    return answer;
  }

  private register(
    method: Method,
    path: string,
    spec: Reading<unknown> & Partial<Sending<unknown, unknown>>,
    work: (c: Context) => Answered<unknown>,
  ): void {
    const { tag } = this;
    const body = spec.body ?? null;
    const isBodyOptional = spec.emptyBody !== undefined;
    this.api.operations.push({ ...spec, method, path, tag, body, isBodyOptional });
    this.app.on(method.toUpperCase(), honoPath(path), async (c) => {
      const answer = await work(c);
      if (answer instanceof Response) return answer;
      return spec.status === 204 ? c.body(null, 204) : c.json(answer, spec.status ?? 200);
    });
  }
}

/** Whether a call changes nothing. */
export const isReading = (c: Context) => c.req.method === "GET" || c.req.method === "HEAD";

type Reader<S, Q, K extends string> = (call: Call<S, Q>) => Answered<AnswerOf<K>>;
type Writer<S, Q, B, K extends string> = (call: Call<S, Q> & { body: B }) => Answered<AnswerOf<K>>;

/** A call under a site's write key. It reads query and body itself: a bad message must not sink its batch. */
export function publicCall(
  app: Hono,
  { operations }: Api,
  [method, path]: [method: Method, path: string],
  handler: (c: Context) => Promise<Response>,
): void {
  operations.push({ method, path, tag: "Events", scope: null, query: null, body: null });
  app.on(method.toUpperCase(), honoPath(path), handler);
}

/** Parameters as Hono writes them. */
function honoPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ":$1");
}
