/** What each rule was worth: conversion with and without, and the points that the data would give. */
import type { FC } from "hono/jsx";
import type { Conversion, RuleEvidence } from "../../core/evidence";
import type { Interval } from "../../core/stats";
import { clamped, logarithmic, type Scale, type Span } from "../chart";
import type { Frame } from "../data";
import { number, plural, points } from "../format";
import { link, Notice, Scroll } from "../layout";
import { ruleAnchor } from "../words";
import type { RulesReport } from "./data";
import { NoOutcomes, Ready, Sampled } from "./frame";
import { across, percent, Whisker } from "./plot";

export interface LiftProps {
  frame: Frame;
  origin: string;
  report: RulesReport;
}

/** Lifts further out are drawn at the edge; their figures stand beside. */
const LIFT_MOST = 16;
/** What stands for 0 on a logarithmic scale. */
const LIFT_NONE = 1e-9;
/** The scale goes at least so far. */
const LIFT_LEAST = 2;

export const LiftReport: FC<LiftProps> = ({ frame, origin, report }) => {
  const known = report.conversion.converted > 0;
  const never = new Set(report.neverFired);
  const fired = report.data.filter(({ id }) => !never.has(id));
  return (
    <Ready>
      {!known && (
        <NoOutcomes frame={frame} origin={origin} title="What is each rule worth?">
          From then on this page shows how often leads convert for which a rule fired, and how often the others.
        </NoOutcomes>
      )}
      {known && report.note && (
        <Notice tone="warn" title="Take this with care">
          <p>{report.note}</p>
        </Notice>
      )}
      {fired.length > 0 && (
        <section class="card flush" aria-labelledby="lift">
          <h2 id="lift">{known ? "What each rule is worth" : "Whom each rule fired for"}</h2>
          {known && (
            <p class="muted intro">
              The shares are of leads that converted. Lift 2 means: those for which the rule fired converted twice as
              often as the others. Where the line crosses 1 it may mean nothing. Suggested points are what the outcomes
              would give, all rules taken together; a hint, where many leads stand behind it, and none where the line
              crosses 1. Each lead counts as it was at its latest event, before any outcome; rules on inactivity cannot
              be judged by that.
            </p>
          )}
          <Lifts frame={frame} rules={sorted(fired)} />
        </section>
      )}
      <Never frame={frame} ids={report.neverFired} />
      <Sampled basis={report} />
    </Ready>
  );
};

/** The largest lift first; last, what nothing is known of. */
function sorted(rules: readonly RuleEvidence[]): RuleEvidence[] {
  const place = ({ lift, liftInterval }: RuleEvidence) => lift ?? (liftInterval ? LIFT_MOST : -1);
  return rules.toSorted((a, b) => place(b) - place(a));
}

/** The lifts that a scale reaches from and to, the same on both sides of 1. */
function spanOf(rules: readonly RuleEvidence[]): Span {
  const ends = rules.flatMap(({ lift, liftInterval }) => [lift ?? 1, ...(liftInterval ?? [])]);
  const far = Math.max(LIFT_LEAST, ...ends.map((end) => (end > 1 ? end : 1 / Math.max(end, LIFT_NONE))));
  const most = Math.min(LIFT_MOST, far);
  return [1 / most, most];
}

/** With two decimals, so that one sees on which side of 1 it is. */
function times(lift: number): string {
  return lift < 10 ? lift.toFixed(2) : lift > 99 ? "over 99" : number(lift);
}

/** Whether an interval is wholly above 1, wholly below, or tells nothing. */
function direction(interval: Interval | null): "up" | "down" | "open" {
  if (!interval || (interval[0] <= 1 && interval[1] >= 1)) return "open";
  return interval[0] > 1 ? "up" : "down";
}

