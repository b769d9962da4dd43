import type * as z from "zod/mini";
import type { ErrorCode } from "../../errors";

/** What there is to tell of a call beside what its route declares. */
export interface Told {
  /** The operationId: what a generated client calls it. */
  name: string;
  summary: string;
  /** More than the summary says, in plain sentences. */
  details?: string;
  /** Errors that this call has beside those of all calls of its kind. */
  errors?: readonly ErrorCode[];
  /** When it answers the same with 202, for what is not done yet. */
  whenQueued?: string;
  /** Of the answer, JSON where left out. */
  contentType?: string;
  /** An example of the body. */
  example?: unknown;
  /** Whether it takes the ETag of what it replaces. */
  ifMatch?: true;
  answer: z.ZodMiniType;
  /** Of the parameters and of the body, where a route reads them itself. */
  query?: z.ZodMiniType;
  body?: z.ZodMiniType;
}

/** By method and path under /v1, parameters in braces. */
export type AllTold = Record<string, Told>;
