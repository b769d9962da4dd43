/** Webhooks of a site: a list, a new one, and one with what it was called with and what came of it. */
import type { FC } from "hono/jsx";
import { ANNOUNCEMENT_TYPES, type AnnouncementType } from "../core/announce";
import type { Delivery, Frame, Problem, Tested, Webhook } from "./data";
import { Deliveries } from "./deliveries";
import { Time } from "./format";
import { Heading, link, Notice, Page, Scroll, Token } from "./layout";
import { Problems, wrong } from "./problem";
import { SetupTabs } from "./setup-tabs";

/** What each type tells, to choose by. */
const TELLS: Record<AnnouncementType, string> = {
  "lead.level.changed": "a lead crosses a level: gets hot, goes cold",
  "lead.identified": "somebody anonymous becomes known",
  "lead.merged": "two leads turn out to be one person",
  "lead.disqualified": "a rule disqualifies a lead",
};

export interface WebhooksProps {
  frame: Frame;
  webhooks: Webhook[];
  form: { url: string; events: readonly string[] };
  problems: Problem[];
  deleted: boolean;
}

export const WebhooksPage: FC<WebhooksProps> = ({ frame, webhooks, form, problems, deleted }) => (
  <Page frame={frame} title="Webhooks" section="setup">
    <Heading title="Webhooks" lead="Addresses of yours that are called when something happens to a lead of the site.">
      <SetupTabs frame={frame} tab="Webhooks" />
    </Heading>
    {deleted && <Notice tone="good" title="The webhook is gone, and what it had yet to tell" />}
    <section class="card flush" aria-label="Webhooks">
      {webhooks.length === 0 ? (
        <p class="muted pad">
          {frame.mayWrite
            ? "No webhooks yet. Make one below, and your chat or CRM hears of a hot lead at once."
            : "No webhooks yet. Making one takes a key with the scope “write”."}
        </p>
      ) : (
        <List frame={frame} webhooks={webhooks} />
      )}
    </section>
    {frame.mayWrite && <NewWebhook frame={frame} form={form} problems={problems} />}
  </Page>
);

