/** The leads of a site: a list that its address describes wholly. */
import type { FC } from "hono/jsx";
import type { Frame, Ladder, Lead } from "./data";
import { leadName, leadRole, number, Time } from "./format";
import { Copy, Heading, Level, link, Notice, Page, PageStyle, tag, toneOf } from "./layout";

export interface LeadsQuery {
  sort: string;
  q?: string | undefined;
  temperature?: string | undefined;
  stage?: string | undefined;
  known?: string | undefined;
  minScore?: string | undefined;
  disqualified?: string | undefined;
  cursor?: string | undefined;
  /** Where the pages before this one began, in their order: cursors lead onwards only. */
  trail?: string | undefined;
}

export interface LeadsProps {
  frame: Frame;
  query: LeadsQuery;
  ladders: Ladder[];
  leads: Lead[];
  nextCursor: string | null;
  /** What has just been done. */
  done: string | null;
  /** The tag to paste, where nothing has come in yet. */
  tag: { origin: string; writeKey: string };
}

const SORT_DEFAULT = "-score";

export const LeadsPage: FC<LeadsProps> = (props) => {
  const { frame, query, leads } = props;
  const { q, temperature, stage, known, minScore, disqualified, cursor } = query;
  const narrowed = Boolean(q || temperature || stage || known || minScore || disqualified || cursor);
  const empty = leads.length === 0 && !narrowed;
  return (
    <Page frame={frame} title="Leads" section="leads">
      <Heading title="Leads" lead={empty ? undefined : "Everybody who has been on the site, by what they did there."}>
        {leads.length > 0 && (
          <a href={csvLink(frame, query)} download>
            Download as CSV
          </a>
        )}
      </Heading>
      {props.done && <Notice tone="good" title={props.done} />}
      {empty ? (
        <Empty frame={frame} {...props.tag} />
      ) : (
        <>
          <Filters frame={frame} query={query} ladders={props.ladders} />
          {leads.length === 0 ? <NoMatch frame={frame} /> : <Table {...props} />}
          <Pager frame={frame} query={query} next={props.nextCursor} />
        </>
      )}
    </Page>
  );
};

/** The list's address with something else asked for; always from its beginning. */
function listLink(frame: Frame, query: LeadsQuery, change: Partial<LeadsQuery>): string {
  const { sort, ...rest } = { ...query, cursor: undefined, trail: undefined, ...change };
  return link(frame, "", { ...rest, sort: sort === SORT_DEFAULT ? undefined : sort });
}

/** All leads that the filters let through, not this page of them alone: a call of the API, which the session opens. */
function csvLink({ site }: Frame, { q, temperature, stage, known, minScore, disqualified, sort }: LeadsQuery): string {
  // The API refuses what it does not know, so nothing else of the address goes along.
  const asked = { site: site?.id, q: q?.trim(), temperature, stage, known, minScore, disqualified, sort };
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(asked)) if (value) search.set(name, value);
  return `/v1/leads.csv?${search}`;
}

