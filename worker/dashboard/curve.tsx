/** The score over time as a line: what it was, how it cools, and how it would go on without activity. */
import type { FC } from "hono/jsx";
import { area, clamped, line, linear, nice, type Point, type Scale, type Span, ticks } from "./chart";
import type { Crossing, Ladder, ScorePoint, Threshold } from "./data";
import { date, number, plural, relative } from "./format";
import { toneOf } from "./layout";
import { ACROSS, AxisLabel, across, HEIGHTS, Legend, PLOT, Plot, round, Stretched, type Tick } from "./reports/plot";

export interface CurveProps {
  /** Before and after each event. */
  points: ScorePoint[];
  /** From the latest event on, as time alone moves it: until now and beyond. */
  cooling: ScorePoint[];
  crossings: Crossing[];
  thresholds: Threshold[];
  ladders: readonly Ladder[];
  now: number;
}

interface Dot {
  at: number;
  score: number;
}

const dots = (points: readonly ScorePoint[]): Dot[] => points.map(({ at, score }) => ({ at: Date.parse(at), score }));

export const Curve: FC<CurveProps> = ({ points, cooling, crossings, thresholds, ladders, now }) => {
  const ahead = dots(cooling);
  const since = ahead[0]?.at ?? now;
  // Where time alone moved it over a line is known, too; between what is known it is drawn straight.
  const known = [...dots(points), ...dots(crossings.filter(({ cause }) => cause === "time"))];
  const past = known.filter(({ at }) => at <= since).sort((a, b) => a.at - b.at);
  const all = [...past, ...ahead];
  const [first, last] = [all[0], all.at(-1)];
  if (!first || !last) return null;
  const times: Span = [first.at, Math.max(last.at, first.at + 1)];
  const x = clamped(times, linear(times, [0, 100]));
  const scores = spanOf(all, thresholds);
  const y = linear(scores, HEIGHTS);
  const seen = ahead.filter(({ at }) => at <= now);
  const current = seen.at(-1) ?? last;
  const label =
    `The score from ${number(first.score)} on ${date(first.at, now)} to ${number(current.score)} now, with ` +
    `${plural(crossings.length, "change")} of level. Without activity it will be ${number(last.score)} ` +
    `${last.at > now ? relative(last.at, now) : "from now on"}.`;
  const tone = (name: string) => toneOf(ladders, "temperature", name);
  return (
    <>
      <Plot class="curve" label={label} ticks={ticksOf(scores, y, thresholds, tone)}>
        {thresholds.map(({ name, score }) => (
          <g class={`guide ${tone(name)}`}>
            <line x1="0" x2="100%" y1={round(y(score))} y2={round(y(score))} />
          </g>
        ))}
        <Lines past={[...past, ...seen]} coming={ahead.filter(({ at }) => at >= current.at)} x={x} y={y} />
        {x(now) > 1 && last.at > now && (
          <line class="now" x1={across(x(now))} x2={across(x(now))} y1={PLOT.top} y2={PLOT.bottom} />
        )}
        {crossings.map((one) => (
          <circle
            class={`crossing ${toneOf(ladders, one.ladder, one.to)}`}
            cx={across(x(Date.parse(one.at)))}
            cy={round(y(one.score))}
            r="4.5"
          >
            <title>{`${one.from} to ${one.to}, ${date(Date.parse(one.at), now)}`}</title>
          </circle>
        ))}
        <Times first={first.at} last={last.at} now={now} x={x} />
      </Plot>
      <Legend
        entries={thresholds.map(({ name, score }) => ({ class: tone(name), label: `${name} from ${number(score)}` }))}
      />
    </>
  );
};

const Lines: FC<{ past: Dot[]; coming: Dot[]; x: Scale; y: Scale }> = ({ past, coming, x, y }) => {
  const place = ({ at, score }: Dot): Point => [round((x(at) / 100) * ACROSS), round(y(score))];
  const ground = past.map((dot) => place({ ...dot, score: 0 }));
  return (
    <Stretched>
      <path class="area" d={area(past.map(place), ground)} />
      <path class="line" d={line(past.map(place))} />
      <path class="line coming" d={line(coming.map(place))} />
    </Stretched>
  );
};

/** The days at both ends, and now where there is room for it. */
const Times: FC<{ first: number; last: number; now: number; x: Scale }> = ({ first, last, now, x }) => (
  <>
    <AxisLabel x={0}>{x(now) <= 1 ? "now" : date(first, now)}</AxisLabel>
    {last > now && x(now) > 15 && x(now) < 85 && <AxisLabel x={x(now)}>now</AxisLabel>}
    <AxisLabel x={100}>{last > now ? date(last, now) : "now"}</AxisLabel>
  </>
);

/** The scores from bottom to top. */
function spanOf(all: readonly Dot[], thresholds: readonly Threshold[]): Span {
  const values = [0, ...all.map(({ score }) => score), ...thresholds.map(({ score }) => score)];
  const most = Math.max(...values);
  return nice([Math.min(...values), most > 0 ? most : 1], 4);
}

/** Between two figures at the side, px: closer, and they run into each other. */
const APART = 15;

/** The thresholds, and of round scores those that are not in their way. */
function ticksOf(scores: Span, y: Scale, thresholds: readonly Threshold[], tone: (name: string) => string): Tick[] {
  const marked = thresholds.map(({ name, score }) => ({ y: round(y(score)), label: number(score), tone: tone(name) }));
  const plain = ticks(scores, 4).map((score) => ({ y: round(y(score)), label: number(score) }));
  return [...marked, ...plain.filter((one) => marked.every(({ y }) => Math.abs(y - one.y) >= APART))];
}
