/** Conditions as JSON Schema: fields and operators that an editor completes. The compiler in condition.ts decides. */
import { EVENT_FIELDS, LEAD_FIELDS } from "./fields";

export type ConditionName = "EventCondition" | "LeadCondition" | "LevelCondition";

const ref = (name: string) => ({ $ref: `#/$defs/${name}` });

/** Definitions that the conditions of the rules' schema refer to. */
export function conditionDefinitions(): Record<string, object> {
  const durations = ["inactive"];
  const plain = LEAD_FIELDS.filter((field) => !durations.includes(field));
  return {
    EventCondition: condition("EventCondition", EVENT_FIELDS, [], "^(properties|traits)\\..+$"),
    LeadCondition: condition("LeadCondition", plain, durations, "^(traits|counters)\\..+$"),
    LevelCondition: condition("LevelCondition", [...plain, "score"], durations, "^(traits|counters|scores)\\..+$"),
    Scalar: { type: ["string", "number", "boolean"] },
    Test: test({ type: "number" }),
    DurationTest: test({ type: "string", pattern: "^[0-9]{1,12}[smhdw]$" }),
  };
}

function condition(
  name: ConditionName,
  plain: readonly string[],
  durations: readonly string[],
  others: string,
): object {
  const list = { type: "array", items: ref(name), minItems: 1 };
  const onLead = name !== "EventCondition";
  return {
    type: "object",
    description: "Tests by field, all of which must hold.",
    minProperties: 1,
    properties: {
      any: { ...list, description: "At least one of these holds." },
      all: { ...list, description: "All of these hold." },
      not: { ...ref(name), description: "This does not hold." },
      ...Object.fromEntries(plain.map((field) => [field, ref("Test")])),
      ...Object.fromEntries(durations.map((field) => [field, ref("DurationTest")])),
    },
    patternProperties: { [others]: ref("Test"), ...(onLead ? { "^since\\..+$": ref("DurationTest") } : {}) },
    additionalProperties: false,
  };
}

/** A test whose numbers are of a type: equality, any of, or operators that must all hold. */
function test(bound: object): object {
  return {
    anyOf: [
      { ...ref("Scalar"), description: "Equals; text without regard to case, * for any run of characters." },
      { type: "array", items: ref("Scalar"), minItems: 1, description: "Equals any of these." },
      {
        type: "object",
        minProperties: 1,
        properties: {
          eq: ref("Scalar"),
          in: { type: "array", items: ref("Scalar"), minItems: 1 },
          gt: bound,
          gte: bound,
          lt: bound,
          lte: bound,
          between: { type: "array", items: bound, minItems: 2, maxItems: 2, description: "Both ends included." },
          contains: ref("Scalar"),
          exists: { type: "boolean" },
          not: ref("Test"),
        },
        additionalProperties: false,
      },
    ],
  };
}
