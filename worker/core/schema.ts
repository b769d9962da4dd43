/**
 * The shape of a rule document (contract: "Rules"), as zod. It is what `GET /rules.schema.json` is made of and the
 * first half of validation; what one part says about another (references, duplicates, order) is checked in rules.ts.
 */
import * as z from "zod/mini";
import { type ConditionName, conditionDefinitions } from "./condition-schema";
import { described, withMeta } from "./described";
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

export const name = z
  .string()
  .check(z.minLength(1, "must not be empty"), z.maxLength(NAME_MAX, `must be at most ${NAME_MAX} characters`));
const points = z
  .number(`must be a number between ${-POINTS_MAX} and ${POINTS_MAX}`)
  .check(z.gte(-POINTS_MAX, `must be at least ${-POINTS_MAX}`), z.lte(POINTS_MAX, `must be at most ${POINTS_MAX}`));
const duration = withMeta(
  z.string(`must be ${DURATION_HINT}`).check(z.refine((text) => durationMs(text) !== null, `must be ${DURATION_HINT}`)),
  { pattern: "^[0-9]{1,12}[smhdw]$", examples: ["45s", "30m", "12h", "7d", "4w"] },
);

const decay = described(
  z.strictObject({
    halfLife: z.optional(duration),
    linear: z.optional(duration),
    expires: z.optional(duration),
    every: z.optional(duration),
    percent: z.optional(z.number().check(z.gt(0, "must be above 0"), z.lte(100, "must be at most 100"))),
  }),
  "How an award loses its worth with age: exactly one of halfLife, linear, expires, or every with percent.",
);

/** Compiled by condition.ts, which says what is wrong; condition-schema.ts says to editors what is right. */
const condition = (id: ConditionName) =>
  withMeta(z.record(z.string(), z.unknown(), "must be an object of tests"), { id });
const where = condition("EventCondition");
const state = condition("LeadCondition");
const standing = condition("LevelCondition");

/** A record that names how many entries it may have. */
function named<T extends z.ZodMiniType>(value: T, most: number, what: string) {
  return z.record(name, value, `must be an object of ${what}`).check(
    z.refine((all) => Object.keys(all).length <= most, {
      error: `holds more than ${most} ${what}`,
      // Also where an entry is wrong.
      when: ({ value: all }) => all !== null && typeof all === "object" && !Array.isArray(all),
    }),
  );
}

export const limitSchema = z.strictObject({
  times: z.int("must be a whole number, 1 or more").check(z.gte(1, "must be 1 or more")),
  per: z.optional(z.enum(["visit", "day", "week", "month"], "must be visit, day, week or month")),
  by: z.optional(name),
});

export const ruleSchema = z.strictObject({
  id: name,
  dimension: z.optional(name),
  group: z.optional(name),
  on: described(z.optional(name), "An event type (page, screen, identify, group) or a track event's name."),
  where: z.optional(where),
  while: z.optional(state),
  points: z.optional(points),
  reset: z.optional(
    z.array(name, "must be an array of dimensions").check(z.minLength(1, "must name at least one dimension")),
  ),
  disqualify: described(z.optional(name), "The reason, shown to marketers."),
  limit: z.optional(limitSchema),
  decay: z.optional(z.nullable(decay)),
});

export const counterSchema = z.strictObject({
  on: name,
  where: z.optional(where),
  within: z.optional(
    z
      .string(`must be "visit" or ${DURATION_HINT}`)
      .check(z.refine((text) => text === "visit" || durationMs(text) !== null, `must be "visit" or ${DURATION_HINT}`)),
  ),
  sum: described(z.optional(name), "A number of the event to add up, for instance properties.seconds."),
});

const limits = { min: z.optional(points), max: z.optional(points) };
export const groupSchema = z.strictObject(limits);
export const dimensionSchema = z.strictObject({ decay: z.optional(z.nullable(decay)), ...limits });

export const levelSchema = z.strictObject({ name, when: z.optional(standing) });

export const rulesSchema = withMeta(
  z.strictObject({
    $schema: z.optional(z.string()),
    dimensions: z.optional(named(dimensionSchema, DIMENSIONS_MAX, "dimensions")),
    groups: z.optional(named(groupSchema, GROUPS_MAX, "groups")),
    counters: z.optional(named(counterSchema, COUNTERS_MAX, "counters")),
    rules: z
      .array(ruleSchema, "must be an array of rules")
      .check(z.maxLength(RULES_MAX, `holds more than ${RULES_MAX} rules`)),
    levels: named(
      z
        .array(levelSchema, "must be an array of levels, lowest first")
        .check(
          z.minLength(1, "must hold at least one level"),
          z.maxLength(LEVELS_MAX, `holds more than ${LEVELS_MAX} levels`),
        ),
      LADDERS_MAX,
      "ladders",
    ),
    hysteresis: z.optional(z.record(name, z.number().check(z.gte(0, "must be 0 or more")))),
  }),
  { title: "Kelvin rules", description: "How a site scores its visitors." },
);

export type RulesDocument = z.infer<typeof rulesSchema>;
export type RuleDocument = z.infer<typeof ruleSchema>;

/** The JSON Schema (2020-12) of a document, for editors to complete from. */
export function rulesJsonSchema(): object {
  const schema = z.toJSONSchema(rulesSchema, { io: "input" });
  return { ...schema, $defs: { ...schema.$defs, ...conditionDefinitions() } };
}
