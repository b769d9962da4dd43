/** JSON Schemas for people: a line for each field, what has a name linked to where it is told. */
import type { Child, FC } from "hono/jsx";
import type { JsonSchema } from "../openapi";

const isSchema = (value: unknown): value is JsonSchema =>
  value !== null && typeof value === "object" && !Array.isArray(value);
const schemas = (value: unknown): JsonSchema[] => (Array.isArray(value) ? value.filter(isSchema) : []);

/** Deepest that fields within fields are shown; past it only their type is. */
const DEPTH_MAX = 4;

/** The name of a schema that is told elsewhere. */
export function nameOf({ $ref }: JsonSchema): string | null {
  return typeof $ref === "string" ? ($ref.split("/").at(-1) ?? null) : null;
}

/** What a value is, in a few words. */
export const Type: FC<{ schema: JsonSchema }> = ({ schema }) => {
  const name = nameOf(schema);
  if (name !== null) return <a href={`#schema-${name}`}>{name}</a>;
  const { const: constant, enum: choices, type, format, items, additionalProperties } = schema;
  const parts = schemas(schema.anyOf ?? schema.oneOf);
  if (parts.length > 0) return <>{between(parts.map((part) => <Type schema={part} />))}</>;
  if (constant !== undefined) return <>{JSON.stringify(constant)}</>;
  if (Array.isArray(choices)) return <>{choices.map((one) => JSON.stringify(one)).join(" | ")}</>;
  if (type === "array" && isSchema(items)) {
    return (
      <>
        list of <Type schema={items} />
      </>
    );
  }
  if (type === "object" && isSchema(additionalProperties) && Object.keys(additionalProperties).length > 0) {
    return (
      <>
        object of <Type schema={additionalProperties} />
      </>
    );
  }
  const plain = Array.isArray(type) ? type.join(" | ") : String(type ?? "any");
  return <>{typeof format === "string" ? `${plain} (${format})` : plain}</>;
};

/** Words of alternatives with bars between them. */
function between(parts: Child[]): Child[] {
  return parts.flatMap((part, i) => (i === 0 ? [part] : [" | ", part]));
}

/** What a schema says beside the type: its bounds and its default. */
export function boundsOf({ minimum, maximum, minLength, maxLength, maxItems, pattern, default: standard }: JsonSchema) {
  const said: [string, unknown][] = [
    ["from", minimum],
    ["to", maximum],
    ["at least", minLength],
    ["at most", maxLength ?? maxItems],
    ["pattern", pattern],
    ["default", standard],
  ];
  return said
    .flatMap(([word, value]) => (value === undefined ? [] : [`${word} ${String(value ?? "null")}`]))
    .join(", ");
}

/** The fields of a schema; of a list, those of its entries. */
export const Fields: FC<{ schema: JsonSchema; depth?: number }> = ({ schema, depth = 0 }) => {
  const inner = innerOf(schema);
  const { properties, required } = inner;
  if (depth > DEPTH_MAX) return null;
  if (!isSchema(properties)) {
    const options = schemas(inner.anyOf).filter((one) => nameOf(one) === null && isSchema(innerOf(one).properties));
    return (
      <>
        {options.map((one) => (
          <Fields schema={one} depth={depth + 1} />
        ))}
      </>
    );
  }
  const needed = Array.isArray(required) ? required : [];
  return (
    <ul class="fields">
      {Object.entries(properties).map(([name, field]) =>
        isSchema(field) ? <Field name={name} schema={field} isNeeded={needed.includes(name)} depth={depth} /> : null,
      )}
    </ul>
  );
};

/** What a list is of, or the values of an object whose names are open. */
function innerOf(schema: JsonSchema): JsonSchema {
  if (isSchema(schema.items)) return innerOf(schema.items);
  return isSchema(schema.additionalProperties) && !schema.properties ? innerOf(schema.additionalProperties) : schema;
}

const Field: FC<{ name: string; schema: JsonSchema; isNeeded: boolean; depth: number }> = (props) => {
  const { name, schema, isNeeded, depth } = props;
  const bounds = boundsOf(schema);
  return (
    <li>
      <code class="name">{name}</code>{" "}
      <span class="type">
        <Type schema={schema} />
      </span>
      {isNeeded ? null : <span class="optional"> optional</span>}
      {bounds ? <span class="bounds"> · {bounds}</span> : null}
      {typeof schema.description === "string" ? <span class="says"> {schema.description}</span> : null}
      {nameOf(innerOf(schema)) === null ? <Fields schema={schema} depth={depth + 1} /> : null}
    </li>
  );
};
