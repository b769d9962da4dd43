/**
 * What runs locally as the Worker: Kelvin as it is, plus `GET /cdn-cgi/handler/scheduled`, the address under which a
 * development server fires the scheduled handler. In production only the platform can do that. And its database keeps
 * still while the file is rewritten after an erasure.
 */
import type { Letter } from "../worker/backlog";
import type { Env } from "../worker/env";
import worker from "../worker/index";
import { takingTurns } from "./still";

const kelvin: ExportedHandler<Env, Letter> = worker;

const PATH = "/cdn-cgi/handler/scheduled";

async function runScheduled(url: URL, env: Env, ctx: ExecutionContext): Promise<Response> {
  const controller: ScheduledController = {
    cron: url.searchParams.get("cron") ?? "* * * * *",
    scheduledTime: Number(url.searchParams.get("time") ?? Date.now()),
    noRetry() {},
  };
  // The answer comes when all is done, background work included: whoever asked wants to see the effect.
  const background: Promise<unknown>[] = [];
  const waiting = Object.create(ctx, {
    waitUntil: { value: (work: Promise<unknown>) => void background.push(work) },
  }) as ExecutionContext;
  await kelvin.scheduled?.(controller, env, waiting);
  for (let done = 0; done < background.length; done++) await background[done];
  return new Response("ok");
}

let held: { given: Env; env: Env } | null = null;

/** What Kelvin is given: the same object for the same bindings. */
function bindings(given: Env): Env {
  if (held?.given !== given) held = { given, env: takingTurns(given) };
  return held.env;
}

export default {
  ...kelvin,
  async fetch(request, given, ctx) {
    const env = bindings(given);
    const url = new URL(request.url);
    return url.pathname === PATH ? runScheduled(url, env, ctx) : worker.fetch(request, env, ctx);
  },
} satisfies ExportedHandler<Env, Letter>;
