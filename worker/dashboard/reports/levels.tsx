/** How many leads stood on which level, day by day. */
import type { FC } from "hono/jsx";
import { area, linear, nice, type Point, ticks } from "../chart";
import type { Frame, Ladder } from "../data";
import { date, plural } from "../format";
import { link, toneOf } from "../layout";
import type { LevelsReport } from "./data";
import { Ready, Sampled } from "./frame";
import { ACROSS, AsTable, AxisLabel, HEIGHTS, Legend, Plot, rough, Stretched } from "./plot";

type Days = LevelsReport["data"][number];
type Day = Days["days"][number];

/** Days to look back; the first is what is shown unasked. */
export const PERIODS = [
  { days: 30, label: "30 days" },
  { days: 7, label: "7 days" },
  { days: 90, label: "90 days" },
  { days: 365, label: "A year" },
] as const;

export const Period: FC<{ frame: Frame; days: number }> = ({ frame, days }) => (
  <nav class="chips" aria-label="Period">
    <span class="label">Period</span>
    {PERIODS.toSorted((a, b) => a.days - b.days).map((one) => (
      <a
        class="chip"
        href={link(frame, "/reports/levels", { days: one.days })}
        aria-current={one.days === days ? "true" : undefined}
      >
        {one.label}
      </a>
    ))}
  </nav>
);

export const LevelsOverTime: FC<{ frame: Frame; ladders: Ladder[]; report: LevelsReport }> = (props) => (
  <Ready>
    {props.report.data.map((one, i) => (
      <section class="card" aria-labelledby={`ladder-${i}`}>
        <h2 id={`ladder-${i}`} class="ladder-name">
          {one.ladder}
        </h2>
        <Ladders {...props} ladder={one} />
      </section>
    ))}
    <p class="muted small">
      Each day counts at its end (UTC), today as it is now; a lead counts from the day it was first seen.
    </p>
    <Sampled basis={props.report} />
  </Ready>
);

/** Class and strength of a level's colour. Colours are the temperature's alone: other ladders go from pale to dark. */
function look(ladders: readonly Ladder[], { ladder, levels }: Days, level: string): { class: string; opacity: number } {
  const place = levels.indexOf(level) / Math.max(1, levels.length - 1);
  if (ladder !== "temperature") return { class: "layer", opacity: 0.18 + 0.72 * place };
  const tone = toneOf(ladders, ladder, level);
  // Several levels between the lowest and the highest have one colour, in different strengths.
  return { class: `layer ${tone}`, opacity: tone === "warm" ? 0.5 + 0.5 * place : 1 };
}

const Ladders: FC<{ frame: Frame; ladders: Ladder[]; ladder: Days }> = ({ frame, ladders, ladder }) => (
  <>
    <Stacked frame={frame} ladders={ladders} ladder={ladder} />
    <Legend
      entries={ladder.levels.map((level) => ({
        ...look(ladders, ladder, level),
        label: `${level}: ${(ladder.now[level] ?? 0).toLocaleString("en")} now`,
      }))}
    />
    <AsTable
      caption={`Leads by ${ladder.ladder}, day by day, latest first`}
      columns={["Day", ...ladder.levels, "All"]}
      rows={ladder.days
        .map(({ day, leads, levels }) => [
          day,
          ...ladder.levels.map((level) => (levels[level] ?? 0).toLocaleString("en")),
          leads.toLocaleString("en"),
        ])
        .reverse()}
    />
  </>
);

const Stacked: FC<{ frame: Frame; ladders: Ladder[]; ladder: Days }> = ({ frame, ladders, ladder }) => {
  const { days, levels } = ladder;
  const most = Math.max(1, ...days.map(({ leads }) => leads));
  const counts = nice([0, most], 4);
  const y = linear(counts, HEIGHTS);
  const last = Math.max(1, days.length - 1);
  // Each level lies on those before it; the first on the ground.
  const edges = [[], ...levels].map((_, i) => {
    const below = (day: Day) => levels.slice(0, i).reduce((sum, level) => sum + (day.levels[level] ?? 0), 0);
    return days.map((day, n): Point => [Math.round((n / last) * ACROSS), Math.round(y(below(day)) * 10) / 10]);
  });
  const marks = ticks(counts, 4).filter(Number.isInteger);
  return (
    <Plot label={summary(ladder, frame.now)} ticks={marks.map((tick) => ({ y: y(tick), label: rough(tick) }))}>
      <Stretched>
        {levels.map((level, i) => {
          const { class: name, opacity } = look(ladders, ladder, level);
          return <path class={name} fill-opacity={opacity} d={area(edges[i + 1] ?? [], edges[i] ?? [])} />;
        })}
      </Stretched>
      {[0, Math.floor(last / 2), last].map((i) => (
        <AxisLabel x={(i / last) * 100}>{date(Date.parse(days[i]?.day ?? ""), frame.now)}</AxisLabel>
      ))}
    </Plot>
  );
};

function summary({ ladder, levels, days }: Days, now: number): string {
  const [first, last] = [days[0], days.at(-1)];
  if (!first || !last) return "";
  const told = levels.map(
    (level) =>
      `${level} from ${(first.levels[level] ?? 0).toLocaleString("en")} to ${(last.levels[level] ?? 0).toLocaleString("en")}`,
  );
  return (
    `Leads by ${ladder} from ${date(Date.parse(first.day), now)} to ${date(Date.parse(last.day), now)}: ` +
    `${told.join(", ")}; all from ${first.leads.toLocaleString("en")} to ${plural(last.leads, "lead")}.`
  );
}
