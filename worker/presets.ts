/** The rule documents to start from, which are in a file beside the Worker: they are asked for by hand, and seldom. */
import paths from "../dist/files.js";
import type { PresetName } from "./core/presets";
import type { RulesDocument } from "./core/schema";
import { type Files, readFile } from "./files";

export async function presets(files: Files): Promise<Record<PresetName, RulesDocument>> {
  return await (await readFile(files, paths.presets)).json();
}
