/** The presets as they are in the source. */
import b2b from "../../worker/core/presets/b2b.json" with { type: "json" };
import type { PresetName } from "../../worker/core/presets/index.ts";
import minimal from "../../worker/core/presets/minimal.json" with { type: "json" };
import saas from "../../worker/core/presets/saas.json" with { type: "json" };
import type { RulesDocument } from "../../worker/core/schema.ts";

// JSON modules are typed by their text, in which "day" is any text; test/core/presets.test.ts compiles them.
export const PRESETS: Record<PresetName, RulesDocument> = {
  b2b: b2b as RulesDocument,
  saas: saas as RulesDocument,
  minimal: minimal as RulesDocument,
};
