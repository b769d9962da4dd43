/** Reading parameters and bodies of the marketers' API: checked by a schema, refused with what would be right. */
import * as z from "zod/mini";
import { withMeta } from "../core/described";
import { problemsOf } from "../core/problems";
import { Failure } from "../failure";

/** Longest page of a list. */
const LIMIT_MAX = 200;
const LIMIT_DEFAULT = 50;

/** Metadata: the JSON Schema of what a parameter means, in place of that of the text it comes as. */
export const AS = "x-as";

export const limit = withMeta(
  z._default(
    z.pipe(
      z.pipe(z.string().check(z.regex(/^\d{1,9}$/, `must be a number from 1 to ${LIMIT_MAX}`)), z.transform(Number)),
      z.number().check(z.gte(1, "must be at least 1"), z.lte(LIMIT_MAX, `must be at most ${LIMIT_MAX}`)),
    ),
    LIMIT_DEFAULT,
  ),
  { [AS]: { type: "integer", minimum: 1, maximum: LIMIT_MAX, default: LIMIT_DEFAULT } },
);

export const cursor = z.optional(z.string());

export const flag = withMeta(
  z.pipe(
    z.enum(["true", "false"], "must be true or false"),
    z.transform((value) => value === "true"),
  ),
  { [AS]: { type: "boolean" } },
);

export const number = withMeta(
  z.pipe(z.string().check(z.regex(/^-?\d{1,12}(\.\d{1,12})?$/, "must be a number")), z.transform(Number)),
  { [AS]: { type: "number" } },
);

/** A time, in ms. */
export const instant = withMeta(
  z.pipe(
    z.union(
      [z.iso.datetime({ offset: true }), z.iso.date()],
      'must be an ISO 8601 time such as "2026-01-05T10:00:00Z"',
    ),
    z.transform((text) => Date.parse(text)),
  ),
  { [AS]: { type: "string", format: "date-time" } },
);

/** The value, if the schema takes it; throws `invalid_request` with everything wrong. */
export function checked<T>(schema: z.ZodMiniType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = problemsOf(parsed.error.issues);
  const [first] = errors;
  throw new Failure(
    "invalid_request",
    first ? `${first.pointer.slice(2) || "The body"}: ${first.detail}.` : "Not valid.",
    errors,
  );
}

/** The parameters of a call; one that stands there twice says two things and is refused. */
export function queryOf(request: Request): Record<string, string> {
  const parameters = [...new URL(request.url).searchParams];
  const names = parameters.map(([name]) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new Failure("invalid_request", `${twice} stands there more than once.`);
  return Object.fromEntries(parameters);
}

/** A cursor is opaque to the caller, and plain to us. */
export function encodeCursor(position: object): string {
  return btoa(JSON.stringify(position)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function decodeCursor<T>(cursor: string | undefined, schema: z.ZodMiniType<T>): T | null {
  if (cursor === undefined) return null;
  try {
    return schema.parse(JSON.parse(atob(cursor.replaceAll("-", "+").replaceAll("_", "/"))));
  } catch {
    throw new Failure("invalid_request", "cursor must be a nextCursor of the same list.");
  }
}

/** A page out of rows of which one more was read than is shown: that one tells whether there is a next page. */
export function pageOf<Row, Shown>(
  rows: readonly Row[],
  most: number,
  show: (row: Row) => Shown,
  positionOf: (row: Row) => object,
): { data: Shown[]; nextCursor: string | null } {
  const shown = rows.slice(0, most);
  const last = rows.length > most ? shown.at(-1) : undefined;
  return { data: shown.map(show), nextCursor: last ? encodeCursor(positionOf(last)) : null };
}