const Filters: FC<{ frame: Frame; query: LeadsQuery; ladders: Ladder[] }> = ({ frame, query, ladders }) => (
  <div class="filters">
    {(["temperature", "stage"] as const).map((name) => {
      const levels = ladders.find((ladder) => ladder.name === name)?.levels;
      if (!levels) return null;
      return (
        <nav class="chips" aria-label={`Filter by ${name}`}>
          <span class="label" aria-hidden="true">
            {name}
          </span>
          <a
            class="chip"
            href={listLink(frame, query, { [name]: undefined })}
            aria-current={query[name] ? undefined : "true"}
          >
            all
          </a>
          {[...levels].reverse().map((level) => (
            <a
              class={`chip ${name === "temperature" ? toneOf(ladders, name, level) : ""}`}
              href={listLink(frame, query, { [name]: query[name] === level ? undefined : level })}
              aria-current={query[name] === level ? "true" : undefined}
            >
              {level}
            </a>
          ))}
        </nav>
      );
    })}
    <form class="narrow" method="get" action="/dashboard">
      {frame.sites.length > 1 && <input type="hidden" name="site" value={frame.site?.id} />}
      {query.temperature && <input type="hidden" name="temperature" value={query.temperature} />}
      {query.stage && <input type="hidden" name="stage" value={query.stage} />}
      {query.sort !== SORT_DEFAULT && <input type="hidden" name="sort" value={query.sort} />}
      <label class="search">
        <span class="unseen">Search by name, e-mail or company</span>
        <input type="search" name="q" value={query.q ?? ""} placeholder="Name, e-mail or company" maxlength={200} />
      </label>
      <label>
        <span>Who</span>
        <select name="known">
          {[
            ["", "everybody"],
            ["true", "known"],
            ["false", "anonymous"],
          ].map(([value, label]) => (
            <option value={value} selected={(query.known ?? "") === value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>Score from</span>
        <input type="number" name="minScore" value={query.minScore ?? ""} step="any" inputmode="numeric" />
      </label>
      <label class="tick">
        <input type="checkbox" name="disqualified" value="true" checked={query.disqualified === "true"} />
        <span>disqualified too</span>
      </label>
      <button type="submit">Apply</button>
    </form>
  </div>
);

const COLUMNS: { sort: string | null; label: string; class: string }[] = [
  { sort: null, label: "Lead", class: "who" },
  { sort: "-score", label: "Score", class: "score" },
  { sort: null, label: "Temperature", class: "temperature" },
  { sort: null, label: "Stage", class: "stage" },
  { sort: null, label: "Came by", class: "source" },
  { sort: null, label: "Visits", class: "visits" },
  { sort: "-lastSeen", label: "Last seen", class: "seen" },
];

const Table: FC<LeadsProps> = ({ frame, query, leads, ladders }) => {
  const columns = COLUMNS.filter((column) => column.class !== "stage" || ladders.some(({ name }) => name === "stage"));
  const top = Math.max(100, ...leads.map(({ score }) => score));
  return (
    <div class="card flush">
      <table class="leads">
        <caption class="unseen">Leads, {query.sort === "-lastSeen" ? "latest first" : "by score"}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <Column {...column} frame={frame} query={query} />
            ))}
          </tr>
        </thead>
        <tbody>
          {leads.map((lead) => (
            <tr>
              <th scope="row" class="who">
                <a href={link(frame, `/leads/${encodeURIComponent(lead.id)}`)}>{leadName(lead)}</a>
                <span class="under">{leadRole(lead, lead.account)}</span>
              </th>
              <td class="score">
                <ScoreBar score={lead.score} top={top} tone={toneOf(ladders, "temperature", lead.temperature)} />
              </td>
              <td class="temperature">
                <Level ladders={ladders} ladder="temperature" level={lead.temperature} />
                {lead.disqualified && <span class="flag">{lead.disqualified}</span>}
              </td>
              {lead.levels.stage !== undefined && (
                <td class="stage">
                  <Level ladders={ladders} ladder="stage" level={lead.levels.stage} />
                </td>
              )}
              <td class="source">
                {lead.source?.channel ?? ""}
                {lead.source?.campaign && <span class="under">{lead.source.campaign}</span>}
              </td>
              <td class="visits">{lead.visits}</td>
              <td class="seen">{lead.lastSeen && <Time at={lead.lastSeen} now={frame.now} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
};

const Column: FC<(typeof COLUMNS)[number] & { frame: Frame; query: LeadsQuery }> = (props) => {
  const { frame, query, sort, label } = props;
  if (sort === null) {
    return (
      <th scope="col" class={props.class}>
        {label}
      </th>
    );
  }
  const down = query.sort === sort;
  const up = sort === SORT_DEFAULT && query.sort === "score";
  return (
    <th scope="col" class={props.class} aria-sort={down ? "descending" : up ? "ascending" : undefined}>
      <a href={listLink(frame, query, { sort: down && sort === SORT_DEFAULT ? "score" : sort })}>
        {label}
        <span aria-hidden="true">{down ? " ↓" : up ? " ↑" : ""}</span>
      </a>
    </th>
  );
};

/** Width of a bar in its own units. */
const BAR = 100;

const ScoreBar: FC<{ score: number; top: number; tone: string }> = ({ score, top, tone }) => (
  <div class="score-cell">
    <b>{number(score)}</b>
    <svg viewBox={`0 0 ${BAR} 6`} preserveAspectRatio="none" aria-hidden="true">
      <rect class="track" width={BAR} height="6" rx="1.5" />
      <rect class={tone} width={Math.round((Math.max(0, score) / top) * BAR)} height="6" rx="1.5" />
    </svg>
  </div>
);

/** Stands in a trail for the first page, which has no cursor. No cursor has a dot, which parts them. */
const FIRST = "first";
/** Most pages in a trail: their cursors stand in the address, some 90 characters each. */
const TRAIL_MAX = 30;

const Pager: FC<{ frame: Frame; query: LeadsQuery; next: string | null }> = ({ frame, query, next }) => {
  const { cursor } = query;
  if (!cursor && !next) return null;
  const trail = query.trail?.split(".") ?? [];
  const back = trail.at(-1);
  const onwards = [...trail, cursor ?? FIRST].slice(-TRAIL_MAX).join(".");
  return (
    <nav class="pager" aria-label="Pages">
      {cursor && back !== FIRST && <a href={listLink(frame, query, {})}>First page</a>}
      {back && (
        <a
          rel="prev"
          href={listLink(frame, query, back === FIRST ? {} : { cursor: back, trail: trail.slice(0, -1).join(".") })}
        >
          Previous page
        </a>
      )}
      {next && (
        <a class="onward" rel="next" href={listLink(frame, query, { cursor: next, trail: onwards })}>
          Next page
        </a>
      )}
    </nav>
  );
};

const NoMatch: FC<{ frame: Frame }> = ({ frame }) => (
  <div class="card empty">
    <p>No lead is like that.</p>
    <p>
      <a href={link(frame, "")}>Show all leads</a>
    </p>
  </div>
);

const Empty: FC<{ frame: Frame; origin: string; writeKey: string }> = ({ frame, origin, writeKey }) => (
  <div class="card empty">
    <h2>No leads yet</h2>
    <p>Paste this tag into every page of the site, before the closing head tag. The first visit shows up here.</p>
    <Copy id="tag" text={tag(origin, writeKey)} label="the tag" />
    <PageStyle />
    <p>
      <a href={link(frame, "/setup")}>Set-up</a> tells as soon as the first event has come in.
    </p>
  </div>
);
