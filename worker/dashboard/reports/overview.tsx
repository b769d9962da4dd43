/** Whether the score means anything: how well it tells who converts, by pairs, by groups and by level. */
import type { FC } from "hono/jsx";
import type { CalibrationGroup } from "../../core/evidence";
import { linear, nice, smooth, ticks } from "../chart";
import type { Frame, Ladder } from "../data";
import { number, plural } from "../format";
import { Level, Notice, toneOf } from "../layout";
import type { RulesReport } from "./data";
import { NoOutcomes, Ready, Sampled } from "./frame";
import {
  ACROSS,
  AsTable,
  AxisLabel,
  across,
  HEIGHTS,
  Legend,
  Plot,
  percent,
  percentSpan,
  ShareBar,
  Stretched,
} from "./plot";

export interface ScoreReportProps {
  frame: Frame;
  origin: string;
  ladders: Ladder[];
  report: RulesReport;
}

export const ScoreReport: FC<ScoreReportProps> = ({ frame, origin, ladders, report }) => {
  if (report.conversion.converted === 0) {
    return (
      <Ready>
        <NoOutcomes frame={frame} origin={origin} title="Does the score mean anything?">
          From then on this page shows whether they had the higher scores.
        </NoOutcomes>
      </Ready>
    );
  }
  return (
    <Ready>
      {report.note && (
        <Notice tone="warn" title="Take this with care">
          <p>{report.note}</p>
        </Notice>
      )}
      <div class="columns">
        <div class="stack">
          <Verdict report={report} />
          <Calibration groups={report.calibration} />
        </div>
        <ByLevel report={report} ladders={ladders} />
      </div>
      <Sampled basis={report} />
    </Ready>
  );
};

/** What the area under the curve comes to, in words. */
export function verdict({ auc, note }: Pick<RulesReport, "auc" | "note">): string {
  const { value, interval } = auc;
  if (value === null || interval === null) return "Nothing to compare with yet";
  if (note !== null) return "Too early to tell";
  if (interval[1] < 0.5) return "It points the wrong way";
  if (interval[0] <= 0.5) return "It may be chance";
  if (value >= 0.8) return "Yes, a lot";
  return value >= 0.7 ? "Yes" : "Yes, a little";
}

const ofHundred = (share: number) => Math.round(share * 100);

const Verdict: FC<{ report: RulesReport }> = ({ report }) => {
  const { value, interval } = report.auc;
  const { converted, leads, rate, interval: span } = report.conversion;
  return (
    <section class="card" aria-labelledby="verdict">
      <h2 id="verdict">Does the score mean anything?</h2>
      <p class="verdict">{verdict(report)}</p>
      {value !== null && (
        <>
          <p>
            Take a lead that converted and one that did not: in <b>{ofHundred(value)} %</b> of such pairs the one that
            converted had the higher score
            {interval && interval[0] < interval[1] && (
              <>
                {" "}
                (plausibly {ofHundred(interval[0])} to {ofHundred(interval[1])} %)
              </>
            )}
            . Chance alone gives 50 %.
          </p>
          <Scale value={value} interval={interval} />
        </>
      )}
      <p class="muted">
        {converted.toLocaleString("en")} of {plural(leads, "lead")} converted: {percent(rate)} (plausibly{" "}
        {percentSpan(span)}). Scores are those at a lead’s latest event, before its outcome if it has one.
      </p>
    </section>
  );
};

/** From a coin to never wrong. */
const Scale: FC<{ value: number; interval: RulesReport["auc"]["interval"] }> = ({ value, interval }) => {
  const low = Math.min(0.4, value, interval?.[0] ?? value);
  const x = linear([low, 1], [1, 99]);
  return (
    <svg class="auc" width="100%" height="44" aria-hidden="true">
      <line class="rail" x1={across(x(low))} x2={across(x(1))} y1="12" y2="12" />
      <line class="chance" x1={across(x(0.5))} x2={across(x(0.5))} y1="3" y2="21" />
      {interval && (
        <rect
          class="span"
          x={across(x(interval[0]))}
          width={across(x(interval[1]) - x(interval[0]))}
          y="8"
          height="8"
          rx="4"
        />
      )}
      <circle class="dot" cx={across(x(value))} cy="12" r="6" />
      <text x={across(x(0.5))} y="38" text-anchor={low < 0.45 ? "middle" : "start"}>
        50: chance
      </text>
      <text x={across(x(1))} y="38" text-anchor="end">
        100: never wrong
      </text>
    </svg>
  );
};

