/** How many leads have which score. */
import type { FC } from "hono/jsx";
import { linear, nice, type Span, ticks } from "../chart";
import type { Frame, Ladder, Threshold } from "../data";
import { number, plural } from "../format";
import { link, toneOf } from "../layout";
import type { DistributionReport } from "./data";
import { AsTable, AxisLabel, across, Legend, PLOT, Plot, rough } from "./plot";

export interface HistogramProps {
  frame: Frame;
  ladders: Ladder[];
  report: DistributionReport;
  thresholds: Threshold[];
}

/** Between two bars, of their width. */
const GAP = 0.08;
/** From one name of a threshold down to the next, px: neighbours would stand on each other. */
const ROW = 13;
/** Most names that room is kept for: bars shall not get flat. */
const NAMES_MAX = 5;

export const Histogram: FC<HistogramProps> = (props) => {
  const { frame, report } = props;
  const { data, disqualified } = report;
  return (
    <section class="card" aria-labelledby="scores">
      <h2 id="scores">Where your leads stand</h2>
      <p class="muted">
        Each bar counts the leads with such a score, refreshed within 24 hours.{" "}
        <a href={link(frame, "")}>The hottest of them</a>
      </p>
      <Bars {...props} />
      {disqualified > 0 && (
        <Legend entries={[{ class: "off", label: `${disqualified.toLocaleString("en")} disqualified, in no list` }]} />
      )}
      <AsTable
        caption="Leads by score"
        columns={["Score", "Leads", "Disqualified"]}
        rows={data.map(({ from, to, leads, disqualified }) => [
          `${number(from)} to below ${number(to)}`,
          leads.toLocaleString("en"),
          disqualified.toLocaleString("en"),
        ])}
      />
    </section>
  );
};

const Bars: FC<HistogramProps> = ({ report, thresholds, ladders }) => {
  const { data } = report;
  // Thresholds that nobody reaches are worth seeing, too.
  const ends = [0, ...data.flatMap(({ from, to }) => [from, to]), ...thresholds.map(({ score }) => score)];
  const scores: Span = [Math.min(...ends), Math.max(...ends)];
  const x = linear(scores, [0, 100]);
  const most = Math.max(...data.map(({ leads, disqualified }) => leads + disqualified));
  const counts = nice([0, most], 4);
  // Above the bars there is room for the names of thresholds, which stood on them.
  const y = linear(counts, [PLOT.bottom, PLOT.top + Math.min(thresholds.length, NAMES_MAX) * ROW]);
  const marks = ticks(counts, 4).filter(Number.isInteger);
  const tone = (from: number) => {
    const level =
      thresholds.findLast(({ score }) => score <= from)?.name ??
      ladders.find(({ name }) => name === "temperature")?.levels[0];
    return thresholds.length > 0 && level !== undefined ? toneOf(ladders, "temperature", level) : "bar";
  };
  return (
    <Plot label={summary(report, thresholds)} ticks={marks.map((tick) => ({ y: y(tick), label: rough(tick) }))}>
      {data.map(({ from, to, leads, disqualified }) => {
        const width = across((x(to) - x(from)) * (1 - GAP));
        return (
          <g>
            <title>{`${number(from)} to ${number(to)}: ${plural(leads, "lead")}`}</title>
            <rect class={tone(from)} x={across(x(from))} width={width} y={y(leads)} height={y(0) - y(leads)} />
            {disqualified > 0 && (
              <rect
                class="off"
                x={across(x(from))}
                width={width}
                y={y(leads + disqualified)}
                height={y(leads) - y(leads + disqualified)}
              />
            )}
          </g>
        );
      })}
      {thresholds.map(({ name, score }, i) => (
        <g class={`guide ${toneOf(ladders, "temperature", name)}`}>
          <line x1={across(x(score))} x2={across(x(score))} y1={PLOT.top} y2={PLOT.bottom} />
          <text
            x={across(x(score))}
            dx={x(score) > 80 ? -5 : 5}
            y={PLOT.top + 8 + i * ROW}
            text-anchor={x(score) > 80 ? "end" : "start"}
          >
            {`${name} from ${number(score)}`}
          </text>
        </g>
      ))}
      {ticks(scores, 6).map((tick) => (
        <AxisLabel x={x(tick)}>{number(tick)}</AxisLabel>
      ))}
    </Plot>
  );
};

function summary({ data, leads, disqualified }: DistributionReport, thresholds: Threshold[]): string {
  const fullest = data.reduce((one, other) => (other.leads > one.leads ? other : one));
  const marks = thresholds.map(({ name, score }) => `${name} from ${number(score)}`).join(", ");
  return (
    `${plural(leads, "lead")} by score, from ${number(data[0]?.from ?? 0)} to ${number(data.at(-1)?.to ?? 0)}; most, ` +
    `${fullest.leads.toLocaleString("en")}, from ${number(fullest.from)} to ${number(fullest.to)}. ` +
    `${disqualified > 0 ? `${disqualified.toLocaleString("en")} more are disqualified. ` : ""}` +
    `${marks ? `Levels: ${marks}.` : ""}`
  );
}
