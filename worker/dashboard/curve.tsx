/** The score over time as a line: what it was, how it cools, and how it would go on without activity. */
import { type ScaleLinear, scaleLinear } from "d3-scale";
import { area, line } from "d3-shape";
import type { FC } from "hono/jsx";
import type { Crossing, Ladder, ScorePoint, Threshold } from "./data";
import { date, number, plural, relative } from "./format";
import { toneOf } from "./layout";
import { ACROSS, AxisLabel, across, Legend, PLOT, Plot, round, Stretched, type Tick } from "./reports/plot";

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

type Scale = ScaleLinear<number, number>;

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
  const x = scaleLinear()
    .domain([first.at, Math.max(last.at, first.at + 1)])
    .range([0, 100])
    .clamp(true);
  const y = heights(all, thresholds);
  const seen = ahead.filter(({ at }) => at <= now);
  const current = seen.at(-1) ?? last;
  const label =
    `The score from ${number(first.score)} on ${date(first.at, now)} to ${number(current.score)} now, with ` +
    `${plural(crossings.length, "change")} of level. Without activity it will be ${number(last.score)} ` +
    `${last.at > now ? relative(last.at, now) : "from now on"}.`;
  const tone = (name: string) => toneOf(ladders, "temperature", name);
  return (
    <>
      <Plot class="curve" label={label} ticks={ticksOf(y, thresholds, tone)}>
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
  const across = ({ at }: Dot) => round((x(at) / 100) * ACROSS);
  const height = ({ score }: Dot) => round(y(score));
  const path = line<Dot>(across, height);
  return (
    <Stretched>
      <path class="area" d={area<Dot>(across, round(y(0)), height)(past) ?? ""} />
      <path class="line" d={path(past) ?? ""} />
      <path class="line coming" d={path(coming) ?? ""} />
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

function heights(all: readonly Dot[], thresholds: readonly Threshold[]): Scale {
  const values = [0, ...all.map(({ score }) => score), ...thresholds.map(({ score }) => score)];
  const most = Math.max(...values);
  return scaleLinear()
    .domain([Math.min(...values), most > 0 ? most : 1])
    .nice(4)
    .range([PLOT.bottom, PLOT.top]);
}

/** Between two figures at the side, px: closer, and they run into each other. */
const APART = 15;

/** The thresholds, and of round scores those that are not in their way. */
function ticksOf(y: Scale, thresholds: readonly Threshold[], tone: (name: string) => string): Tick[] {
  const marked = thresholds.map(({ name, score }) => ({ y: round(y(score)), label: number(score), tone: tone(name) }));
  const plain = y.ticks(4).map((score) => ({ y: round(y(score)), label: number(score) }));
  return [...marked, ...plain.filter((one) => marked.every(({ y }) => Math.abs(y - one.y) >= APART))];
}
