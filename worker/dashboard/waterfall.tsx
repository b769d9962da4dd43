/**
 * The explanation as a waterfall from zero to the score. It is a table whose bars are drawn into one of its columns, so
 * the picture and its text cannot disagree, and on a phone the text keeps its size.
 */
import type { FC } from "hono/jsx";
import type { Explanation, Reason, RuleLine } from "./data";
import { number, plural, points, Time } from "./format";
import { reasonWords } from "./words";

/** Of a bar, px from the top of its row; across, everything is in percent of the column. */
const BAR = { top: 11, height: 13 };

/** Smallest width that is still seen, percent. */
const SLIVER = 0.6;

/** Below this, points show as 0: such a rule gives nothing that anybody would see. */
const VISIBLE = 0.05;

interface Step {
  from: number;
  to: number;
}

type Scale = (value: number) => number;

function scaleOf(steps: readonly Step[]): Scale {
  const values = [0, ...steps.flatMap(({ from, to }) => [from, to])];
  const low = Math.min(...values);
  const extent = Math.max(...values) - low || 1;
  return (value) => Math.round(((value - low) / extent) * (100 - SLIVER) * 100) / 100;
}

const Line: FC<{ kind: "zero" | "joint"; at: number; from: number | string; to: number | string }> = (props) => (
  <line class={props.kind} x1={`${props.at}%`} x2={`${props.at}%`} y1={props.from} y2={props.to} />
);

const counts = ({ points }: RuleLine) => Math.abs(points) >= VISIBLE;

const Bar: FC<{ step: Step; scale: Scale; kind: "up" | "down" | "total"; last?: boolean }> = (props) => {
  const { step, scale } = props;
  const [from, to] = [scale(step.from), scale(step.to)];
  return (
    <svg class="bars" width="100%" height="100%" aria-hidden="true">
      <Line kind="zero" at={scale(0)} from={0} to="100%" />
      {!props.last && <Line kind="joint" at={from} from={0} to={BAR.top} />}
      {!props.last && <Line kind="joint" at={to} from={BAR.top + BAR.height} to="100%" />}
      <rect
        class={props.kind}
        x={`${Math.min(from, to)}%`}
        width={`${Math.max(Math.abs(to - from), SLIVER)}%`}
        y={BAR.top}
        height={BAR.height}
        rx="1.5"
      />
    </svg>
  );
};

/** All rules with points of their own and what the caps took, the largest gains first; then the total. */
export const Waterfall: FC<{ explanation: Explanation; now: number }> = ({ explanation, now }) => {
  const counting = explanation.data.filter(counts).sort((a, b) => b.points - a.points);
  let sum = 0;
  const step = (gained: number): Step => {
    const from = sum;
    sum += gained;
    return { from, to: sum };
  };
  const rows = counting.map((line) => ({ line, step: step(line.points) }));
  const clamps = explanation.clamps.map((clamp) => ({ clamp, step: step(clamp.points) }));
  const scale = scaleOf([...rows, ...clamps].map((row) => row.step));
  return (
    <table class="waterfall">
      <caption class="unseen">What each rule gives now, from zero to the score of {explanation.score}</caption>
      <thead>
        <tr>
          <th scope="col">Rule</th>
          <td />
          <th scope="col" class="amount">
            Points
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ line, step }) => (
          <tr>
            <th scope="row">
              <RuleName line={line} now={now} />
            </th>
            <td class="bar">
              <Bar step={step} scale={scale} kind={line.points > 0 ? "up" : "down"} />
            </td>
            <td class="amount">{points(line.points)}</td>
          </tr>
        ))}
        {clamps.map(({ clamp, step }) => (
          <tr>
            <th scope="row">
              <span class="rule-id">{clamp.dimension} is capped</span>
              <span class="why">{clamp.points < 0 ? "more than its maximum" : "less than its minimum"}</span>
            </th>
            <td class="bar">
              <Bar step={step} scale={scale} kind={clamp.points > 0 ? "up" : "down"} />
            </td>
            <td class="amount">{points(clamp.points)}</td>
          </tr>
        ))}
        {rows.length === 0 && (
          <tr>
            <td colspan={3} class="muted">
              No rule gives points now.
            </td>
          </tr>
        )}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row">Score</th>
          <td class="bar">
            <Bar step={{ from: 0, to: explanation.exact }} scale={scale} kind="total" last />
          </td>
          <td class="amount">{number(explanation.exact)}</td>
        </tr>
      </tfoot>
    </table>
  );
};

/** A rule with why it gives what it gives. */
const RuleName: FC<{ line: RuleLine; now: number }> = ({ line, now }) => (
  <>
    <span class="rule-id">{line.id}</span>
    {line.fired > 0 && line.lastAt && (
      <span class="why">
        {line.fired === 1 ? "once" : `${line.fired} times`}, <Time at={line.lastAt} now={now} />
        {line.limited > 0 && `; ${line.limited} more over its limit`}
        {line.cut !== undefined && `; ${points(line.cut)} kept back by its group, which was full`}
      </span>
    )}
    <Reasons because={line.because.filter(({ field, holds }) => !(field === "event" && holds))} />
  </>
);

export const Reasons: FC<{ because: Reason[] }> = ({ because }) =>
  because.length === 0 ? null : (
    <ul class="reasons">
      {because.map((reason) => {
        const { asked, met } = reasonWords(reason);
        return (
          <li class={reason.holds ? "holds" : "fails"}>
            <span class="unseen">{reason.holds ? "met: " : "not met: "}</span>
            {asked}
            {met && <span class="met"> ({met})</span>}
          </li>
        );
      })}
    </ul>
  );

export const STANDING: Record<RuleLine["state"], string> = {
  counting: "in effect",
  capped: "cut to nothing by its group",
  decayed: "faded or reset",
  notMet: "not met",
};

/** The rules that give nothing now, and why not. */
export const Idle: FC<{ explanation: Explanation; now: number }> = ({ explanation, now }) => {
  const idle = explanation.data.filter((line) => !counts(line));
  if (idle.length === 0) return null;
  return (
    <details class="idle">
      <summary>{plural(idle.length, "rule gives", "rules give")} nothing now</summary>
      <table class="plain-table">
        <caption class="unseen">Rules that give nothing now</caption>
        <thead>
          <tr>
            <th scope="col">Rule</th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          {idle.map((line) => (
            <tr>
              <th scope="row">
                <RuleName line={line} now={now} />
              </th>
              <td class="muted">{STANDING[line.state]}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
};
