/**
 * What is told of the calls of the API: words, examples, and the schemas of their answers. The description is made of it
 * when the Worker is built (worker/reference.ts). Routes know its types alone: by those a path must be told of, and a
 * handler's answer be as it is told, while nothing of this is in the Worker (test/core/layers.test.ts).
 */
import type * as z from "zod/mini";
import { EVENTS } from "./events";
import { KEYS } from "./keys";
import { LEADS } from "./leads";
import { LINKS } from "./links";
import { DEAD_LETTERS, STATUS } from "./operation";
import { REPORTS } from "./reports";
import { RULES_CALLS } from "./rules";
import { SITES } from "./sites";
import type { AllTold } from "./told";
import { WEBHOOKS } from "./webhooks";

/** Marketers' calls, by method and path. */
const MARKETERS = {
  ...LEADS,
  ...RULES_CALLS,
  ...SITES,
  ...KEYS,
  ...LINKS,
  ...WEBHOOKS,
  ...REPORTS,
  ...DEAD_LETTERS,
  ...STATUS,
};

/** All calls, by method and path under /v1. */
export const TOLD: AllTold = { ...EVENTS, ...MARKETERS };

type Marketers = typeof MARKETERS;

/** The paths that there is something told of, by method. */
export type Path<M extends string> = keyof Marketers extends infer K
  ? K extends `${M} ${infer P}`
    ? P
    : never
  : never;

/** What a call must answer. */
export type AnswerOf<K extends string> = K extends keyof Marketers ? z.output<Marketers[K]["answer"]> : never;
