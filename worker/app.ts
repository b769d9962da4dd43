/** The whole route table. */
import { ping } from "./db/sites";
import { deliverWritten } from "./deliver";
import type { Deps } from "./deps";
import type { Env } from "./env";
import { Failure } from "./failure";
import type { Api } from "./http/context";
import { dashboardRoutes } from "./http/dashboard";
import { deadLetterRoutes } from "./http/dead";
import { problem } from "./http/errors";
import { Hono } from "./http/hono";
import { keyRoutes } from "./http/keys";
import { later } from "./http/later";
import { leadRoutes } from "./http/leads";
import { linkRoutes, mailRoutes } from "./http/links";
import { loggedOf, observe } from "./http/observe";
import { publicRoutes } from "./http/public";
import { reportRoutes } from "./http/reports";
import { rulesRoutes } from "./http/rules";
import { siteRoutes } from "./http/sites";
import { statusRoutes } from "./http/status";
import { tagRoutes } from "./http/tag";
import { toldRoutes } from "./http/told";
import { webhookRoutes } from "./http/webhooks";
import { providerOf } from "./provider";

export function createApp(deps: Deps, env: Omit<Env, "DB" | "ASSETS">): Hono {
  const app = new Hono();
  app.onError(problem);
  app.use(observe(deps, loggedOf(env.LOG_REQUESTS)));
  app.use(async (c, next) => {
    await next();
    if (deps.outbox.isWaiting) later(c, deliverWritten(deps));
  });
  app.route("/", tagRoutes(deps.files));
  const api: Api = { deps, adminKey: env.KELVIN_ADMIN_KEY, provider: providerOf(env), operations: [] };
  app.route("/v1", apiRoutes(api));
  app.route("/", mailRoutes(api));
  app.route("/", toldRoutes(deps.files));
  app.route("/dashboard", dashboardRoutes(api));
  app.get("/healthz", async (c) => {
    const pings = deps.databases.map((database) => ping(deps.in({ database }).db));
    const reachable = !(await Promise.all(pings)).includes(false);
    return c.json(
      { status: reachable ? "ok" : "unavailable", d1: reachable ? "reachable" : "unreachable" },
      reachable ? 200 : 503,
    );
  });
  app.notFound(async (c) => {
    if (env.SITE && !c.req.path.startsWith("/v1/")) return await env.SITE.fetch(c.req.raw);
    const methods = methodsAt(app, c.req.path);
    if (methods.length === 0) return problem(new Failure("not_found", `There is nothing at ${c.req.path}.`), c);
    c.header("Allow", methods.join(", "));
    return problem(new Failure("wrong_method", `${c.req.path} takes ${methods.join(", ")}.`), c);
  });
  return app;
}

/** The calls of the API; what there is to tell of them goes into `api.operations`. */
export function apiRoutes(api: Api): Hono {
  const app = new Hono();
  app.route("/", publicRoutes(api));
  app.route("/", leadRoutes(api));
  app.route("/", rulesRoutes(api));
  app.route("/", siteRoutes(api));
  app.route("/", keyRoutes(api));
  app.route("/", linkRoutes(api));
  app.route("/", webhookRoutes(api));
  app.route("/", reportRoutes(api));
  app.route("/", deadLetterRoutes(api));
  app.route("/", statusRoutes(api));
  return app;
}

/** Methods that a path has routes for. */
function methodsAt({ routes }: Hono, path: string): string[] {
  const steps = path.split("/");
  const fits = (pattern: string) => {
    const wanted = pattern.split("/");
    return wanted.length === steps.length && wanted.every((step, i) => step.startsWith(":") || step === steps[i]);
  };
  const found = routes.filter((route) => route.method !== "ALL" && fits(route.path));
  return [...new Set(found.map(({ method }) => method))];
}
