/**
 * Personalisation at the edge, as a Worker in front of a site: `<html data-kelvin="…">` is in the page before it leaves,
 * so the right call to action is there with the first byte, without script too. To be copied; docs/personalisation.md says
 * how. The demo site serves any of its pages through it at `?edge`.
 *
 * The page never depends on Kelvin: without an answer in time, or without one that makes sense, it goes out as it came.
 */

export interface EdgeEnv {
  /** The site; without it the request goes on to where it would have gone (a route on the site's own zone). */
  SITE?: Pick<Fetcher, "fetch">;
  /** Kelvin as a service binding; without it KELVIN_URL is called. */
  KELVIN?: Pick<Fetcher, "fetch">;
  KELVIN_URL?: string;
  WRITE_KEY: string;
  /** As `data-holdout` on the tag: percent of visitors for whom the page keeps its default. */
  HOLDOUT?: string;
}

/** How long a page may wait for its temperature, ms: less than anybody notices. */
const PATIENCE_MS = 200;
/** Names of levels as rules have them; anything else is not written into a page. */
const TEMPERATURE = /^[\w-]{1,64}$/;

export default {
  async fetch(request: Request, env: EdgeEnv): Promise<Response> {
    const visitor = wantsPage(request) ? visitorOf(request) : null;
    if (visitor === null || isHeldOut(visitor, env.HOLDOUT)) return await site(request, env);
    // A copy that the browser has may be for another temperature, so it is not asked for.
    const whole = new Request(request);
    for (const name of ["If-None-Match", "If-Modified-Since"]) whole.headers.delete(name);
    const [page, temperature] = await Promise.all([site(whole, env), ask(visitor, env)]);
    const isHtml = page.headers.get("Content-Type")?.startsWith("text/html");
    return temperature !== null && isHtml ? personalised(page, temperature) : page;
  },
};

async function site(request: Request, { SITE }: EdgeEnv): Promise<Response> {
  return await (SITE ? SITE.fetch(request) : fetch(request));
}

/** Browsers say so when they go to a page: pictures and the like pass without a question. */
function wantsPage(request: Request): boolean {
  return request.method === "GET" && (request.headers.get("Accept") ?? "").includes("text/html");
}

/** The visitor of Kelvin's cookie; `null`: there is none, or they do not want to be known. */
function visitorOf(request: Request): string | null {
  if (request.headers.get("Sec-GPC") === "1") return null;
  const kept = /(?:^|;\s*)kelvin=([^;]+)/.exec(request.headers.get("Cookie") ?? "")?.[1];
  try {
    return kept ? decodeURIComponent(kept) : null;
  } catch {
    return null;
  }
}

/** Whether the page keeps its default for a visitor; the tag finds the same (snippet/personalise.ts). */
function isHeldOut(visitor: string, share = "0"): boolean {
  return Number.parseInt(visitor.slice(0, 9), 33) % 100 < Number(share);
}

/** A visitor's temperature; `null`: not known, whatever the reason. */
async function ask(visitor: string, { KELVIN, KELVIN_URL, WRITE_KEY }: EdgeEnv): Promise<string | null> {
  const url = new URL("/v1/me", KELVIN_URL ?? "https://kelvin");
  url.search = new URLSearchParams({ writeKey: WRITE_KEY, anonymousId: visitor }).toString();
  try {
    const init = { signal: AbortSignal.timeout(PATIENCE_MS) };
    const answer = await (KELVIN ? KELVIN.fetch(url.href, init) : fetch(url, init));
    if (!answer.ok) return null;
    const { temperature } = (await answer.json()) as { temperature?: unknown };
    return typeof temperature === "string" && TEMPERATURE.test(temperature) ? temperature : null;
  } catch {
    return null;
  }
}

function personalised(page: Response, temperature: string): Response {
  const written = new HTMLRewriter()
    .on("html", { element: (html) => void html.setAttribute("data-kelvin", temperature) })
    .transform(page);
  const answer = new Response(written.body, written);
  // For this visitor, now: nobody may keep it for others, and their own browser has to ask again.
  answer.headers.set("Cache-Control", "private, no-cache");
  answer.headers.append("Vary", "Cookie");
  for (const name of ["ETag", "Last-Modified"]) answer.headers.delete(name);
  return answer;
}