/** Conversion on each level of each ladder; the bars stand in the table that tells them. */
const ByLevel: FC<{ report: RulesReport; ladders: Ladder[] }> = ({ report, ladders }) => {
  const most = Math.max(0, ...report.levels.map(({ interval, leads }) => (leads > 0 ? (interval?.[1] ?? 0) : 0)));
  const names = [...new Set(report.levels.map(({ ladder }) => ladder))];
  return (
    <section class="card" aria-labelledby="by-level">
      <h2 id="by-level">Conversion by level</h2>
      <p class="muted">Higher levels should convert more often. The thin line is where the true rate plausibly lies.</p>
      {names.map((ladder) => (
        <table class="plain-table bars-table">
          <caption>{ladder}</caption>
          <thead>
            <tr>
              <th scope="col">Level</th>
              <td />
              <th scope="col" class="amount">
                Converted
              </th>
              <th scope="col" class="amount">
                Leads
              </th>
            </tr>
          </thead>
          <tbody>
            {report.levels
              .filter((one) => one.ladder === ladder)
              .map(({ level, leads, rate, interval }) => (
                <tr>
                  <th scope="row">
                    <Level ladders={ladders} ladder={ladder} level={level} />
                  </th>
                  <td class="picture">
                    <ShareBar
                      rate={rate}
                      interval={interval}
                      most={most}
                      class={ladder === "temperature" ? toneOf(ladders, ladder, level) : "bar"}
                    />
                  </td>
                  <td class="amount">
                    <b>{percent(rate)}</b>
                    <span class="under">{percentSpan(interval)}</span>
                  </td>
                  <td class="amount">{leads.toLocaleString("en")}</td>
                </tr>
              ))}
          </tbody>
        </table>
      ))}
    </section>
  );
};

const span = ({ from, to }: CalibrationGroup) =>
  number(Math.round(from)) === number(Math.round(to))
    ? number(Math.round(from))
    : `${number(Math.round(from))} to ${number(Math.round(to))}`;

/** Expected and observed conversion of groups in the order of their scores. */
export const Calibration: FC<{ groups: CalibrationGroup[] }> = ({ groups }) => (
  <section class="card" aria-labelledby="calibration">
    <h2 id="calibration">Do higher scores convert more often?</h2>
    {groups.length < 2 ? (
      <p class="muted">
        It takes leads with different scores of whom some converted and some did not, ten for each group. Go on
        recording outcomes; the curve comes by itself.
      </p>
    ) : (
      <>
        <p class="muted">
          Leads in the order of their scores, in {groups.length} groups. The line is how many of each the score lets
          expect, the dots are how many converted. Where the line misses the bars at the dots, the score promises too
          much or too little.
        </p>
        <CalibrationPlot groups={groups} />
        <Legend
          entries={[
            { class: "observed", label: "converted, and where the true rate plausibly lies" },
            { class: "expected", label: "expected by the score" },
          ]}
        />
        <AsTable
          caption="Expected and observed conversion by score"
          columns={["Scores", "Leads", "Converted", "Observed", "Plausibly", "Expected"]}
          rows={groups.map((one) => [
            span(one),
            one.leads.toLocaleString("en"),
            one.converted.toLocaleString("en"),
            percent(one.rate),
            percentSpan(one.interval),
            percent(one.predicted),
          ])}
        />
      </>
    )}
  </section>
);

const CalibrationPlot: FC<{ groups: CalibrationGroup[] }> = ({ groups }) => {
  const most = Math.max(...groups.flatMap(({ predicted, interval }) => [predicted, interval?.[1] ?? 0]));
  const shares = nice([0, most], 4);
  const y = linear(shares, HEIGHTS);
  const x = linear([-0.5, groups.length - 0.5], [0, 100]);
  const expected = smooth(groups.map(({ predicted }, i) => [(x(i) / 100) * ACROSS, y(predicted)]));
  const [first, last] = [groups[0], groups.at(-1)];
  const label =
    `Conversion by score in ${groups.length} groups: ${percent(first?.rate ?? null)} in the lowest, where ` +
    `${percent(first?.predicted ?? null)} were expected, ${percent(last?.rate ?? null)} in the highest, where ` +
    `${percent(last?.predicted ?? null)} were expected.`;
  return (
    <Plot label={label} ticks={ticks(shares, 4).map((tick) => ({ y: y(tick), label: percent(tick) }))}>
      <Stretched>
        <path class="expected" d={expected} />
      </Stretched>
      {groups.map((one, i) => (
        <g class="observed">
          {one.interval && <line x1={across(x(i))} x2={across(x(i))} y1={y(one.interval[0])} y2={y(one.interval[1])} />}
          <circle cx={across(x(i))} cy={y(one.rate ?? 0)} r="4.5">
            <title>{`Scores ${span(one)}: ${percent(one.rate)} of ${plural(one.leads, "lead")}`}</title>
          </circle>
        </g>
      ))}
      {groups.map((one, i) => (
        <AxisLabel x={x(i)} spare={groups.length > 5 && i % 2 === 1}>
          {one.from < 0 ? span(one) : span(one).replace(" to ", "–")}
        </AxisLabel>
      ))}
    </Plot>
  );
};
