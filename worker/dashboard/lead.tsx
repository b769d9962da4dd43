/** One lead: what it scores, why, who it is and what it did. */
import type { FC } from "hono/jsx";
import { Curve } from "./curve";
import type {
  Crossing,
  Disqualified,
  Ended,
  Explanation,
  Frame,
  Ladder,
  Lead,
  ScorePoint,
  Threshold,
  TimelineEvent,
} from "./data";
import { date, exact, leadName, leadRole, number, plural, relative, Time } from "./format";
import { Heading, Level, link, Notice, Page, Scroll, toneOf } from "./layout";
import { Notes, Outcomes, Split, TheirData } from "./person";
import { Timeline } from "./timeline";
import { Idle, Waterfall } from "./waterfall";

export interface LeadProps {
  frame: Frame;
  ladders: Ladder[];
  lead: Lead;
  explanation: Explanation;
  /** What the temperature turns to at `validUntil`. */
  next: { temperature: string; score: number } | null;
  curve: { points: ScorePoint[]; cooling: ScorePoint[]; thresholds: Threshold[] };
  crossings: Crossing[];
  events: TimelineEvent[];
  /** Cursor of the older events; `before`: whether these are not the latest. */
  older: string | null;
  before: boolean;
  /** What sales may say. */
  statuses: readonly string[];
  feedbacks: readonly string[];
  outcomes: readonly string[];
  ended: Ended | null;
  disqualified: Disqualified;
  /** What has just been done. */
  done: string | null;
}

export const LeadPage: FC<LeadProps> = (props) => {
  const { frame, lead, ladders } = props;
  return (
    <Page frame={frame} title={leadName(lead)} section="leads">
      <Heading
        title={leadName(lead)}
        lead={leadRole(lead, lead.account) || (lead.known ? undefined : "Nobody knows yet who this is.")}
      >
        <a href={link(frame, "")}>All leads</a>
      </Heading>
      {props.done && <Notice tone="good" title={props.done} />}
      <div class="lead-grid">
        <div class="stack">
          <Now {...props} />
          <section class="card" aria-labelledby="why">
            <h2 id="why">Why {number(lead.score)}</h2>
            <Waterfall explanation={props.explanation} now={frame.now} />
            <Idle explanation={props.explanation} now={frame.now} />
          </section>
          {frame.mayWrite && <Notes {...props} />}
          {frame.mayWrite && <Outcomes {...props} />}
        </div>
        <div class="stack">
          <section class="card" aria-labelledby="over-time">
            <h2 id="over-time">Score over time</h2>
            <Curve
              {...props.curve}
              crossings={props.crossings.filter(({ ladder }) => ladder === "temperature")}
              ladders={ladders}
              now={frame.now}
            />
            <Crossings crossings={props.crossings} ladders={ladders} now={frame.now} />
          </section>
          <Who frame={frame} lead={lead} />
          <TheirData frame={frame} lead={lead} />
        </div>
      </div>
      <section class="card" aria-labelledby="did" id="events">
        <h2 id="did">What they did</h2>
        <Timeline events={props.events} now={frame.now} />
        {(props.older || props.before) && (
          <nav class="pager" aria-label="Events">
            {props.before && <a href={`${link(frame, `/leads/${encodeURIComponent(lead.id)}`)}#events`}>Latest</a>}
            {props.older && (
              <a
                class="onward"
                href={`${link(frame, `/leads/${encodeURIComponent(lead.id)}`, { cursor: props.older })}#events`}
              >
                Older
              </a>
            )}
          </nav>
        )}
      </section>
    </Page>
  );
};

/** The score now, the levels, and what time will do to them. */
const Now: FC<LeadProps> = ({ frame, lead, ladders, next }) => (
  <section class="card now-card" aria-label="Score now">
    <p class={`big ${toneOf(ladders, "temperature", lead.temperature)}`}>
      <span class="unseen">Score </span>
      {number(lead.score)}
    </p>
    <div class="now-side">
      <ul class="levels">
        {Object.entries(lead.levels).map(([ladder, level]) => (
          <li>
            <span class="unseen">{ladder}: </span>
            <Level ladders={ladders} ladder={ladder} level={level} />
          </li>
        ))}
        {lead.disqualified && (
          <li>
            <span class="flag">disqualified: {lead.disqualified}</span>
          </li>
        )}
        {lead.status !== "open" && (
          <li>
            <span class="flag">{lead.status}</span>
          </li>
        )}
      </ul>
      <p class="muted">
        {lead.validUntil && next ? (
          <>
            Turns {next.temperature} <Time at={lead.validUntil} now={frame.now} /> at {number(next.score)}, if nothing
            more happens.
          </>
        ) : (
          `Stays ${lead.temperature}, if nothing more happens.`
        )}
      </p>
    </div>
    <dl class="parts">
      {Object.entries(lead.scores).map(([name, score]) => (
        <div>
          <dt>{name}</dt>
          <dd>{number(score)}</dd>
        </div>
      ))}
    </dl>
  </section>
);

