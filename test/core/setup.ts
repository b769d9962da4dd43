/** The core is pure and reads no files: what a Worker reads when it starts, it is given here. */
import { readFileSync } from "node:fs";
import { learnFreeMail } from "../../worker/core/mail.ts";

const { freeMail } = JSON.parse(readFileSync("dist/files.json", "utf8")) as { freeMail: string };
learnFreeMail(new Uint8Array(readFileSync(`dist/assets${freeMail}`)).buffer);
