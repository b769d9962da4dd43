/**
 * The demo's marketing site: an invented company, with Kelvin's tag on every page as a customer would paste it.
 * Pages are contents only (site/pages); the layout goes around them at request time, and so does nothing else: what a
 * page shows to whom is decided by the tag, or at `?edge` before it leaves (edge.ts). The one thing a customer would not
 * have is the panel (panel.ts).
 */
import edge from "./edge";
import { readPanel } from "./panel";

export interface Env {
  /** demo/site as a folder. */
  FILES: Fetcher;
  KELVIN: Fetcher;
  KELVIN_ADMIN_KEY: string;
}

/** URL path to the file in site/pages. */
const PAGES: Readonly<Record<string, string>> = {
  "/": "home",
  "/product": "product",
  "/pricing": "pricing",
  "/blog": "blog",
  "/blog/what-detention-really-costs": "detention",
  "/blog/read-your-arrival-curve": "arrivals",
  "/blog/live-unload-or-drop-trailer": "trailers",
  "/case-studies/tarn-valley": "case-study",
  "/careers": "careers",
  "/demo": "demo",
  "/demo/thanks": "thanks",
};

/** URL path of a file in site to its content type. */
const ASSETS: Readonly<Record<string, string>> = {
  "/style.css": "text/css; charset=utf-8",
  "/favicon.svg": "image/svg+xml",
  "/panel.css": "text/css; charset=utf-8",
  "/panel.js": "text/javascript; charset=utf-8",
  "/downloads/dock-scheduling-guide.pdf": "application/pdf",
};

const COMMON = { "x-content-type-options": "nosniff", "referrer-policy": "strict-origin-when-cross-origin" };

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const url = new URL(request.url);
    if (!url.searchParams.has("edge")) return await serve(request, url, env);
    const SITE = { fetch: async () => await serve(request, url, env) };
    return await edge.fetch(request, { SITE, KELVIN: env.KELVIN, WRITE_KEY: "demo" });
  },
};

async function serve(request: Request, url: URL, env: Env): Promise<Response> {
  const path = url.pathname;
  if (path === "/demo" && request.method === "POST") return redirect("/demo/thanks", 303);
  if (request.method !== "GET" && request.method !== "HEAD") {
    return new Response("Method not allowed\n", { status: 405, headers: { allow: "GET, HEAD" } });
  }
  if (path === "/panel.json") return panel(request, env);
  const type = ASSETS[path];
  if (type) return asset(env, path, type);
  if (PAGES[path]) return page(env, PAGES[path], path, 200);
  if (path.endsWith("/") && PAGES[path.slice(0, -1)]) return redirect(path.slice(0, -1) + url.search, 301);
  return page(env, "404", path, 404);
}

function redirect(location: string, status: number): Response {
  return new Response(null, { status, headers: { location } });
}

async function asset(env: Env, path: string, type: string): Promise<Response> {
  const file = await env.FILES.fetch(`http://files${path}`);
  return new Response(file.body, {
    headers: { ...COMMON, "content-type": type, "cache-control": "public, max-age=60" },
  });
}

async function page(env: Env, name: string, path: string, status: number): Promise<Response> {
  const [layout, source] = await Promise.all([read(env, "layout.html"), read(env, `pages/${name}.html`)]);
  return new Response(compose(layout, source, path), {
    status,
    headers: { ...COMMON, "content-type": "text/html; charset=utf-8", "cache-control": "no-cache" },
  });
}

async function read(env: Env, file: string): Promise<string> {
  return (await env.FILES.fetch(`http://files/${file}`)).text();
}

/** A page's first line is a comment that holds its title and description as JSON; the rest goes into `<main>`. */
function compose(layout: string, source: string, path: string): string {
  const head = /^<!--(.*?)-->\n/.exec(source);
  const { title, description } = JSON.parse(head?.[1] ?? "{}") as { title: string; description: string };
  const parts: Readonly<Record<string, string>> = { title, description, main: source.slice(head?.[0].length ?? 0) };
  const section = `/${path.split("/")[1]}`;
  return layout
    .replace(/href="([^"]*)"/g, (link, href: string) =>
      isHere(href, path, section) ? `${link} aria-current="page"` : link,
    )
    .replace(/\{\{(\w+)\}\}/g, (_, part: string) => parts[part] ?? "");
}

/** Whether a link of the layout leads to this page, or to the section it is in. */
function isHere(href: string, path: string, section: string): boolean {
  return path !== "/" && (href === path || href.split("/").slice(0, 2).join("/") === section);
}

async function panel(request: Request, env: Env): Promise<Response> {
  // Only one's own visitor, by the cookie that scripts cannot read: the panel shows nobody somebody else's lead.
  const visitor = /(?:^|;\s*)kelvin=([\w.-]+)/.exec(request.headers.get("cookie") ?? "")?.[1] ?? null;
  const state = await readPanel(visitor, env);
  return Response.json(state, { headers: { ...COMMON, "cache-control": "no-store" } });
}
