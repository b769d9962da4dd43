/** Rule documents to start from; docs/rules.md says what is in them. */
import type { RulesDocument } from "../schema";
import b2b from "./b2b.json" with { type: "json" };
import minimal from "./minimal.json" with { type: "json" };
import saas from "./saas.json" with { type: "json" };

// JSON modules are typed by their text, in which "day" is any text; test/core/presets.test.ts compiles them.
export const PRESETS = {
  b2b: b2b as RulesDocument,
  saas: saas as RulesDocument,
  minimal: minimal as RulesDocument,
} as const;

export type PresetName = keyof typeof PRESETS;
export const PRESET_NAMES = ["b2b", "saas", "minimal"] as const satisfies readonly PresetName[];

/** What a new site begins with, unless it chooses another. */
export const FIRST_PRESET: PresetName = "b2b";