const CAUSES: Record<string, string> = {
  event: "activity",
  time: "time",
  rules: "rules",
  merge: "merge",
  split: "split",
};

const Crossings: FC<{ crossings: Crossing[]; ladders: Ladder[]; now: number }> = ({ crossings, ladders, now }) =>
  crossings.length === 0 ? (
    <p class="muted">No level has been crossed yet.</p>
  ) : (
    <Scroll label="Levels crossed">
      <table class="plain-table crossings">
        <caption class="unseen">Levels crossed, latest first</caption>
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">From</th>
            <th scope="col">To</th>
            <th scope="col">By</th>
            <th scope="col" class="amount">
              Score
            </th>
          </tr>
        </thead>
        <tbody>
          {crossings.map((one) => (
            <tr>
              <td>
                <Time at={one.at} now={now} />
              </td>
              <td>
                <Level ladders={ladders} ladder={one.ladder} level={one.from} />
              </td>
              <td>
                <Level ladders={ladders} ladder={one.ladder} level={one.to} />
              </td>
              <td class="muted">
                {CAUSES[one.cause] ?? one.cause}
                {one.cause === "rules" && ` v${one.rulesVersion}`}
              </td>
              <td class="amount">{number(one.score)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );

function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Of a lead that is one browser and nothing else there is nothing to split. */
const canSplit = ({ visitors, verified }: Lead) => visitors.length > 1 || verified;

const Who: FC<{ frame: Frame; lead: Lead }> = ({ frame, lead }) => (
  <section class="card" aria-labelledby="who">
    <h2 id="who">Who it is</h2>
    <dl class="facts">
      {Object.entries(lead.traits).map(([name, value]) => (
        <div>
          <dt>{name}</dt>
          <dd>{shown(value)}</dd>
        </div>
      ))}
      {lead.userIds.length > 0 && (
        <div>
          <dt>User id</dt>
          <dd>
            {lead.userIds.join(", ")}
            {lead.verified && <span class="flag good">verified</span>}
          </dd>
        </div>
      )}
      <div>
        <dt>Came by</dt>
        <dd>
          {lead.source ? lead.source.channel : "unknown"}
          {lead.source?.campaign && `, campaign ${lead.source.campaign}`}
          {lead.source?.referrer && <span class="under">{lead.source.referrer}</span>}
        </dd>
      </div>
      {lead.firstSeen && (
        <div>
          <dt>First seen</dt>
          <dd>{exact(Date.parse(lead.firstSeen))}</dd>
        </div>
      )}
      {lead.lastSeen && (
        <div>
          <dt>Last seen</dt>
          <dd>{exact(Date.parse(lead.lastSeen))}</dd>
        </div>
      )}
      <div>
        <dt>Activity</dt>
        <dd>
          {plural(lead.visits, "visit")}, {plural(lead.pageviews, "page view")}
        </dd>
      </div>
      {lead.feedback && (
        <div>
          <dt>Sales says</dt>
          <dd>{lead.feedback}</dd>
        </div>
      )}
      <div>
        <dt>{lead.visitors.length === 1 ? "Browser" : "Browsers"}</dt>
        <dd>
          {lead.visitors.length === 0 && "none"}
          <ul class="visitors">
            {lead.visitors.map(({ id, lastSeen, verified }) => (
              <li>
                <code>{id}</code>
                {verified && <span class="flag good">verified</span>}
                {!verified && lead.known && <span class="flag">claimed</span>}
                <span class="under" title={date(Date.parse(lastSeen), frame.now)}>
                  {relative(Date.parse(lastSeen), frame.now)}
                </span>
                {frame.mayWrite && !verified && canSplit(lead) && <Split frame={frame} lead={lead} visitor={id} />}
              </li>
            ))}
          </ul>
          {frame.mayWrite && canSplit(lead) && lead.visitors.some(({ verified }) => !verified) && (
            <p class="muted small">
              “Claimed” is what a browser said of itself and nothing proved. Split off, it has a lead of its own again,
              with what it did.
            </p>
          )}
        </dd>
      </div>
    </dl>
  </section>
);
