/** The public calls: Segment's HTTP API for events, the pixel, and who a visitor is to the page. */
import type { Context, MiddlewareHandler } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { cors } from "hono/cors";
import { BATCH_MAX_MESSAGES, type Rejection, type WireReply } from "../../snippet/wire";
import { type Accepted, ingestOrQueue } from "../backlog";
import type { EventType, JsonObject } from "../core/event";
import { visitorKey } from "../core/identity";
import { clientTime, isId, type Received, receive } from "../core/message";
import { isObject } from "../core/read";
import { Failure } from "../failure";
import type { Answer } from "../lead";
import { redeem } from "../links";
import { prove } from "../tokens";
import { answerFor } from "../visitor";
import { requireSender, type Sender } from "./access";
import { readObject } from "./body";
import { authorization, hasKnownKey } from "./caller";
import type { Api } from "./context";
import { failureOf } from "./errors";
import { gif } from "./gif";
import { Hono } from "./hono";
import { isMachine } from "./machine";
import { noteOutcome } from "./observe";
import { publicCall } from "./route";

/** Most messages in a body sent with a secret key. */
export const TRUSTED_MAX_MESSAGES = 1_000;
/** Life of the visitor's cookie, seconds: browsers keep none for longer than 400 days. */
const COOKIE_MAX_AGE_S = 400 * 86_400;
const COOKIE = "kelvin";
/** How long a browser may remember a preflight's answer, seconds; browsers cap it at two hours. */
const PREFLIGHT_MAX_AGE_S = 7_200;

/** Paths of a single message, by type: the HTTP API's, and the short ones that Segment's script in the browser uses. */
export const PATHS: readonly [path: string, type: EventType][] = (
  ["track", "page", "screen", "identify", "group", "alias"] as const
).flatMap((type) => [
  [type, type],
  [type.slice(0, 1), type],
]);

const OPTED_OUT: WireReply = { success: true, temperature: "cold", optedOut: true };

export function publicRoutes(api: Api): Hono {
  const app = new Hono();
  // Any origin may ask; whether its events count is decided by the write key's site. Cookies go along, so never "*".
  const open = cors({
    origin: (origin) => origin,
    credentials: true,
    allowMethods: ["GET", "POST"],
    maxAge: PREFLIGHT_MAX_AGE_S,
  });
  for (const path of ["batch", ...PATHS.map(([path]) => path), "pixel.gif", "me"]) {
    app.use(`/${path}`, async (c, next) => await (c.req.method === "OPTIONS" ? open : allowOrigin)(c, next));
  }
  eventCalls(app, api);
  publicCall(app, api, ["get", "/pixel.gif"], async (c) => {
    // A page must never show a broken image, whatever is wrong with the call; who asks for the head alone saw none.
    if (c.req.method === "GET") await pixel(c, api).catch((error) => failureOf(error, c));
    return gif(c);
  });
  publicCall(app, api, ["get", "/me"], async (c) => await me(c, api));
  return app;
}

/** What hono/cors says in an answer, said before there is one: it would make one for it, and copy it later. */
const allowOrigin: MiddlewareHandler = async (c, next) => {
  const origin = c.req.header("Origin");
  c.header("Vary", "Origin");
  if (origin !== undefined) {
    c.header("Access-Control-Allow-Origin", origin);
    c.header("Access-Control-Allow-Credentials", "true");
  }
  await next();
};

function eventCalls(app: Hono, api: Api): void {
  publicCall(app, api, ["post", "/batch"], async (c) => {
    await limitAddress(c, api);
    const body = await readObject(c.req.raw);
    if (!Array.isArray(body.batch)) throw new Failure("invalid_request", '"batch" must be an array of messages.');
    return await accept(c, api, body, body.batch);
  });
  for (const [path, type] of PATHS) {
    publicCall(app, api, ["post", `/${path}`], async (c) => {
      await limitAddress(c, api);
      const body = await readObject(c.req.raw);
      return await accept(c, api, body, [{ ...body, type }]);
    });
  }
}

