/** What schemas say to people and programs beside their shape: it goes into JSON Schemas and nowhere else. */
import * as z from "zod/mini";

/** The same schema with a description. */
export function described<T extends z.ZodMiniType>(schema: T, description: string): T {
  return withMeta(schema, { description });
}

/** The same schema with what else a JSON Schema may have. */
export function withMeta<T extends z.ZodMiniType>(schema: T, meta: z.core.GlobalMeta): T {
  const copy = schema.clone();
  z.globalRegistry.add(copy, meta);
  return copy;
}
