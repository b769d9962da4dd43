/** What is around every page: the head, the bar with its menu, and the small parts that pages share. */
import type { Child, FC, PropsWithChildren } from "hono/jsx";
import paths from "../../dist/files.js";
import type { Frame, Ladder } from "./data";

const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='7' fill='%2322303f'/%3E%3Cpath d='M9 25V15h4v10zm5 0v-6h4v6zm5 0V7h4v18z' fill='%23f0a35c'/%3E%3C/svg%3E";

/** The whole document. */
export const Document: FC<PropsWithChildren<{ title: string; class?: string }>> = (props) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="robots" content="noindex" />
      <title>{`${props.title} · Kelvin`}</title>
      <link rel="icon" href={ICON} />
      <link rel="stylesheet" href={paths.dashboardStyle} />
      <script defer src={paths.dashboardScript} />
    </head>
    <body class={props.class}>{props.children}</body>
  </html>
);

export type Section = "leads" | "rules" | "reports" | "setup";

const SECTIONS: { section: Section; path: string; label: string }[] = [
  { section: "leads", path: "", label: "Leads" },
  { section: "rules", path: "/rules", label: "Rules" },
  { section: "reports", path: "/reports", label: "Reports" },
  { section: "setup", path: "/setup", label: "Set-up" },
];

type Query = Record<string, string | number | boolean | null | undefined>;

/** An address within the dashboard; the site goes along where there are several. */
export function link({ sites, site }: Frame, path: string, query: Query = {}): string {
  const all = { ...query, ...(sites.length > 1 && site ? { site: query.site ?? site.id } : {}) };
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(all)) {
    if (value !== null && value !== undefined && value !== "") search.set(name, String(value));
  }
  return `/dashboard${path}${search.size > 0 ? `?${search}` : ""}`;
}

export const Mark: FC = () => (
  <svg class="mark" viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
    <title>Kelvin</title>
    <path class="mark-low" d="M4 21v-9h4v9z" />
    <path class="mark-mid" d="M10 21v-6h4v6z" />
    <path class="mark-high" d="M16 21V3h4v18z" />
  </svg>
);

/** A page of somebody signed in. */
export const Page: FC<PropsWithChildren<{ frame: Frame; title: string; section: Section | null }>> = (props) => {
  const { frame, section } = props;
  return (
    <Document title={props.title}>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="top">
        <div class="top-bar">
          <a class="brand" href={link(frame, "")} aria-label="Kelvin">
            <Mark />
            <span>Kelvin</span>
          </a>
          <nav aria-label="Sections">
            {SECTIONS.map((one) => (
              <a href={link(frame, one.path)} aria-current={one.section === section ? "page" : undefined}>
                {one.label}
              </a>
            ))}
          </nav>
          <Menu frame={frame} />
        </div>
      </header>
      <main id="main" tabindex={-1}>
        {props.children}
      </main>
    </Document>
  );
};

/** Which site, and the way out. `details` opens by keyboard and without script. */
const Menu: FC<{ frame: Frame }> = ({ frame }) => (
  <details class="menu">
    <summary>
      <span class="menu-name">{frame.site?.name ?? "Account"}</span>
    </summary>
    <div class="menu-sheet">
      {frame.sites.length > 1 && (
        <>
          <p class="label" id="sites">
            Sites
          </p>
          <ul aria-labelledby="sites">
            {frame.sites.map((site) => (
              <li>
                <a
                  href={link(frame, "", { site: site.id })}
                  aria-current={site.id === frame.site?.id ? "true" : undefined}
                >
                  {site.name}
                </a>
              </li>
            ))}
          </ul>
        </>
      )}
      {frame.mayAdminister && <a href={link(frame, "/sites/new")}>New site</a>}
      <form method="post" action="/dashboard/sign-out">
        <Token frame={frame} />
        <button type="submit" class="plain">
          Sign out
        </button>
      </form>
    </div>
  </details>
);

/** The session's token, in every form. */
export const Token: FC<{ frame: Frame }> = ({ frame }) => (
  <input type="hidden" name="formToken" value={frame.formToken} />
);

export const Heading: FC<PropsWithChildren<{ title: Child; lead?: Child }>> = (props) => (
  <div class="heading">
    <div>
      <h1>{props.title}</h1>
      {props.lead && <p class="muted">{props.lead}</p>}
    </div>
    {props.children && <div class="actions">{props.children}</div>}
  </div>
);

export type Tone = "good" | "bad" | "warn" | "calm";

/** Something that happened, told as soon as the page is there. */
export const Notice: FC<PropsWithChildren<{ tone: Tone; title: string }>> = (props) => (
  <div class={`notice ${props.tone}`} role={props.tone === "bad" ? "alert" : "status"}>
    <p class="notice-title">{props.title}</p>
    {props.children}
  </div>
);

/** Colour of a level by its place: the lowest is cold, the highest hot, whatever they are called. */
export function toneOf(ladders: readonly Ladder[], ladder: string, level: string): "cold" | "warm" | "hot" | "none" {
  const levels = ladders.find(({ name }) => name === ladder)?.levels ?? [];
  const place = levels.indexOf(level);
  if (place < 0) return "none";
  if (place === 0) return "cold";
  return place === levels.length - 1 ? "hot" : "warm";
}

export const Level: FC<{ ladders: readonly Ladder[]; ladder: string; level: string }> = (props) => {
  const tone = toneOf(props.ladders, props.ladder, props.level);
  // Colours are the temperature's alone: on other ladders they would compete with it.
  return <span class={`level ${props.ladder === "temperature" ? tone : `step ${tone}`}`}>{props.level}</span>;
};

/** A part wider than some screens: it scrolls by itself, by keyboard too, and the page does not. */
export const Scroll: FC<PropsWithChildren<{ label: string; class?: string }>> = (props) => (
  <section class={props.class ? `scroll ${props.class}` : "scroll"} tabindex={0} aria-label={props.label}>
    {props.children}
  </section>
);

/** Text to copy. The button comes to life with the script; without it, one selects the text. */
export const Copy: FC<{ id: string; text: string; label: string }> = ({ id, text, label }) => (
  <div class="copy">
    <pre id={id}>
      <code>{text}</code>
    </pre>
    <button type="button" data-copy={id} hidden>
      Copy<span class="unseen"> {label}</span>
    </button>
  </div>
);

export function tag(origin: string, writeKey: string): string {
  return `<script async src="${origin}/k.js" data-site="${writeKey}"></script>`;
}

/** The line of CSS that pages carry which are personalised; snippet/personalise.ts says what it does. */
const PAGE_STYLE =
  "<style>html:is(:not([data-kelvin]),[data-kelvin=cold]) [data-kelvin-show]:not([data-kelvin-show~=cold]),html[data-kelvin=warm] [data-kelvin-show]:not([data-kelvin-show~=warm]),html[data-kelvin=hot] [data-kelvin-show]:not([data-kelvin-show~=hot]){display:none!important}</style>";

/** The same beside the tag, for whoever personalises. */
export const PageStyle: FC = () => (
  <details class="more">
    <summary>To personalise pages by temperature</summary>
    <p class="muted">
      Paste this, too, and mark what is for whom with <code>data-kelvin-show="hot"</code>. Without it everything shows
      until the first answer.
    </p>
    <Copy id="page-style" text={PAGE_STYLE} label="the line of CSS" />
  </details>
);
