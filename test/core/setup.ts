/** The core is pure and reads no files: what a Worker reads when it starts, it is given here. */
import { readFileSync } from "node:fs";
import { learnFreeMail } from "../../worker/core/mail.ts";
import { learnReferrers } from "../../worker/core/referrers.ts";

const { freeMail, referrers } = JSON.parse(readFileSync("dist/files.json", "utf8")) as Record<string, string>;
learnFreeMail(new Uint8Array(readFileSync(`dist/assets${freeMail}`)).buffer);
learnReferrers(JSON.parse(readFileSync(`dist/assets${referrers}`, "utf8")));
