/** The key that opens everything here: of the environment, else the one kept on this machine. */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { StartError } from "./start-error.ts";

export function adminKey(): string {
  const key = process.env.KELVIN_ADMIN_KEY || keptKey();
  if (/^[!-~]+$/.test(key)) return key;
  throw new StartError("KELVIN_ADMIN_KEY travels in a header: letters, digits and signs, no spaces.");
}

/** From .dev.vars, where `wrangler dev` looks too; made once if there is none. */
function keptKey(): string {
  const file = join(import.meta.dirname, "../.dev.vars");
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  const kept = parseEnv(text).KELVIN_ADMIN_KEY;
  if (kept) return kept;
  const key = `kelvin_admin_${randomBytes(24).toString("base64url")}`;
  const before = text === "" || text.endsWith("\n") ? text : `${text}\n`;
  writeFileSync(file, `${before}KELVIN_ADMIN_KEY=${key}\n`, { mode: 0o600 });
  return key;
}
