/**
 * The score over time as a line: what it was after each event, how it cools, and how it would go on without activity.
 * Heights are in px and widths in percent, so text and dots keep their size on every screen; only the lines stretch.
 */
import type { FC } from "hono/jsx";
import type { Crossing, Ladder, ScorePoint, Threshold } from "./data";
import { date, number, plural, relative } from "./format";
import { toneOf } from "./layout";

const HEIGHT = 200;
const PLOT = { top: 14, bottom: 168 };
const WIDTH = 1000;

export interface CurveProps {
  /** After each event. */
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

const dots = (points: ScorePoint[]): Dot[] => points.map(({ at, score }) => ({ at: Date.parse(at), score }));

export const Curve: FC<CurveProps> = ({ points, cooling, crossings, thresholds, ladders, now }) => {
  const ahead = dots(cooling);
  const since = ahead[0]?.at ?? now;
  const past = dots(points).filter(({ at }) => at < since);
  const all = [...past, ...ahead];
  const first = all[0];
  const last = all.at(-1);
  if (!first || !last) return null;
  const { x, y, top, low } = scales(all, thresholds);
  const seen = ahead.filter(({ at }) => at <= now);
  const coming = ahead.filter(({ at }) => at >= (seen.at(-1)?.at ?? now));
  const current = seen.at(-1) ?? last;
  const label =
    `The score from ${number(first.score)} on ${date(first.at, now)} to ${number(current.score)} now, with ` +
    `${plural(crossings.length, "change")} of level. Without activity it will be ${number(last.score)} ` +
    `${last.at > now ? relative(last.at, now) : "from now on"}.`;
  return (
    <svg class="curve" width="100%" height={HEIGHT} role="img" aria-label={label}>
      <Guide y={y(low)} label={low < 0 ? number(low) : ""} />
      <Guide y={y(top)} label={number(top)} />
      {thresholds.map(({ name, score }) => (
        <Guide y={y(score)} label={`${name} ${number(score)}`} tone={toneOf(ladders, "temperature", name)} />
      ))}
      <svg
        width="100%"
        height={HEIGHT}
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        <path class="area" d={`${line([...stairs(past), ...seen], x, y)}V${y(low)}H${x(first.at) * 10}Z`} />
        <path class="line" d={line([...stairs(past), ...seen], x, y)} />
        <path class="line coming" d={line(coming, x, y)} />
      </svg>
      {last.at > now && <line class="now" x1={`${x(now)}%`} x2={`${x(now)}%`} y1={PLOT.top} y2={PLOT.bottom} />}
      {crossings.map((one) => (
        <circle
          class={`crossing ${toneOf(ladders, one.ladder, one.to)}`}
          cx={`${x(Date.parse(one.at))}%`}
          cy={y(one.score)}
          r="4.5"
        >
          <title>{`${one.from} to ${one.to}, ${date(Date.parse(one.at), now)}`}</title>
        </circle>
      ))}
      <text class="axis" x="0" y={HEIGHT - 8}>
        {date(first.at, now)}
      </text>
      {last.at > now && x(now) > 15 && x(now) < 85 && (
        <text class="axis" x={`${x(now)}%`} y={HEIGHT - 8} text-anchor="middle">
          now
        </text>
      )}
      <text class="axis" x="100%" y={HEIGHT - 8} text-anchor="end">
        {last.at > now ? date(last.at, now) : "now"}
      </text>
    </svg>
  );
};

const Guide: FC<{ y: number; label: string; tone?: string }> = ({ y, label, tone }) => (
  <g class={tone ? `guide ${tone}` : "guide"}>
    <line x1="0" x2="100%" y1={y} y2={y} />
    <text x="0" y={y - 4}>
      {label}
    </text>
  </g>
);

function scales(all: readonly Dot[], thresholds: readonly Threshold[]) {
  const start = all[0]?.at ?? 0;
  const extent = (all.at(-1)?.at ?? 0) - start || 1;
  const values = [0, ...all.map(({ score }) => score), ...thresholds.map(({ score }) => score)];
  const low = Math.min(...values);
  const top = niceAbove(Math.max(...values));
  return {
    low,
    top,
    /** Percent of the width. */
    x: (at: number) => Math.min(100, Math.max(0, Math.round(((at - start) / extent) * 1e4) / 100)),
    y: (score: number) => Math.round(PLOT.bottom - ((score - low) / (top - low || 1)) * (PLOT.bottom - PLOT.top)),
  };
}

/** The next multiple of 10 above, of 50 from 200 on. */
function niceAbove(value: number): number {
  const step = value > 200 ? 50 : 10;
  return Math.max(step, Math.ceil(value / step) * step);
}

/** Between two events the score is drawn as it was left: how it cooled in between is not asked for. */
function stairs(points: readonly Dot[]): Dot[] {
  return points.flatMap((point, i) => {
    const before = points[i - 1];
    return before ? [{ at: point.at, score: before.score }, point] : [point];
  });
}

function line(points: readonly Dot[], x: (at: number) => number, y: (score: number) => number): string {
  return points.map(({ at, score }, i) => `${i === 0 ? "M" : "L"}${x(at) * 10} ${y(score)}`).join("");
}
