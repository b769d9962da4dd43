/** How Kelvin is doing: what was counted in the last day, what waits, and beacons that could not be counted. */
import type { FC } from "hono/jsx";
import { linear, nice, ticks } from "./chart";
import type { DeadLetter, Frame, Status } from "./data";
import { plural, Time } from "./format";
import { Heading, link, Notice, Page, Scroll, Token } from "./layout";
import { AsTable, AxisLabel, across, HEIGHTS, Legend, Plot, rough } from "./reports/plot";
import { SetupTabs } from "./setup-tabs";

export interface StatusProps {
  frame: Frame;
  status: Status;
  deadLetters: DeadLetter[];
  /** What a button did. */
  done: string | null;
}

/** Later than that is worth a look, s: the run of every minute does what is due. */
const LATE_S = 120;

export const StatusPage: FC<StatusProps> = ({ frame, status, deadLetters, done }) => (
  <Page frame={frame} title="Status" section="setup">
    <Heading title="Status" lead="What was counted in the last 24 hours, and what waits.">
      <SetupTabs frame={frame} tab="Status" />
    </Heading>
    {done && <Notice tone="good" title={done} />}
    <Verdict status={status} />
    <Hours hours={status.hours} />
    <Counts status={status} />
    <Waits status={status} />
    {deadLetters.length > 0 && <DeadLetters frame={frame} letters={deadLetters} all={status.deadLetters} />}
    <p class="muted small">
      Counts are added up every five minutes; <code>GET /v1/status</code> tells the same to a program.
    </p>
  </Page>
);

const Verdict: FC<{ status: Status }> = ({ status }) => {
  const worries = worriesOf(status);
  if (worries.length === 0) return <Notice tone="good" title="All is well" />;
  return (
    <Notice tone="warn" title="Worth a look">
      <ul>
        {worries.map((one) => (
          <li>{one}</li>
        ))}
      </ul>
    </Notice>
  );
};

function worriesOf({ queued, drained, buried, deadLetters, sweep, webhooks, refused }: Status): string[] {
  const waiting = queued - drained - buried;
  return [
    ...(deadLetters > 0 ? [`${plural(deadLetters, "dead letter")}: see below.`] : []),
    ...(waiting > 0 ? [`${plural(waiting, "message")} may still wait in the queue: the database was busy.`] : []),
    ...(sweep.lagSeconds > LATE_S ? [`Levels that time has changed are recorded ${late(sweep.lagSeconds)} late.`] : []),
    ...(webhooks.lagSeconds > LATE_S ? [`Webhooks are called ${late(webhooks.lagSeconds)} late.`] : []),
    ...(webhooks.failing > 0 ? [`${plural(webhooks.failing, "webhook")} can't be reached: see Webhooks.`] : []),
    ...(refused.internal_error ? [`${plural(refused.internal_error, "request")} met a mistake of Kelvin's own.`] : []),
    ...(refused.over_budget ? ["The site has had its events of the day: see its settings."] : []),
  ];
}

const late = (seconds: number) => (seconds < 7_200 ? plural(Math.round(seconds / 60), "minute") : "hours");
const count = (n: number) => n.toLocaleString("en");
const clockOf = (at: string) => at.slice(11, 16);

const Hours: FC<{ hours: Status["hours"] }> = ({ hours }) => {
  const most = Math.max(1, ...hours.map(({ accepted, queued, rejected }) => accepted + queued + rejected));
  const span = nice([0, most], 4);
  const y = linear(span, HEIGHTS);
  const width = 100 / hours.length;
  const total = hours.reduce((sum, { accepted, queued }) => sum + accepted + queued, 0);
  const bad = hours.reduce((sum, { rejected }) => sum + rejected, 0);
  return (
    <section class="card" aria-labelledby="hours">
      <h2 id="hours">Messages by the hour</h2>
      <Plot
        label={`In 24 hours ${plural(total, "message")} taken and ${count(bad)} rejected, by the hour.`}
        ticks={ticks(span, 4)
          .filter(Number.isInteger)
          .map((tick) => ({ y: y(tick), label: rough(tick) }))}
      >
        {hours.map(({ at, accepted, queued, rejected }, i) => {
          const taken = accepted + queued;
          const place = { x: across(i * width), width: across(width * 0.9) };
          return (
            <g>
              <title>{`${clockOf(at)}: ${plural(taken, "message")}, ${count(rejected)} rejected`}</title>
              <rect class="bar" {...place} y={y(taken)} height={y(0) - y(taken)} />
              <rect class="off" {...place} y={y(taken + rejected)} height={y(taken) - y(taken + rejected)} />
            </g>
          );
        })}
        {hours.map(
          ({ at }, i) =>
            i % 6 === 0 && (
              <AxisLabel x={i * width} spare={i % 12 !== 0}>
                {clockOf(at)}
              </AxisLabel>
            ),
        )}
      </Plot>
      <Legend
        entries={[
          { class: "bar", label: "taken" },
          { class: "off", label: "rejected" },
        ]}
      />
      <AsTable
        caption="Messages by the hour (UTC)"
        columns={["Hour", "Taken", "Of them queued", "Rejected", "Requests refused"]}
        rows={hours.map((one) => [
          clockOf(one.at),
          count(one.accepted + one.queued),
          count(one.queued),
          count(one.rejected),
          count(one.refused),
        ])}
      />
    </section>
  );
};

