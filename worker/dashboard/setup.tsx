/** Setting a site up: its tag, whether it works, and what the site is. */
import type { FC } from "hono/jsx";
import type { Frame, Problem, SiteSettings } from "./data";
import { Time } from "./format";
import { Copy, Heading, link, Notice, Page, PageStyle, Token, tag } from "./layout";
import { Problems, wrong } from "./problem";
import { SetupTabs } from "./setup-tabs";

/** What stands in the form of a site. */
export interface SiteForm {
  name: string;
  /** One per line. */
  origins: string;
  respectGpc: boolean;
  /** Numbers as they were typed; empty: without bound. */
  dailyEvents: string;
  retentionDays: string;
  anonymousRetentionDays: string;
  jwksUrl: string;
  jwksAudience: string;
}

export interface SetupProps {
  frame: Frame;
  site: SiteSettings;
  /** Where this dashboard is. */
  origin: string;
  /** Time of the latest event; `null`: none has come in yet. */
  lastSeen: string | null;
  form: SiteForm;
  problems: Problem[];
  saved: boolean;
}

export const SetupPage: FC<SetupProps> = ({ frame, site, origin, lastSeen, form, problems, saved }) => (
  <Page frame={frame} title="Set-up" section="setup">
    <Heading title={site.name} lead="What the site needs to have its visitors scored.">
      <SetupTabs frame={frame} tab="Site" />
    </Heading>
    {saved && <Notice tone="good" title="Saved" />}
    <div class="columns">
      <div class="stack">
        <section class="card" aria-labelledby="tag-title">
          <h2 id="tag-title">The tag</h2>
          <p class="muted">Paste it into every page of the site, before the closing head tag.</p>
          <Copy id="tag" text={tag(origin, site.writeKey)} label="the tag" />
          <Received frame={frame} lastSeen={lastSeen} />
          <PageStyle />
          <dl class="facts">
            <div>
              <dt>Write key</dt>
              <dd>
                <code>{site.writeKey}</code>
              </dd>
            </div>
            <div>
              <dt>Site id</dt>
              <dd>
                <code>{site.id}</code>
              </dd>
            </div>
          </dl>
        </section>
        {frame.mayAdminister && <IdentitySecret frame={frame} />}
      </div>
      <section class="card" aria-labelledby="site-title">
        <h2 id="site-title">The site</h2>
        {frame.mayAdminister ? (
          <form method="post" action={link(frame, "/setup")} class="fields">
            <Token frame={frame} />
            <SiteFields form={form} problems={problems} />
            <button type="submit" class="primary">
              Save
            </button>
          </form>
        ) : (
          <dl class="facts">
            <div>
              <dt>Origins</dt>
              <dd>{site.origins.join(", ") || "none"}</dd>
            </div>
          </dl>
        )}
      </section>
    </div>
  </Page>
);

/** A new secret for identity tokens; the one there is can not be shown again. */
const IdentitySecret: FC<{ frame: Frame }> = ({ frame }) => (
  <section class="card" aria-labelledby="secret-title">
    <h2 id="secret-title">The identity secret</h2>
    <p class="muted">
      Your server signs identity tokens with it, so that a browser can prove who it is. It was shown when it was made.
    </p>
    <details>
      <summary>Make a new one</summary>
      <form method="post" action={link(frame, "/setup/identity-secret")} class="fields">
        <Token frame={frame} />
        <label for="overlap">Tokens signed with the present one</label>
        <select id="overlap" name="overlap">
          <option value="24h">hold for 24 hours more</option>
          <option value="">end at once, for it got out</option>
        </select>
        <button type="submit">Make a new secret</button>
      </form>
    </details>
  </section>
);

/** How old the latest event may be for events to be coming in, ms: a small site's nights and quiet hours are shorter. */
const COMING_IN_MS = 86_400_000;

/** Whether events arrive; looks again by itself while none do. */
export const Received: FC<{ frame: Frame; lastSeen: string | null }> = ({ frame, lastSeen }) => {
  const isComing = lastSeen !== null && frame.now - Date.parse(lastSeen) <= COMING_IN_MS;
  return (
    <div data-part data-poll={isComing ? undefined : link(frame, "/setup/received")} aria-live="polite">
      {isComing && (
        <p class="received yes">
          <span class="lamp" /> Events are coming in; the latest was <Time at={lastSeen} now={frame.now} />.
        </p>
      )}
      {lastSeen !== null && !isComing && (
        <p class="received old">
          <span class="lamp" /> The latest event came <Time at={lastSeen} now={frame.now} />. If the site has had
          visitors since, check that its pages still have the tag, that its origins are right, and what{" "}
          <a href={link(frame, "/setup/status")}>Status</a> says was refused.
        </p>
      )}
      {lastSeen === null && (
        <p class="received">
          <span class="lamp" /> Waiting for the first event. Open a page that has the tag.{" "}
          <a href={link(frame, "/setup")}>Look again</a>
        </p>
      )}
    </div>
  );
};

const LABELS = {
  name: "Name",
  origins: "Origins",
  retentionDays: "Days that events are kept whole",
  anonymousRetentionDays: "Days that leads nobody knows are kept",
  dailyEvents: "Most events a day",
  jwksUrl: "Keys of your identity provider",
  jwksAudience: "Audience of its tokens",
};

interface SiteFieldsProps {
  form: SiteForm;
  problems: Problem[];
}

