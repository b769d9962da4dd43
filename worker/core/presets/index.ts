/** Rule documents to start from, each a file here; docs/rules.md says what is in them. */
export const PRESET_NAMES = ["b2b", "saas", "minimal"] as const;
export type PresetName = (typeof PRESET_NAMES)[number];

/** What a new site begins with, unless it chooses another. */
export const FIRST_PRESET: PresetName = "b2b";