async function me(c: Context, api: Api): Promise<Response> {
  await limitAddress(c, api);
  const sender = await requireSender(api, c, undefined);
  c.header("Cache-Control", "no-store");
  if (optedOut(c, sender)) return c.json(OPTED_OUT);
  const visitor = c.req.query("anonymousId") ?? keptVisitor(c);
  if (!isId(visitor))
    throw new Failure("invalid_request", "Name the visitor: its cookie, or ?anonymousId= of 1 to 256 characters.");
  await limitVisitors(sender, [visitorKey(visitor)]);
  return c.json({ success: true, visitor, ...(await answerFor(sender.deps, sender.site, visitor)) });
}

/** Refuses an address that sends too much, before anything is read: its body, or the site. */
export async function limitAddress(c: Context, api: Api): Promise<void> {
  // Without one it did not come through Cloudflare: from a test, or from a Worker beside this one.
  const address = c.req.header("CF-Connecting-IP");
  if (address === undefined || hasKnownKey(api, c.req.raw)) return;
  await api.deps.limits.takeAddress(address, authorization(c.req.raw).bearer !== undefined);
}

async function limitVisitors({ deps, site, trusted }: Sender, keys: readonly string[]): Promise<void> {
  if (!trusted) await deps.limits.takeVisitors(site.id, keys);
}

/** Counts events, within the limits of their visitors and of the site. */
async function count(c: Context, sender: Sender, events: Received[]): Promise<Accepted & { notes: Rejection[] }> {
  const { deps, site, trusted } = sender;
  await limitVisitors(
    sender,
    events.map(({ key }) => key),
  );
  const { events: proved, notes } = await prove(deps, site, events);
  // Who asked to be erased is nobody's business who only has the public key.
  const terms = { isTold: trusted, isBudgeted: !trusted };
  const accepted = await ingestOrQueue(deps, site, await redeem(deps, site, proved), terms);
  if (accepted.isQueued) noteOutcome(c, "queued");
  return { ...accepted, notes };
}

function optedOut(c: Context, { site, trusted }: Sender): boolean {
  return !trusted && site.respectGpc && c.req.header("Sec-GPC") === "1";
}

async function accept(c: Context, api: Api, body: JsonObject, batch: unknown[]): Promise<Response> {
  const sender = await requireSender(api, c, body.writeKey);
  const most = sender.trusted ? TRUSTED_MAX_MESSAGES : BATCH_MAX_MESSAGES;
  if (batch.length > most) throw new Failure("too_large", `A batch holds at most ${most} messages; send several.`);
  if (optedOut(c, sender)) return c.json(OPTED_OUT);
  if (body.visitor === "forget") deleteCookie(c, COOKIE, { path: "/" });
  const { events, rejected } = readBatch(c, sender, body, batch);
  const { answer, refused, notes, isQueued } = await count(c, sender, events);
  const late = events.flatMap(({ event: { messageId }, index }): Rejection[] => {
    const why = refused.get(messageId);
    return why ? [{ messageId, index, ...why }] : [];
  });
  const told = [...rejected, ...late].toSorted((a, b) => a.index - b.index);
  const said = { ...reply(c, sender, events, answer, told), ...(notes.length > 0 ? { notes } : {}) };
  return c.json(said, isQueued ? 202 : 200);
}

function readBatch(
  c: Context,
  { deps, site, trusted }: Sender,
  body: JsonObject,
  batch: unknown[],
): { events: Received[]; rejected: Rejection[] } {
  const sentAt = (body.sentAt ?? "") === "" ? null : clientTime(body.sentAt);
  if (sentAt === undefined) throw new Failure("invalid_request", '"sentAt" must be an ISO 8601 time.');
  // Who calls with a secret key is a server, which may state its visitor's agent but has none of a visitor's itself.
  const agent = (trusted ? undefined : c.req.header("User-Agent")) ?? "";
  const country = isBrowser(c) ? c.req.raw.cf?.country : undefined;
  const reception = {
    now: deps.clock(),
    sentAt,
    trusted,
    isMachine: (context: JsonObject) => isMachine(context, agent, deps.isLocal),
    newId: deps.newId,
    ...(typeof country === "string" ? { country } : {}),
  };
  const kept = body.visitor === "new" ? keptVisitor(c) : undefined;
  const events: Received[] = [];
  const rejected: Rejection[] = [];
  for (const [index, message] of batch.entries()) {
    const received = receive(asVisitor(inContext(message, body.context), kept), index, reception);
    if ("event" in received) events.push(received);
    else rejected.push(received);
  }
  for (const { code } of rejected) deps.tallies.add(site.id, `rejected.${code}`);
  return { events, rejected };
}

