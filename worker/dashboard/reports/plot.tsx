/**
 * What the charts share. Heights are in px and widths in percent, so text and dots keep their size on every screen; only
 * what is drawn as a path stretches. Each chart is one image with its sum in words, and has its figures in a table.
 */
import type { Child, FC, PropsWithChildren } from "hono/jsx";
import type { Followed } from "../../core/personalisation";
import type { Interval } from "../../core/stats";
import type { Ladder } from "../data";
import { plural } from "../format";
import { Level, Scroll } from "../layout";

const HEIGHT = 218;
/** Of the plot within its picture, px; below it stands the axis. */
export const PLOT = { top: 14, bottom: 188 };
/** Where heights are drawn: 0 is below. */
export const HEIGHTS = [PLOT.bottom, PLOT.top] as const;
/** Units across that paths are drawn in. */
export const ACROSS = 1000;
const GUTTER = 44;

/** How many, on an axis: "800", "12K". */
export const rough = (count: number) => count.toLocaleString("en", { notation: "compact" });

export const round = (value: number) => Math.round(value * 100) / 100;
export const across = (percent: number) => `${round(percent)}%`;

/** A share as people read it, with a decimal where it is small. */
export function percent(share: number | null): string {
  if (share === null) return "–";
  const value = share * 100;
  return `${value > 0 && value < 10 ? Math.round(value * 10) / 10 : Math.round(value)} %`;
}

/** "12 to 18 %". */
export function percentSpan(interval: Interval | null): string {
  return interval ? `${percent(interval[0]).replace(" %", "")} to ${percent(interval[1])}` : "";
}

export interface Tick {
  /** px from the top. */
  y: number;
  label: string;
  /** Colour of what the line stands for; its own line is drawn with it. */
  tone?: string;
}

/** A chart with the scale of its heights at the left. */
export const Plot: FC<PropsWithChildren<{ label: string; ticks: Tick[]; class?: string }>> = (props) => {
  const { label, ticks, children } = props;
  return (
    <div class={props.class ? `plot ${props.class}` : "plot"} role="img" aria-label={label}>
      <svg width={GUTTER} height={HEIGHT} aria-hidden="true">
        {ticks.map(({ y, label, tone }) => (
          <text class={tone} x={GUTTER - 7} y={y} dy="0.32em" text-anchor="end">
            {label}
          </text>
        ))}
      </svg>
      <svg class="canvas" width="100%" height={HEIGHT} aria-hidden="true">
        {ticks.map(({ y, tone }) => tone === undefined && <line class="grid" x1="0" x2="100%" y1={y} y2={y} />)}
        {children}
      </svg>
    </div>
  );
};

/** Paths within a plot, which stretch with it. */
export const Stretched: FC<PropsWithChildren> = ({ children }) => (
  <svg width="100%" height={HEIGHT} viewBox={`0 0 ${ACROSS} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
    {children}
  </svg>
);

/** A word under the plot; at its ends it stays within. `spare`: small screens do without. */
export const AxisLabel: FC<PropsWithChildren<{ x: number; spare?: boolean }>> = ({ x, spare, children }) => (
  <text
    class={spare ? "axis spare" : "axis"}
    x={across(x)}
    y={PLOT.bottom + 18}
    text-anchor={x < 4 ? "start" : x > 96 ? "end" : "middle"}
  >
    {children}
  </text>
);

export interface Entry {
  /** Class of its mark. */
  class: string;
  opacity?: number;
  label: string;
}

/** What the marks of a chart stand for. */
export const Legend: FC<{ entries: Entry[] }> = ({ entries }) => (
  <ul class="legend">
    {entries.map((one) => (
      <li>
        <svg width="12" height="12" aria-hidden="true">
          <rect class={one.class} width="12" height="12" rx="2" fill-opacity={one.opacity} />
        </svg>
        {one.label}
      </li>
    ))}
  </ul>
);

/** The figures of a chart, for whoever does not see it or wants them exactly. The first column names the row. */
export const AsTable: FC<{ caption: string; columns: string[]; rows: Child[][] }> = ({ caption, columns, rows }) => (
  <details class="as-table">
    <summary>As a table</summary>
    <Scroll label={caption}>
      <table class="plain-table">
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column, i) => (
              <th scope="col" class={i > 0 ? "amount" : undefined}>
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, ...cells]) => (
            <tr>
              <th scope="row">{name}</th>
              {cells.map((cell) => (
                <td class="amount">{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  </details>
);

/** A share as a bar with the interval in which the true one plausibly lies; `most`: the share that fills the cell. */
export const ShareBar: FC<{ rate: number | null; interval: Interval | null; most: number; class?: string }> = (
  props,
) => {
  const { rate, interval, most } = props;
  const x = (share: number) => across((share / (most || 1)) * 98);
  return (
    <svg class="share" width="100%" height="22" aria-hidden="true">
      <rect class={props.class ?? "bar"} width={x(rate ?? 0)} y="4" height="14" rx="1.5" />
      {interval && <Whisker from={x(interval[0])} to={x(interval[1])} />}
    </svg>
  );
};

/** An interval, lying, in a picture 22 px high. */
export const Whisker: FC<{ from: string; to: string; class?: string }> = ({ from, to, ...props }) => (
  <g class={props.class ? `whisker ${props.class}` : "whisker"}>
    <line x1={from} x2={to} y1="11" y2="11" />
    <line x1={from} x2={from} y1="7" y2="15" />
    <line x1={to} x2={to} y1="7" y2="15" />
  </g>
);

/** A temperature that something was shown at. */
export const Temperature: FC<{ ladders: Ladder[]; temperature: string | null }> = ({ ladders, temperature }) =>
  temperature === null ? (
    <span class="muted">unknown</span>
  ) : (
    <Level ladders={ladders} ladder="temperature" level={temperature} />
  );

/** How many of those shown something did something. */
export const Share: FC<{ of: Followed }> = ({ of: { count, rate, interval } }) => (
  <>
    <b>{percent(rate)}</b>
    <span class="under">
      {interval === null ? (
        "of nobody"
      ) : (
        <>
          {plural(count, "lead")}
          <br />
          plausibly {percentSpan(interval)}
        </>
      )}
    </span>
  </>
);
