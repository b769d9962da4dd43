/** Before all tests: what is built (dist/: the tag, the files beside the Worker) must be of the source as it is. */
import { execFileSync } from "node:child_process";

export default function build(): void {
  execFileSync(process.execPath, ["tools/build.ts"], { stdio: ["ignore", "ignore", "inherit"] });
}
