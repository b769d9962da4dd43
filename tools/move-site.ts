/** `npm run move-site`: moves a site to another database. Ended on the way, the run of every minute goes on with it. */
import { setTimeout as pause } from "node:timers/promises";
import { optionsOf, refuse } from "./options.ts";

interface Move {
  state: "none" | "copying" | "clearing" | "stopping" | "done" | "stopped";
  database: string;
  copied: number;
  note: string | null;
}

/** Between two calls while nothing is to be copied, ms. */
const PAUSE_MS = 2_000;
/** Calls in a row that may fail: a database that is busy, a network that is gone for a moment. */
const FAILURES_MAX = 30;

const HELP = `KELVIN_ADMIN_KEY=… npm run move-site -- --api URL --site ID --to DATABASE

Moves a site to another database, and shows how far it is. Called again, it goes on where it was.

  --api URL       where Kelvin is, as https://kelvin.example.com
  --site ID       the site's id, as GET /v1/sites tells it
  --to DATABASE   the binding of the database: DB, DB_1 and so on
  --help          this text

KELVIN_ADMIN_KEY is the key of the deployment, in the environment.`;

function options() {
  const { api, site, to } = optionsOf(HELP, {
    api: { type: "string" },
    site: { type: "string" },
    to: { type: "string" },
  });
  const key = process.env.KELVIN_ADMIN_KEY;
  if (!api || !site || !to) return refuse(`It needs --api, --site and --to.\n\n${HELP}`);
  if (!key) return refuse(`KELVIN_ADMIN_KEY is not in the environment.\n\n${HELP}`);
  if (!/^https?:\/\//.test(api) || !URL.canParse(api))
    return refuse(`--api is "${api}"; it must be where Kelvin is, as https://kelvin.example.com.`);
  return { url: `${api.replace(/\/+$/, "")}/v1/sites/${encodeURIComponent(site)}/move`, to, key };
}

async function call(url: string, key: string, to: string): Promise<Move> {
  for (let failures = 0; ; failures++) {
    const headers = { Authorization: `Bearer ${key}` };
    const body = JSON.stringify({ database: to });
    // Followed, a redirect would become a GET without the key.
    const answer = await fetch(url, { method: "POST", headers, body, redirect: "manual" }).catch(
      (error: Error) => error,
    );
    const isJson = answer instanceof Response && answer.headers.get("Content-Type")?.startsWith("application/json");
    if (isJson && answer.ok) return (await answer.json()) as Move;
    const isOver = answer instanceof Response ? answer.status < 500 : isInVain(answer);
    const said = answer instanceof Response ? await wordsOf(answer) : `${url}: ${answer.cause ?? answer}`;
    if (isOver || failures === FAILURES_MAX) throw new Error(said);
    console.error(`${said}; it is tried again, ${failures + 1} of ${FAILURES_MAX}`);
    await pause(PAUSE_MS);
  }
}

/** Whether an address cannot be right: nobody has its name, or no client calls its port. */
function isInVain({ cause }: Error): boolean {
  const { code, message } = (cause ?? {}) as { code?: string; message?: string };
  return code === "ENOTFOUND" || message === "bad port";
}

/** What an answer says that is none to the call. */
async function wordsOf(answer: Response): Promise<string> {
  const isOurs = answer.headers.get("Content-Type") === "application/problem+json";
  if (isOurs) return ((await answer.json()) as { detail: string }).detail;
  const to = answer.headers.get("Location");
  return `${answer.url} answers ${answer.status}${to ? `, and leads to ${to}` : ""}, which is none of Kelvin's answers`;
}

const WORDS: Record<Move["state"], string> = {
  none: "it lives there already",
  copying: "copying",
  clearing: "it lives there now; the old rows are deleted in half a minute",
  stopping: "it stays; what was copied is deleted",
  done: "done",
  stopped: "it stays",
};

async function main(): Promise<void> {
  const { url, key, to } = options();
  let shown = "";
  for (;;) {
    const { state, copied, note, database } = await call(url, key, to);
    const rows = state === "copying" ? `, ${copied} rows so far` : "";
    const line = `${database}: ${WORDS[state]}${rows}${note === null ? "" : ` (${note})`}`;
    if (line !== shown) console.log(line);
    shown = line;
    if (state === "done" || state === "none") return;
    if (state === "stopping" || state === "stopped") throw new Error("the site was not moved");
    if (state !== "copying") await pause(PAUSE_MS);
  }
}

main().catch((error: Error) => {
  console.error(`move-site: ${error.message}`);
  process.exit(1);
});
