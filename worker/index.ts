/** Entry points of the Worker. */
import { createApp } from "./app";
import type { Letter } from "./backlog";
import { buryAll } from "./dead";
import { deliver, forgetDeliveries, IN_RUN, NO_WAIT, type Patience } from "./deliver";
import { createDeps, type Deps } from "./deps";
import { drain } from "./drain";
import type { Env } from "./env";
import { forgetErasures } from "./erase";
import { logError } from "./http/log";
import { goOnMoving } from "./move";
import { overwriteDeleted } from "./overwrite";
import { prune } from "./prune";
import { refoldAll } from "./refold";
import { refresh } from "./refresh";
import { sweep } from "./sweep";
import { forgetOldTallies } from "./tallies";

let held: { deps: Deps; app: ReturnType<typeof createApp>; env: Env } | null = null;

/** What the isolate holds: made with the first request, and anew where the bindings are others. */
function kelvin(env: Env) {
  if (held?.env !== env) {
    const deps = createDeps(
      () => env.DB,
      () => Date.now(),
      () => crypto.randomUUID().replaceAll("-", ""),
      env,
      () => overwriteDeleted(env).catch((error) => logError({ work: "overwrite" }, error)),
    );
    held = { deps, app: createApp(deps, env), env };
  }
  return held;
}

/** What is to be done in one database. */
function runsOf(deps: Deps, patience: Patience): Promise<unknown>[] {
  const [swept, refolded] = [sweep(deps), refoldAll(deps)];
  return [
    swept,
    refolded,
    // What those two cross is told in the same run. One called by hand, which has no cron, keeps nobody waiting.
    Promise.allSettled([swept, refolded]).then(() => deliver(deps, patience)),
    forgetDeliveries(deps),
    forgetErasures(deps),
    // One after the other: both write scores of leads that nobody else writes.
    refresh(deps).finally(() => prune(deps)),
  ];
}

export default {
  fetch(request, env, context) {
    return kelvin(env).app.fetch(request, env, context);
  },
  async queue(batch, env) {
    const { deps } = kelvin(env);
    // The queue of the dead has the name of the other in its own: wrangler.toml.
    if (batch.queue.endsWith("-dead")) await buryAll(deps, batch.messages);
    else await drain(deps, batch.messages);
  },
  async scheduled({ cron }, env) {
    const { deps } = kelvin(env);
    // One that fails keeps none of the others from running; what it left waits for the next minute.
    const databases = deps.databases.map((database) => deps.in({ database }));
    const runs = await Promise.allSettled([
      ...databases.flatMap((one) => runsOf(one, cron ? IN_RUN : NO_WAIT)),
      forgetOldTallies(deps),
      goOnMoving(deps),
    ]);
    const failed = runs.filter((run) => run.status === "rejected");
    for (const { reason } of failed) logError({ work: "scheduled" }, reason);
    if (failed.length > 0) throw new Error(`${failed.length} of ${runs.length} scheduled runs failed`);
  },
} satisfies ExportedHandler<Env, Letter>;
