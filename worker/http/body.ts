/** Bodies: read within bounds, inflated where they are gzip, parsed as JSON whatever their content type says. */
import type { JsonObject } from "../core/event";
import { isObject } from "../core/read";
import { Failure } from "../failure";

/** Largest body after inflating: Segment's own limit of a batch. */
export const BODY_MAX_BYTES = 500_000;

/** How much of a body that is too large is still taken in, unread: a client that is cut off sees no answer. */
const DRAIN_MAX_BYTES = 8_000_000;

const tooLarge = () => new Failure("too_large", `A body has at most ${BODY_MAX_BYTES} bytes, after inflating.`);

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** The JSON of a request's body, `empty` where it may be left out and was. Throws `too_large` and `invalid_json`. */
export async function readJson(request: Request, empty?: unknown): Promise<unknown> {
  const sent = await readSent(request);
  if (sent.byteLength === 0 && empty !== undefined) return empty;
  const bytes = isGzip(sent) ? await inflate(sent) : sent;
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (error) {
    // The parser's words name the place: "… in JSON at position 41 (line 3 column 7)".
    const place = error instanceof SyntaxError ? ` ${error.message}.` : "";
    throw new Failure("invalid_json", `The body must be one JSON document in UTF-8, plain or gzip.${place}`);
  }
}

/** The JSON object of a request's body. */
export async function readObject(request: Request): Promise<JsonObject> {
  return requireObject(await readJson(request));
}

/** A body's JSON, which must be an object. */
export function requireObject(body: unknown): JsonObject {
  if (isObject(body)) return body;
  throw new Failure("invalid_request", "The body must be a JSON object.");
}

/** What was sent; at one go where it says to be small enough, as nearly all do. */
async function readSent(request: Request): Promise<Uint8Array<ArrayBuffer>> {
  const length = Number(request.headers.get("Content-Length") ?? Number.NaN);
  if (!(length <= BODY_MAX_BYTES)) return await readAll(request.body, DRAIN_MAX_BYTES);
  const sent = new Uint8Array(await request.arrayBuffer());
  if (sent.byteLength > BODY_MAX_BYTES) throw tooLarge();
  return sent;
}

/** Told by its first bytes: clients say so in Content-Encoding, in Content-Type or nowhere. JSON never begins so. */
function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

async function inflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readAll(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")), BODY_MAX_BYTES);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure("invalid_json", "The body begins like gzip but cannot be inflated.");
  }
}

async function readAll(
  stream: ReadableStream<Uint8Array> | null,
  drainBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream ?? []) {
    size += chunk.byteLength;
    if (size > drainBytes) break;
    if (size <= BODY_MAX_BYTES) chunks.push(chunk);
  }
  if (size > BODY_MAX_BYTES) throw tooLarge();
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return all;
}