const Counts: FC<{ status: Status }> = ({ status }) => {
  const { accepted, queued, drained, buried, conflicts, retries, rejected, refused, unknown } = status;
  const codes = (counts: Record<string, number>, what: string): [string, string, number][] =>
    Object.entries(counts).map(([code, n]) => [code, what, n]);
  const rows: [string, string, number][] = [
    ["accepted", "messages that counted, or had before", accepted],
    ["queued", "messages that had to wait", queued],
    ["drained", "of them counted since", drained],
    ["buried", "of them put away as dead letters", buried],
    ...codes(rejected, "messages rejected"),
    ...codes(refused, "requests refused"),
    ...codes(unknown, "requests of no site, or refused before it was known whose they are"),
    ["conflicts", "writes done again: somebody else wrote the lead", conflicts],
    ["retries", "writes done again: the database failed", retries],
  ];
  return (
    <section class="card flush" aria-labelledby="counts">
      <h2 id="counts">Counted</h2>
      <Scroll label="Counted in 24 hours">
        <table class="plain-table">
          <caption class="unseen">Counted in 24 hours</caption>
          <thead>
            <tr>
              <th scope="col">What</th>
              <th scope="col">Of</th>
              <th scope="col" class="amount">
                How many
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map(([name, of, n]) => (
              <tr>
                <th scope="row">{name}</th>
                <td>{of}</td>
                <td class="amount">{count(n)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
};

const Waits: FC<{ status: Status }> = ({ status: { sweep, webhooks, refolding } }) => (
  <section class="card" aria-labelledby="waits">
    <h2 id="waits">What waits</h2>
    <dl class="facts">
      <div>
        <dt>Levels changed by time, to be recorded</dt>
        <dd>{backlog(sweep)}</dd>
      </div>
      <div>
        <dt>Calls of webhooks</dt>
        <dd>{backlog(webhooks)}</dd>
      </div>
      <div>
        <dt>Leads to be brought under the rules in force</dt>
        <dd>{refolding === 0 ? "none" : count(refolding)}</dd>
      </div>
    </dl>
  </section>
);

function backlog({ waiting, lagSeconds }: Status["sweep"]): string {
  if (waiting === 0) return "none";
  const since = lagSeconds > LATE_S ? late(lagSeconds) : `${lagSeconds} s`;
  return `${waiting >= 1_000 ? "1,000 or more" : count(waiting)}, the oldest due for ${since}`;
}

const DeadLetters: FC<{ frame: Frame; letters: DeadLetter[]; all: number }> = ({ frame, letters, all }) => (
  <section class="card flush" aria-labelledby="dead">
    <h2 id="dead">Dead letters</h2>
    <p class="muted intro">
      Beacons that waited in the queue and could not be counted{all > letters.length && `, the oldest of ${count(all)}`}
      . Try them again when the cause is mended; what counted already does not count again.
    </p>
    <Scroll label="Dead letters">
      <table class="stacks">
        <caption class="unseen">Dead letters, the oldest first</caption>
        <thead>
          <tr>
            <th scope="col">Since</th>
            <th scope="col">Visitor</th>
            <th scope="col">Messages</th>
            <th scope="col">Why</th>
            {frame.mayWrite && <td />}
          </tr>
        </thead>
        <tbody>
          {letters.map(({ id, diedAt, visitor, messages, reason }) => (
            <tr>
              <td data-label="since:">
                <Time at={diedAt} now={frame.now} />
              </td>
              <td data-label="visitor:">{visitor ?? "none"}</td>
              <td data-label="messages:">{messages.map(({ type, event }) => event ?? type).join(", ")}</td>
              <td data-label="why:" class="wraps">
                {reason}
              </td>
              {frame.mayWrite && (
                <td>
                  <Act frame={frame} path="/setup/status/delete" id={id} label="Delete" />
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
    {frame.mayWrite && (
      <div class="pad">
        <Act frame={frame} path="/setup/status/replay" label="Try all again" />
      </div>
    )}
  </section>
);

const Act: FC<{ frame: Frame; path: string; id?: string; label: string }> = ({ frame, path, id, label }) => (
  <form method="post" action={link(frame, path)}>
    <Token frame={frame} />
    {id !== undefined && <input type="hidden" name="id" value={id} />}
    <button type="submit">{label}</button>
  </form>
);
