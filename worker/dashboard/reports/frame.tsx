/** What is around every report: its tabs, how it waits, and what to do where there is nothing to tell yet. */
import type { FC, PropsWithChildren } from "hono/jsx";
import type { Frame } from "../data";
import { plural } from "../format";
import { Copy, Heading, link, Page } from "../layout";
import type { Basis } from "./data";

const TABS = [
  { path: "/reports", label: "Overview" },
  { path: "/reports/levels", label: "Levels over time" },
  { path: "/reports/rules", label: "Rules" },
  { path: "/reports/personalisation", label: "Personalisation" },
] as const;

export type Tab = (typeof TABS)[number]["label"];

export const ReportsFrame: FC<PropsWithChildren<{ frame: Frame; tab: Tab }>> = ({ frame, tab, children }) => (
  <Page frame={frame} title={tab === "Overview" ? "Reports" : `${tab} · Reports`} section="reports">
    <Heading title="Reports" lead="Whether the score means anything, and what earns its points.">
      <nav class="tabs" aria-label="Reports">
        {TABS.map(({ path, label }) => (
          <a href={link(frame, path)} aria-current={label === tab ? "page" : undefined}>
            {label}
          </a>
        ))}
      </nav>
    </Heading>
    {children}
  </Page>
);

/** In place of a report that takes a while: the script asks for it at once; without script there is a link. */
export const Waiting: FC<{ address: string; leads: number }> = ({ address, leads }) => (
  <div class="stack" data-part data-poll={address} data-load>
    <div class="card">
      <p class="waiting" role="status">
        <progress aria-label="Reading leads" /> Reading {plural(leads, "lead")}; this may take some seconds.{" "}
        <a href={address}>Wait for it on a page of its own</a>
      </p>
    </div>
  </div>
);

/** A report that is there, for the script to find. */
export const Ready: FC<PropsWithChildren> = ({ children }) => (
  <div class="stack" data-part>
    {children}
  </div>
);

/** How many leads a report rests on, where that is not all. */
export const Sampled: FC<{ basis: Basis }> = ({ basis: { leads, read, sampled } }) =>
  sampled ? (
    <p class="muted small">
      From a sample: {plural(read, "lead")} of {leads.toLocaleString("en")}.
    </p>
  ) : null;

export const NoLeads: FC<{ frame: Frame }> = ({ frame }) => (
  <section class="card empty" aria-labelledby="empty">
    <h2 id="empty">There are no leads yet</h2>
    <p>Reports tell of the leads of a site: once its pages carry the tag, they come by themselves.</p>
    <p>
      <a class="button primary" href={link(frame, "/setup")}>
        Put the tag on the site
      </a>
    </p>
  </section>
);

/** How to tell Kelvin what became of leads. */
export const NoOutcomes: FC<PropsWithChildren<{ frame: Frame; origin: string; title: string }>> = (props) => {
  const { frame, origin, title, children } = props;
  return (
    <section class="card" aria-labelledby="outcomes">
      <h2 id="outcomes">{title}</h2>
      <p>
        Nobody has converted yet, as far as Kelvin knows. Tell it who was won, lost or converted: on the page of{" "}
        <a href={link(frame, "")}>a lead</a>, or from your CRM when a deal is closed. {children}
      </p>
      <div class="next">
        <Copy id="outcome-call" text={outcomeCall(origin, frame.site?.id ?? "")} label="the call" />
      </div>
      <p>
        It takes <a href={link(frame, "/setup/keys")}>a secret key</a> with the scope <code>write</code>.{" "}
        <a href="/docs#recordOutcome">All about the call</a>
      </p>
    </section>
  );
};

function outcomeCall(origin: string, site: string): string {
  return [
    `curl '${origin}/v1/outcomes?${new URLSearchParams({ site })}' \\`,
    `  -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\`,
    `  -d '{ "lead": "email:ann@acme.example", "outcome": "won", "value": 1200 }'`,
  ].join("\n");
}
