/**
 * `npm run move-site -- --api URL --site ID --to DB_1`: moves a site to another database and shows how far it is. The key
 * is that of an administrator, in the environment as KELVIN_ADMIN_KEY. Ended on the way, it is begun again by the same
 * command; without it, the run of every minute goes on too.
 */
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";

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

const USAGE = "KELVIN_ADMIN_KEY=… npm run move-site -- --api https://kelvin.example.com --site ID --to DB_1";

function options() {
  const { values } = parseArgs({
    options: { api: { type: "string" }, site: { type: "string" }, to: { type: "string" }, help: { type: "boolean" } },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const { api, site, to } = values;
  const key = process.env.KELVIN_ADMIN_KEY;
  if (!api || !site || !to || !key) throw new Error(`how it is called: ${USAGE}`);
  return { url: `${api.replace(/\/+$/, "")}/v1/sites/${encodeURIComponent(site)}/move`, to, key };
}

async function call(url: string, key: string, to: string): Promise<Move> {
  for (let failures = 0; ; failures++) {
    const headers = { Authorization: `Bearer ${key}` };
    const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify({ database: to }) }).catch(
      (error: Error) => error,
    );
    if (answer instanceof Response && answer.ok) return (await answer.json()) as Move;
    const isOver = answer instanceof Response && answer.status < 500;
    const said = answer instanceof Response ? await answer.text() : answer.message;
    if (isOver || failures === FAILURES_MAX) throw new Error(said);
    await pause(PAUSE_MS);
  }
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
