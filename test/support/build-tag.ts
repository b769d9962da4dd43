/** Before all tests: the tag they run must be the one in the source (dist/k.js, and dist/k.js.txt for the Worker). */
import { execFileSync } from "node:child_process";

export default function buildTag(): void {
  execFileSync(process.execPath, ["snippet/build.mjs"], { stdio: ["ignore", "ignore", "inherit"] });
}
