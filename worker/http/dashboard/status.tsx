/** The page of how Kelvin is doing. */
import type { Context } from "hono";
import { StatusPage } from "../../dashboard/status";
import { listDead } from "../../db/dead";
import { removeDead, replayDead } from "../../dead";
import { statusOf } from "../../status";
import type { Api } from "../context";
import { showDeadLetter } from "../dead";
import type { Hono } from "../hono";
import { enter, page, signedForm, siteIn } from "./visit";

/** Dead letters on the page, the oldest. */
const LETTERS_LIMIT = 20;

const DONE: Record<string, string> = {
  replayed: "All that were tried again have counted",
  failed: "Some could still not be counted: they stay below",
  deleted: "The dead letter is gone",
};

export function statusPages(app: Hono, api: Api): void {
  app.get("/setup/status", async (c) => {
    const { frame, site, deps } = await enter(api, c);
    const [status, letters] = await Promise.all([
      statusOf(deps, site),
      listDead(deps.db, site.id, null, LETTERS_LIMIT),
    ]);
    const done = DONE[c.req.query("done") ?? ""] ?? null;
    return await page(c, <StatusPage {...{ frame, status, done, deadLetters: letters.map(showDeadLetter) }} />);
  });

  app.post("/setup/status/replay", async (c) => {
    await signedForm(api, c, "write");
    const { site, deps } = await enter(api, c);
    const { failed } = await replayDead(deps, site, null);
    return back(c, failed.length > 0 ? "failed" : "replayed");
  });

  app.post("/setup/status/delete", async (c) => {
    const { id = "" } = await signedForm(api, c, "write");
    const { site, deps } = await enter(api, c);
    await removeDead(deps, site, id);
    return back(c, "deleted");
  });
}

function back(c: Context, done: string): Response {
  return c.redirect(`/dashboard/setup/status?${new URLSearchParams({ ...siteIn(c), done })}`, 303);
}
