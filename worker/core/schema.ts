/**
 * The shape of a rule document (contract: "Rules"), as zod. It is what `GET /rules.schema.json` is made of and the
 * first half of validation; what one part says about another (references, duplicates, order) is checked in rules.ts.
 */
import * as z from "zod";
import { type ConditionName, conditionDefinitions } from "./condition-schema";
import { DURATION_HINT, durationMs } from "./duration";

/** Bounds of a document: they keep the state of a lead and the work of an event small. */
export const RULES_MAX = 200;
export const COUNTERS_MAX = 50;
export const DIMENSIONS_MAX = 20;
export const GROUPS_MAX = 50;
export const LADDERS_MAX = 10;
export const LEVELS_MAX = 20;
export const POINTS_MAX = 1_000_000;
const NAME_MAX = 100;

export const name = z.string().min(1, "must not be empty").max(NAME_MAX, `must be at most ${NAME_MAX} characters`);
const points = z
  .number(`must be a number between ${-POINTS_MAX} and ${POINTS_MAX}`)
  .min(-POINTS_MAX, `must be at least ${-POINTS_MAX}`)
  .max(POINTS_MAX, `must be at most ${POINTS_MAX}`);
const duration = z
  .string(`must be ${DURATION_HINT}`)
  .refine((text) => durationMs(text) !== null, `must be ${DURATION_HINT}`)
  .meta({ pattern: "^[0-9]{1,12}[smhdw]$", examples: ["45s", "30m", "12h", "7d", "4w"] });

const decay = z
  .strictObject({
    halfLife: duration.optional(),
    linear: duration.optional(),
    expires: duration.optional(),
    every: duration.optional(),
    percent: z.number().gt(0, "must be above 0").max(100, "must be at most 100").optional(),
  })
  .describe("How an award loses its worth with age: exactly one of halfLife, linear, expires, or every with percent.");

/** Compiled by condition.ts, which says what is wrong; condition-schema.ts says to editors what is right. */
const condition = (id: ConditionName) => z.record(z.string(), z.unknown(), "must be an object of tests").meta({ id });
const where = condition("EventCondition");
const state = condition("LeadCondition");
const standing = condition("LevelCondition");

/** A record that names how many entries it may have. */
function named<T extends z.ZodType>(value: T, most: number, what: string) {
  return z.record(name, value, `must be an object of ${what}`).refine((all) => Object.keys(all).length <= most, {
    error: `holds more than ${most} ${what}`,
    // Also where an entry is wrong.
    when: ({ value: all }) => all !== null && typeof all === "object" && !Array.isArray(all),
  });
}

export const limitSchema = z.strictObject({
  times: z.int("must be a whole number, 1 or more").min(1, "must be 1 or more"),
  per: z.enum(["visit", "day", "week", "month"], "must be visit, day, week or month").optional(),
  by: name.optional(),
});

export const ruleSchema = z.strictObject({
  id: name,
  dimension: name.optional(),
  group: name.optional(),
  on: name.optional().describe("An event type (page, screen, identify, group) or a track event's name."),
  where: where.optional(),
  while: state.optional(),
  points: points.optional(),
  reset: z.array(name, "must be an array of dimensions").min(1, "must name at least one dimension").optional(),
  disqualify: name.optional().describe("The reason, shown to marketers."),
  limit: limitSchema.optional(),
  decay: decay.nullable().optional(),
});

export const counterSchema = z.strictObject({
  on: name,
  where: where.optional(),
  within: z
    .string(`must be "visit" or ${DURATION_HINT}`)
    .refine((text) => text === "visit" || durationMs(text) !== null, `must be "visit" or ${DURATION_HINT}`)
    .optional(),
  sum: name.optional().describe("A number of the event to add up, for instance properties.seconds."),
});

const limits = { min: points.optional(), max: points.optional() };
export const groupSchema = z.strictObject(limits);
export const dimensionSchema = z.strictObject({ decay: decay.nullable().optional(), ...limits });

export const levelSchema = z.strictObject({ name, when: standing.optional() });

export const rulesSchema = z
  .strictObject({
    $schema: z.string().optional(),
    dimensions: named(dimensionSchema, DIMENSIONS_MAX, "dimensions").optional(),
    groups: named(groupSchema, GROUPS_MAX, "groups").optional(),
    counters: named(counterSchema, COUNTERS_MAX, "counters").optional(),
    rules: z.array(ruleSchema, "must be an array of rules").max(RULES_MAX, `holds more than ${RULES_MAX} rules`),
    levels: named(
      z
        .array(levelSchema, "must be an array of levels, lowest first")
        .min(1, "must hold at least one level")
        .max(LEVELS_MAX, `holds more than ${LEVELS_MAX} levels`),
      LADDERS_MAX,
      "ladders",
    ),
    hysteresis: z.record(name, z.number().min(0, "must be 0 or more")).optional(),
  })
  .meta({ title: "Kelvin rules", description: "How a site scores its visitors." });

export type RulesDocument = z.infer<typeof rulesSchema>;
export type RuleDocument = z.infer<typeof ruleSchema>;

/** The JSON Schema (2020-12) of a document, for editors to complete from. */
export function rulesJsonSchema(): object {
  const schema = z.toJSONSchema(rulesSchema, { io: "input" });
  return { ...schema, $defs: { ...schema.$defs, ...conditionDefinitions() } };
}
