/** Gives the core, which reads no files, what a Worker reads when it starts; called from the project's folder. */
import { globSync, readFileSync } from "node:fs";
import { learnFreeMail } from "../../worker/core/mail.ts";
import { learnReferrers } from "../../worker/core/referrers.ts";

/** The only one of a name; tools/build.ts puts a digest after it. */
const list = (name: string) => readFileSync(globSync(`dist/assets/lists/${name}-*`)[0] ?? "");

export function learnLists(): void {
  learnFreeMail(new Uint8Array(list("free-mail")).buffer);
  learnReferrers(JSON.parse(list("referrers").toString()));
}
