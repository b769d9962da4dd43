/** The core is pure and reads no files: what a Worker reads when it starts, it is given here. */
import { globSync, readFileSync } from "node:fs";
import { learnFreeMail } from "../../worker/core/mail.ts";
import { learnReferrers } from "../../worker/core/referrers.ts";

/** The only one of a name; tools/build.ts puts a digest after it. */
const list = (name: string) => readFileSync(globSync(`dist/assets/lists/${name}-*`)[0] ?? "");

learnFreeMail(new Uint8Array(list("free-mail")).buffer);
learnReferrers(JSON.parse(list("referrers").toString()));
