/** Many rows as JSON, in as few statements' parameters as D1 takes them: an invocation has a limited number. */
import { inGroups } from "../core/groups";

/** Most characters of a parameter, well under the 2 MB of D1; a larger text goes alone. */
const PARAMETER_MAX_CHARS = 500_000;

/** Texts of JSON as arrays of them. */
export function parametersOf(texts: readonly string[]): string[] {
  const parts = inGroups(
    texts,
    ({ length }) => length,
    (_, chars, more) => chars + more <= PARAMETER_MAX_CHARS,
  );
  return parts.map((part) => `[${part.join(",")}]`);
}