const Lifts: FC<{ frame: Frame; rules: RuleEvidence[] }> = ({ frame, rules }) => {
  const span = spanOf(rules);
  const x = clamped(span, logarithmic(span, [2, 98]));
  return (
    <Scroll label="Rules by lift">
      <table class="plain-table stacks lift-table">
        <caption class="unseen">Rules by lift, the largest first</caption>
        <thead>
          <tr>
            <th scope="col">Rule</th>
            <th scope="col" class="amount">
              With it
            </th>
            <th scope="col" class="amount">
              Without
            </th>
            <td>
              <Marks x={x} most={span[1]} />
            </td>
            <th scope="col" class="amount">
              Lift
            </th>
            <th scope="col" class="amount">
              Points
            </th>
            <th scope="col" class="amount">
              Suggested
            </th>
          </tr>
        </thead>
        <tbody>
          {rules.map((rule) => (
            <Line frame={frame} rule={rule} x={x} />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
};

const Line: FC<{ frame: Frame; rule: RuleEvidence; x: Scale }> = ({ frame, rule, x }) => {
  const { id, lift, liftInterval, points: given, suggestedPoints } = rule;
  return (
    <tr>
      <th scope="row">
        <RuleLink frame={frame} id={id} />
      </th>
      <td class="amount" data-label="with it:">
        <Share share={rule.with} />
      </td>
      <td class="amount" data-label="without:">
        <Share share={rule.without} />
      </td>
      <td class="picture">
        <Forest rule={rule} x={x} />
      </td>
      <td class={`amount ${direction(liftInterval)}`} data-label="lift:">
        <b>{lift === null ? "–" : times(lift)}</b>
        {liftInterval && (
          <span class="under">
            {times(liftInterval[0])} to {times(liftInterval[1])}
          </span>
        )}
      </td>
      <td class="amount" data-label="points:">
        {given === null ? "–" : points(given)}
      </td>
      <td class="amount" data-label="suggested:">
        {suggestedPoints === null ? "–" : points(suggestedPoints)}
      </td>
    </tr>
  );
};

const RuleLink: FC<{ frame: Frame; id: string }> = ({ frame, id }) => (
  <a class="rule-id" href={`${link(frame, "/rules")}#${ruleAnchor(id)}`}>
    {id}
  </a>
);

const Share: FC<{ share: Conversion }> = ({ share: { leads, converted, rate } }) => (
  <>
    {percent(rate)}
    <span class="under">
      {converted.toLocaleString("en")} of {leads.toLocaleString("en")}
    </span>
  </>
);

const Forest: FC<{ rule: RuleEvidence; x: Scale }> = ({ rule: { lift, liftInterval }, x }) => (
  <svg class="forest" width="100%" height="22" aria-hidden="true">
    <line class="one" x1={across(x(1))} x2={across(x(1))} y1="-8" y2="47" />
    {liftInterval && (
      <Whisker
        class={direction(liftInterval)}
        from={across(x(Math.max(liftInterval[0], LIFT_NONE)))}
        to={across(x(liftInterval[1]))}
      />
    )}
    {lift !== null && (
      <circle class={direction(liftInterval)} cx={across(x(Math.max(lift, LIFT_NONE)))} cy="11" r="4.5" />
    )}
  </svg>
);

/** The scale of the lifts, over their column. */
const Marks: FC<{ x: Scale; most: number }> = ({ x, most }) => {
  const side = most >= 8 ? 4 : 2;
  return (
    <svg class="forest" width="100%" height="14" aria-hidden="true">
      {[1 / side, 1, side].map((lift) => (
        <text x={across(x(lift))} y="11" text-anchor="middle">
          {lift < 1 ? (side === 4 ? "¼" : "½") : lift}
        </text>
      ))}
    </svg>
  );
};

const Never: FC<{ frame: Frame; ids: string[] }> = ({ frame, ids }) =>
  ids.length === 0 ? null : (
    <section class="card" aria-labelledby="never">
      <h2 id="never">{plural(ids.length, "rule has", "rules have")} never fired</h2>
      <p class="muted">
        No lead has met them. Does a rule ask for a path or an event that the site does not have?{" "}
        <a href={link(frame, "/rules/edit")}>Check the rules</a>
      </p>
      <ul class="names">
        {ids.map((id) => (
          <li>
            <RuleLink frame={frame} id={id} />
          </li>
        ))}
      </ul>
    </section>
  );
