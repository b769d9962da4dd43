/** What a webhook was called with or will be, and what came of it. */
import type { FC } from "hono/jsx";
import type { Delivery } from "./data";
import { plural, Time } from "./format";
import { link, Scroll, Token } from "./layout";
import type { WebhookProps } from "./webhooks";

/** How soon a call must come for the page to wait for it, ms. */
const AWAITED_MS = 60_000;

/** Looks again by itself while a call is about to be made. */
export const Deliveries: FC<WebhookProps> = (props) => {
  const { frame, webhook, deliveries, older, before } = props;
  const path = `/setup/webhooks/${encodeURIComponent(webhook.id)}`;
  const awaited = deliveries.some(
    ({ nextAttemptAt }) => nextAttemptAt !== null && Date.parse(nextAttemptAt) < frame.now + AWAITED_MS,
  );
  const someFailed = deliveries.some(({ status }) => status === "failed");
  return (
    <section
      class="card flush"
      aria-labelledby="deliveries"
      data-part
      data-poll={awaited && !before ? link(frame, path) : undefined}
    >
      <h2 id="deliveries">Deliveries</h2>
      {deliveries.length === 0 ? (
        <p class="muted pad">
          {webhook.disabled
            ? "None of the last 30 days."
            : "None yet. As soon as something it is called for happens to a lead, the call and its answer stand here."}
        </p>
      ) : (
        <Table {...props} />
      )}
      {frame.mayWrite && someFailed && !webhook.disabled && (
        <form class="pad" method="post" action={link(frame, `${path}/redeliver`)}>
          <Token frame={frame} />
          <button type="submit">Send all that were given up again</button>
        </form>
      )}
      {(older || before) && (
        <nav class="pager pad" aria-label="Pages">
          {before && <a href={link(frame, path)}>Latest</a>}
          {older && (
            <a class="onward" href={link(frame, path, { cursor: older })}>
              Older
            </a>
          )}
        </nav>
      )}
    </section>
  );
};

const Table: FC<WebhookProps> = (props) => (
  <Scroll label="Deliveries">
    <table class="stacks deliveries">
      <caption class="unseen">Deliveries, latest first</caption>
      <thead>
        <tr>
          <th scope="col">Told</th>
          <th scope="col">Happened</th>
          <th scope="col">State</th>
          <th scope="col">Answer</th>
          <th scope="col">
            <span class="unseen">What can be done</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {props.deliveries.map((delivery) => (
          <Row {...props} delivery={delivery} />
        ))}
      </tbody>
    </table>
  </Scroll>
);

const Row: FC<WebhookProps & { delivery: Delivery }> = ({ frame, webhook, delivery }) => {
  const { id, leadId, createdAt } = delivery;
  return (
    <tr>
      <th scope="row">
        {told(delivery)}
        <a class="under" href={link(frame, `/leads/${encodeURIComponent(leadId)}`)}>
          The lead<span class="unseen"> of {id}</span>
        </a>
      </th>
      <td data-label="Happened">
        <Time at={createdAt} now={frame.now} />
      </td>
      <td>
        <State delivery={delivery} now={frame.now} />
      </td>
      <td>
        <Answer delivery={delivery} />
      </td>
      <td class="row-actions">
        {frame.mayWrite && (
          <form method="post" action={link(frame, `/setup/webhooks/${encodeURIComponent(webhook.id)}/redeliver`)}>
            <Token frame={frame} />
            <input type="hidden" name="delivery" value={id} />
            <button type="submit" class="small">
              Send again<span class="unseen"> {id}</span>
            </button>
          </form>
        )}
      </td>
    </tr>
  );
};

/** What a call tells, in words; the names in it are of the site's own rules. */
function told({ type, sent }: Delivery): string {
  const { ladder, from, to, reason } = sent.data;
  switch (type) {
    case "lead.level.changed":
      return `${ladder}: ${from} → ${to}`;
    case "lead.identified":
      return "became known";
    case "lead.merged":
      return "another lead went up in it";
    case "lead.disqualified":
      return `disqualified: ${reason}`;
  }
}

const STATES = {
  pending: { tone: "warn", label: "waiting" },
  delivered: { tone: "good", label: "delivered" },
  failed: { tone: "bad", label: "given up" },
};

const State: FC<{ delivery: Delivery; now: number }> = ({ delivery, now }) => {
  const { status, attempts, lastAttemptAt, nextAttemptAt } = delivery;
  const { tone, label } = STATES[status];
  return (
    <>
      <span class={`flag ${tone}`}>{label}</span>
      <span class="under">
        {plural(attempts, "attempt")}
        {lastAttemptAt && (
          <>
            {", "}
            <Time at={lastAttemptAt} now={now} />
          </>
        )}
      </span>
      {nextAttemptAt && (
        <span class="under">
          next <Soon at={nextAttemptAt} now={now} />
        </span>
      )}
    </>
  );
};

/** An instant to come, or one at which something should be under way. */
const Soon: FC<{ at: string; now: number }> = ({ at, now }) =>
  Date.parse(at) <= now ? <>at once</> : <Time at={at} now={now} />;

const Answer: FC<{ delivery: Delivery }> = ({ delivery: { answer, error, status } }) => {
  if (error) return <span class="wraps">{error}</span>;
  if (!answer) return <span class="muted">{status === "failed" ? "never called" : "none yet"}</span>;
  if (!answer.body) return <>{answer.status}, without a text</>;
  return (
    <details>
      <summary>{answer.status}, with a text</summary>
      <pre class="wraps">{answer.body}</pre>
    </details>
  );
};
