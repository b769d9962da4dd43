/** The dashboard: its door, its files and its sections. Pages are HTML in worker/dashboard, here is what they show. */
import type { Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import paths from "../../../dist/files.js";
import { ProblemPage } from "../../dashboard/problem";
import { SignIn } from "../../dashboard/sign-in";
import { Failure } from "../../failure";
import { BODY_MAX_BYTES } from "../body";
import { keyHolder } from "../caller";
import type { Api } from "../context";
import { problem } from "../errors";
import { serveFile } from "../file";
import { Hono } from "../hono";
import { ACCESS_SIGN_OUT, accessSession, closeSession, openSession, readSession } from "../session";
import { keyPages } from "./keys";
import { leadPages } from "./leads";
import { reportPages } from "./reports";
import { rulesPages } from "./rules";
import { setupPages } from "./setup";
import { statusPages } from "./status";
import { arrive, keepBookmark, ownForm, page, SignInNeeded, SiteNeeded, signedForm } from "./visit";
import { webhookPages } from "./webhooks";

const HOME = "/dashboard";
const DOOR = "/dashboard/sign-in";

/** Largest form: a document as large as the API takes, most of whose signs take three bytes in a form. */
const FORM_MAX_BYTES = 3 * BODY_MAX_BYTES;

const HEADERS = {
  // Style and script are files of ours; nothing inline runs, whatever gets into a page.
  "Content-Security-Policy":
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  // Not no-referrer: with it browsers send `Origin: null` with our own forms, and those are told by their origin.
  "Referrer-Policy": "same-origin",
  "Cross-Origin-Opener-Policy": "same-origin",
  "X-Robots-Tag": "noindex",
  // People's data: nothing of it is left in the browser after signing out.
  "Cache-Control": "no-store",
};

export function dashboardRoutes(api: Api): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    for (const [name, value] of Object.entries(HEADERS)) c.header(name, value);
    await next();
    await keepBookmark(c);
  });
  app.use(
    bodyLimit({
      maxSize: FORM_MAX_BYTES,
      onError: () => {
        throw new Failure("too_large", `A form has at most ${FORM_MAX_BYTES} bytes.`);
      },
    }),
  );
  app.onError((error, c) => failed(api, error, c));
  for (const path of [paths.dashboardStyle, paths.dashboardScript]) serveFile(app, api.deps.files, path, HOME);
  doorRoutes(app, api);
  leadPages(app, api);
  rulesPages(app, api);
  reportPages(app, api);
  setupPages(app, api);
  keyPages(app, api);
  webhookPages(app, api);
  statusPages(app, api);
  // Without this, unknown addresses would be looked up on the site that Kelvin shares its host with.
  app.all("*", (c) => {
    if (c.req.method === "GET" && c.req.path.endsWith("/")) return c.redirect(c.req.path.replace(/\/+$/, ""), 301);
    throw new Failure("not_found", `There is no page at ${c.req.path}.`);
  });
  return app;
}

function doorRoutes(app: Hono, api: Api): void {
  app.get("/sign-in", async (c) => {
    const next = within(c.req.query("next"));
    try {
      const session = await readSession(api, c.req.raw);
      if (session?.scopes.includes("read")) return c.redirect(next, 303);
      const provided = await accessSession(api, c.req.raw);
      return await page(c, <SignIn next={next} note={provided && LACKS_READ} />);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      // What is wrong with the provider's token keeps nobody out who has a key.
      return await page(c, <SignIn next={next} note={error.detail} />);
    }
  });

  app.post("/sign-in", async (c) => {
    const { key = "", next } = await ownForm(c);
    const refused = (wrong: string, status: 401 | 403) => page(c, <SignIn next={within(next)} wrong={wrong} />, status);
    const holder = await keyHolder(api, c, key.trim());
    if (!holder) return await refused("No such key. Check that all of it was pasted.", 401);
    if (!holder.scopes.includes("read")) return await refused('This key lacks the scope "read".', 403);
    await openSession(api, c, holder);
    return c.redirect(within(next), 303);
  });

  app.post("/sign-out", async (c) => {
    // Whoever's session is over already is signed out as they wished.
    await signedForm(api, c, "read").catch((error) => {
      if (!(error instanceof SignInNeeded)) throw error;
    });
    closeSession(c);
    // Whom Access sends along is in again at once, but for its own way out.
    const isProvided = await accessSession(api, c.req.raw).catch(() => null);
    return c.redirect(isProvided ? ACCESS_SIGN_OUT : DOOR, 303);
  });
}

const LACKS_READ = 'What your identity provider says of you lacks the scope "read".';

/** Where to go after signing in: a page of the dashboard, wherever the form says to go. */
function within(next: string | undefined): string {
  return next && /^\/dashboard(?:[/?]|$)/.test(next) && !next.startsWith(DOOR) ? next : HOME;
}

/** The page for whatever a route threw; its status and words are those of the API. */
async function failed(api: Api, error: unknown, c: Context): Promise<Response> {
  if (error instanceof SignInNeeded && c.req.method === "GET") {
    const { pathname, search } = new URL(c.req.url);
    const next = pathname + search;
    return c.redirect(next === HOME ? DOOR : `${DOOR}?${new URLSearchParams({ next })}`, 303);
  }
  if (error instanceof SiteNeeded) return c.redirect("/dashboard/sites/new", 303);
  const answer = problem(error, c);
  const { title, detail } = (await answer.json()) as { title: string; detail: string };
  const arrival = await arrive(api, c).catch(() => null);
  const kept = error instanceof SignInNeeded ? error.kept : undefined;
  const shown = <ProblemPage frame={arrival?.frame ?? null} title={title} detail={detail} kept={kept} />;
  return await page(c, shown, answer.status as 400);
}