/** Page scripts send an Origin; servers do not, and where a server stands says nothing of the visitor. */
function isBrowser(c: Context): boolean {
  return c.req.header("Origin") !== undefined;
}

/** A batch's own context holds for each of its messages. */
function inContext(message: unknown, context: unknown): unknown {
  if (!isObject(message) || !isObject(context)) return message;
  return { ...message, context: isObject(message.context) ? { ...context, ...message.context } : context };
}

/** The browser's storage was empty, but its cookie still knows the visitor. */
function asVisitor(message: unknown, visitor: string | undefined): unknown {
  return isObject(message) && visitor !== undefined ? { ...message, anonymousId: visitor } : message;
}

function reply(
  c: Context,
  { trusted }: Sender,
  events: Received[],
  answer: Answer | null,
  rejected: Rejection[],
): WireReply {
  const isOne = events.every(({ key }) => key === events[0]?.key);
  const visitor = isOne ? (events[0]?.visitor ?? null) : null;
  if (visitor !== null) rememberVisitor(c, visitor, events);
  // Of a user without a visitor the sender is told with a secret key only: anybody can name one.
  const mayBeTold = visitor !== null || trusted;
  return { success: true, ...(visitor === null ? {} : { visitor }), ...(mayBeTold ? answer : {}), rejected };
}

/** The id in the visitor's cookie. One that is none, whoever wrote it, is as good as no cookie. */
function keptVisitor(c: Context): string | undefined {
  const kept = getCookie(c, COOKIE);
  return isId(kept) ? kept : undefined;
}

/** Whether the page is on our own host or beside it, so that its browser sends a Lax cookie back. */
function isOfSite(c: Context): boolean {
  const from = c.req.header("Sec-Fetch-Site");
  if (from !== undefined) return from === "same-origin" || from === "same-site";
  // Not told on plain http, nor by older browsers.
  const origin = c.req.header("Origin");
  // Hardly any page is: seen without taking addresses apart.
  if (origin === undefined || !c.req.url.includes(origin.replace(/^[^/]*\/\/|:\d+$/g, ""))) return false;
  return URL.canParse(origin) && new URL(origin).hostname === new URL(c.req.url).hostname;
}

/** Keeps the visitor's id in a cookie, where a browser would send it back. */
function rememberVisitor(c: Context, visitor: string, events: Received[]): void {
  if (!isOfSite(c)) return;
  // Renewed with every page view, so that it only ends when the visits do.
  if (getCookie(c, COOKIE) === visitor && !events.some(({ event }) => event.type === "page")) return;
  setCookie(c, COOKIE, visitor, {
    path: "/",
    httpOnly: true,
    sameSite: "Lax",
    secure: new URL(c.req.url).protocol === "https:",
    maxAge: COOKIE_MAX_AGE_S,
  });
}

async function pixel(c: Context, api: Api): Promise<void> {
  const { deps } = api;
  await limitAddress(c, api);
  const query = c.req.query();
  const sender = await requireSender(api, c, query.writeKey);
  if (optedOut(c, sender)) return;
  const { event: name, path, writeKey: _, anonymousId = keptVisitor(c), messageId, ...properties } = query;
  const message = {
    type: name === "page" ? "page" : "track",
    ...(name === "page" ? {} : { event: name }),
    messageId,
    anonymousId: anonymousId ?? deps.newId(),
    properties: { ...properties, ...(path === undefined ? {} : { path }) },
  };
  const { events } = readBatch(c, sender, {}, [message]);
  const visitor = events[0]?.visitor;
  if (!visitor) return;
  await count(c, sender, events);
  rememberVisitor(c, visitor, events);
}