const SiteFields: FC<SiteFieldsProps> = ({ form, problems }) => (
  <>
    <MainFields form={form} problems={problems} />
    <MoreFields form={form} problems={problems} />
  </>
);

/** What every site needs. */
const MainFields: FC<SiteFieldsProps> = ({ form, problems }) => (
  <>
    {problems.length > 0 && (
      <Notice tone="bad" title="Not saved">
        <Problems problems={problems} labels={LABELS} />
      </Notice>
    )}
    <label for="name">{LABELS.name}</label>
    <input id="name" name="name" required maxlength={200} value={form.name} aria-invalid={wrong(problems, "name")} />
    <label for="origins">{LABELS.origins}</label>
    <textarea
      id="origins"
      name="origins"
      rows={4}
      spellcheck={false}
      aria-describedby="origins-hint"
      aria-invalid={wrong(problems, "origins")}
    >
      {`\n${form.origins}`}
    </textarea>
    <p id="origins-hint" class="muted small">
      Where the site's pages are, one per line, such as https://www.example.com. Events from pages elsewhere are
      refused.
    </p>
    <label class="tick">
      <input type="checkbox" name="respectGpc" value="true" checked={form.respectGpc} />
      <span>Keep nothing of visitors whose browser asks so (Global Privacy Control)</span>
    </label>
  </>
);

interface CountFieldProps {
  name: "retentionDays" | "anonymousRetentionDays" | "dailyEvents";
  form: SiteForm;
  problems: Problem[];
  /** What an empty field means. */
  placeholder: string;
  /** The id of what explains it. */
  hint?: string;
}

/** A number, or nothing for no bound. */
const CountField: FC<CountFieldProps> = ({ name, form, problems, placeholder, hint }) => (
  <>
    <label for={name}>{LABELS[name]}</label>
    <input
      id={name}
      name={name}
      inputmode="numeric"
      value={form[name]}
      placeholder={placeholder}
      aria-describedby={hint}
      aria-invalid={wrong(problems, name)}
    />
  </>
);

/** What is right for most as it is. */
const MoreFields: FC<SiteFieldsProps> = ({ form, problems }) => (
  <>
    <CountField name="retentionDays" form={form} problems={problems} placeholder="for ever" />
    <CountField
      name="anonymousRetentionDays"
      form={form}
      problems={problems}
      placeholder="until they are erased"
      hint="anonymous-hint"
    />
    <p id="anonymous-hint" class="muted small">
      Counted from the last time they were there. Leads without a userId, an e-mail address, an outcome or a note of
      sales are deleted then.
    </p>
    <CountField name="dailyEvents" form={form} problems={problems} placeholder="any number" />
    <label for="jwksUrl">{LABELS.jwksUrl}</label>
    <input
      id="jwksUrl"
      name="jwksUrl"
      type="url"
      value={form.jwksUrl}
      placeholder="https://…/jwks.json, if it signs identity tokens"
      aria-invalid={wrong(problems, "jwksUrl")}
    />
    <label for="jwksAudience">{LABELS.jwksAudience}</label>
    <input
      id="jwksAudience"
      name="jwksAudience"
      value={form.jwksAudience}
      placeholder="any"
      aria-invalid={wrong(problems, "jwksAudience")}
    />
  </>
);

export interface NewSiteProps {
  frame: Frame;
  form: SiteForm;
  problems: Problem[];
}

export const NewSitePage: FC<NewSiteProps> = ({ frame, form, problems }) => (
  <Page frame={frame} title="New site" section={null}>
    <Heading
      title={frame.site ? "New site" : "Your first site"}
      lead="It starts with rules for B2B sites, yours to change."
    />
    <section class="card narrow-card" aria-label="New site">
      {frame.mayAdminister ? (
        <form method="post" action={link(frame, "/sites/new")} class="fields">
          <Token frame={frame} />
          <MainFields form={form} problems={problems} />
          <details class="more" open={problems.length > 0}>
            <summary>More, which can wait: how long events are kept, how many, identity tokens</summary>
            <div class="fields">
              <MoreFields form={form} problems={problems} />
            </div>
          </details>
          <button type="submit" class="primary">
            Make the site
          </button>
        </form>
      ) : (
        <p>Your key may not make sites; ask whoever has the admin key.</p>
      )}
    </section>
  </Page>
);

/** Shown once, right after a site was made. */
export const SiteMadePage: FC<{ frame: Frame; site: SiteSettings; identitySecret: string; origin: string }> = (
  props,
) => {
  const { frame, site } = props;
  return (
    <Page frame={frame} title={site.name} section="setup">
      <Heading title={`${site.name} is ready`} lead="Two things to take along." />
      <div class="columns">
        <section class="card" aria-labelledby="tag-title">
          <h2 id="tag-title">The tag, for every page</h2>
          <Copy id="tag" text={tag(props.origin, site.writeKey)} label="the tag" />
          <PageStyle />
        </section>
        <section class="card" aria-labelledby="secret-title">
          <h2 id="secret-title">The identity secret</h2>
          <p class="muted">
            Your server signs identity tokens with it. It is shown only now; keep it where you keep other secrets.
          </p>
          <Copy id="secret" text={props.identitySecret} label="the identity secret" />
        </section>
      </div>
      <p>
        <a class="button primary" href={link(frame, "/setup", { site: site.id })}>
          Go on to the set-up
        </a>
      </p>
    </Page>
  );
};