const List: FC<{ frame: Frame; webhooks: Webhook[] }> = ({ frame, webhooks }) => (
  <Scroll label="Webhooks">
    <table class="stacks webhooks">
      <thead>
        <tr>
          <th scope="col">Calls</th>
          <th scope="col">When</th>
          <th scope="col">State</th>
          <th scope="col">Made</th>
        </tr>
      </thead>
      <tbody>
        {webhooks.map((one) => (
          <tr>
            <th scope="row" class="address">
              <a href={link(frame, `/setup/webhooks/${encodeURIComponent(one.id)}`)}>{one.url}</a>
            </th>
            <td>{one.events.map((type) => TELLS[type]).join("; ")}</td>
            <td>
              <State webhook={one} />
            </td>
            <td data-label="Made">
              <Time at={one.createdAt} now={frame.now} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  </Scroll>
);

const State: FC<{ webhook: Webhook }> = ({ webhook }) => {
  if (webhook.disabled) return <span class="flag bad">disabled</span>;
  return webhook.failingSince ? <span class="flag warn">failing</span> : <span class="flag good">in use</span>;
};

const NewWebhook: FC<Pick<WebhooksProps, "frame" | "form" | "problems">> = ({ frame, form, problems }) => (
  <section class="card narrow-card" aria-labelledby="new-webhook">
    <h2 id="new-webhook">A new webhook</h2>
    {problems.length > 0 && (
      <Notice tone="bad" title="Not made">
        <Problems problems={problems} labels={{ url: "Address", events: "Call it when:" }} />
      </Notice>
    )}
    <form method="post" action={link(frame, "/setup/webhooks")} class="fields">
      <Token frame={frame} />
      <label for="url">Address</label>
      <input
        id="url"
        name="url"
        type="url"
        required
        maxlength={2000}
        value={form.url}
        placeholder="https://crm.example/kelvin"
        aria-describedby="url-hint"
        aria-invalid={wrong(problems, "url")}
      />
      <p id="url-hint" class="muted small">
        Something of yours that takes signed calls. For Slack and for a CRM there are a few lines to put in between, in
        docs/webhooks.md of the project, with how to verify a call.
      </p>
      <fieldset>
        <legend>Call it when</legend>
        {ANNOUNCEMENT_TYPES.map((type) => (
          <label class="tick">
            <input
              type="checkbox"
              name={type}
              value="true"
              checked={form.events.includes(type)}
              aria-invalid={wrong(problems, "events")}
            />
            <span>
              {TELLS[type]} <code>{type}</code>
            </span>
          </label>
        ))}
      </fieldset>
      <button type="submit" class="primary">
        Make it
      </button>
    </form>
  </section>
);

export interface WebhookProps {
  frame: Frame;
  webhook: Webhook;
  deliveries: Delivery[];
  /** Cursor of the older ones; `before`: whether these are not the latest. */
  older: string | null;
  before: boolean;
  /** What has just been done. */
  done: string | null;
  tested: Tested | null;
}

export const WebhookPage: FC<WebhookProps> = (props) => {
  const { frame, webhook, done, tested } = props;
  return (
    <Page frame={frame} title="Webhook" section="setup">
      <Heading title={webhook.url} lead={`Called when ${webhook.events.map((type) => TELLS[type]).join("; ")}.`}>
        <a href={link(frame, "/setup/webhooks")}>All webhooks</a>
        {frame.mayWrite && (
          <form method="post" action={link(frame, `/setup/webhooks/${encodeURIComponent(webhook.id)}/test`)}>
            <Token frame={frame} />
            <button type="submit">Send a test</button>
          </form>
        )}
      </Heading>
      {tested && <TestResult {...tested} />}
      {done && <Notice tone="good" title={done} />}
      <Trouble frame={frame} webhook={webhook} />
      <Deliveries {...props} />
      {frame.mayWrite && <Delete frame={frame} webhook={webhook} />}
    </Page>
  );
};

const TestResult: FC<Tested> = ({ delivered, answer, error, sent }) => (
  <Notice tone={delivered ? "good" : "bad"} title={delivered ? "The test was taken" : "The test was not taken"}>
    <p>{error ?? `The receiver answered ${answer?.status}${answer?.body ? ":" : ", without a text."}`}</p>
    {answer?.body && <pre class="wraps">{answer.body}</pre>}
    <details>
      <summary>What was sent</summary>
      <pre class="wraps">{JSON.stringify(sent, null, 2)}</pre>
    </details>
  </Notice>
);

/** Why it is not called any more, or that its calls fail, and the way back. */
const Trouble: FC<{ frame: Frame; webhook: Webhook }> = ({ frame, webhook: { id, disabled, failingSince } }) => {
  if (disabled) {
    return (
      <Notice tone="bad" title={`Not called any more: ${disabled.reason ?? "it was disabled."}`}>
        <p>
          Since <Time at={disabled.at} now={frame.now} />. What happens meanwhile is not kept for it. Mend the receiver,
          then use the webhook again: what was given up is sent once more.
        </p>
        {frame.mayWrite && (
          <form method="post" action={link(frame, `/setup/webhooks/${encodeURIComponent(id)}/redeliver`)}>
            <Token frame={frame} />
            <button type="submit">Use it again</button>
          </form>
        )}
      </Notice>
    );
  }
  if (!failingSince) return null;
  return (
    <Notice tone="warn" title="Its calls fail">
      <p>
        The first that failed: <Time at={failingSince} now={frame.now} />; nothing has been delivered since. Each call
        is tried again for a little over a day. Below stands what the receiver answered.
      </p>
    </Notice>
  );
};

const Delete: FC<{ frame: Frame; webhook: Webhook }> = ({ frame, webhook }) => (
  <details class="card">
    <summary>Delete this webhook</summary>
    <form method="post" action={link(frame, `/setup/webhooks/${encodeURIComponent(webhook.id)}/delete`)} class="fields">
      <Token frame={frame} />
      <p class="muted">Its deliveries go with it, those yet to be sent too.</p>
      <button type="submit" class="danger">
        Delete
      </button>
    </form>
  </details>
);
