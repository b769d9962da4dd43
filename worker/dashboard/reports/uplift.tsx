/** What personalisation was worth: those whose pages were personalised beside those for whom they kept their default. */
import type { FC } from "hono/jsx";
import type { Difference, Uplift } from "../../core/personalisation";
import type { Interval } from "../../core/stats";
import { linear } from "../chart";
import type { Ladder } from "../data";
import { plural } from "../format";
import { Copy, Scroll } from "../layout";
import type { PersonalisationReport } from "./data";
import { across, Share, Temperature, Whisker } from "./plot";

export interface UpliftProps {
  ladders: Ladder[];
  report: PersonalisationReport;
}

export const UpliftReport: FC<UpliftProps> = ({ ladders, report }) => {
  const { uplift, uplifts } = report;
  const isKnown = uplift.converted.interval !== null;
  const nobodyHeldOut = uplift.heldOut.leads === 0;
  return (
    <>
      <section class="card" aria-labelledby="uplift">
        <h2 id="uplift">Is personalisation worth it?</h2>
        <p class="verdict">{verdict(uplift)}</p>
        <p>{isKnown ? inWords(uplift) : nobodyHeldOut ? NOBODY_HELD_OUT : uplift.note}</p>
        {isKnown && uplift.note && <p class="muted">{uplift.note}</p>}
        {isKnown && uplift.mixed > 0 && (
          <p class="muted">
            {plural(uplift.mixed, "lead")} with pages of both kinds, mostly people with several browsers,{" "}
            {uplift.mixed === 1 ? "is" : "are"} left out.
          </p>
        )}
        {nobodyHeldOut && <HoldOut />}
      </section>
      {isKnown && (
        <section class="card flush" aria-labelledby="groups">
          <h2 id="groups">Personalised beside held out</h2>
          <p class="muted intro">
            Differences are in percentage points. Where the line crosses 0 there may be none. The first row is the
            proof; the others say where to look.
          </p>
          <Groups ladders={ladders} uplift={uplift} uplifts={uplifts.filter(({ heldOut }) => heldOut.leads > 0)} />
        </section>
      )}
    </>
  );
};

/** What to do about it stands below. */
const NOBODY_HELD_OUT = "Nobody was held out, so there is nothing to compare with.";

const HoldOut: FC = () => (
  <div class="next">
    <p>
      Put this into the tag on your pages. For one visitor in ten they then stay as they are for the lowest temperature.
    </p>
    <Copy id="holdout" text={'data-holdout="10"'} label="the attribute" />
  </div>
);

function verdict({ converted: { difference, interval } }: Uplift): string {
  if (difference === null || interval === null) return "Not known yet";
  if (interval[0] > 0) return "Yes";
  return interval[1] < 0 ? "No, it does harm" : "It may be chance";
}

function inWords({ personalised, heldOut, converted: { difference, interval } }: Uplift): string {
  const leads = `${plural(personalised.leads, "lead")} with personalised pages and ${heldOut.leads.toLocaleString("en")} held out`;
  return `Of ${leads}, ${change(difference)} converted; the true difference plausibly lies between ${span(interval, "and")}.`;
}

const signed = (share: number) => `${share < 0 ? "−" : "+"}${Math.abs(Math.round(share * 1000) / 10)}`;

function change(difference: number | null): string {
  if (difference === null) return "–";
  return `${Math.abs(Math.round(difference * 1000) / 10)} percentage points ${difference < 0 ? "fewer" : "more"} of the personalised`;
}

const span = (interval: Interval | null, to: "and" | "to") =>
  interval ? `${signed(interval[0])} ${to} ${signed(interval[1])}` : "";

const Groups: FC<{ ladders: Ladder[]; uplift: Uplift; uplifts: PersonalisationReport["uplifts"] }> = (props) => {
  const { ladders, uplift, uplifts } = props;
  const ends = [uplift, ...uplifts].flatMap(({ converted, clicked }) => [
    ...(converted.interval ?? []),
    ...(clicked.interval ?? []),
  ]);
  const far = Math.max(0.01, ...ends.map(Math.abs));
  const x = (difference: number) => across(linear([-far, far], [2, 98])(difference));
  return (
    <Scroll label="Personalised beside held out">
      <table class="plain-table stacks lift-table">
        <caption class="unseen">Shares of the personalised and of the held out, and their difference</caption>
        <thead>
          <tr>
            <th scope="col">Of whom</th>
            <th scope="col">What</th>
            <th scope="col" class="amount">
              Personalised
            </th>
            <th scope="col" class="amount">
              Held out
            </th>
            <td />
            <th scope="col" class="amount">
              Difference
            </th>
          </tr>
        </thead>
        <tbody>
          <Rows name="All leads" uplift={uplift} x={x} />
          {uplifts.map((one) => (
            <Rows
              name={
                <>
                  {one.cta ?? <span class="muted">no name</span>}{" "}
                  <Temperature ladders={ladders} temperature={one.temperature} />
                </>
              }
              uplift={one}
              x={x}
            />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
};

const Rows: FC<{ name: unknown; uplift: Uplift; x: (difference: number) => string }> = ({ name, uplift, x }) => (
  <>
    {(["converted", "clicked"] as const).map((what) => (
      <tr>
        <th scope="row">{name}</th>
        <td data-label="what:">{what}</td>
        <td class="amount" data-label="personalised:">
          <Share of={uplift.personalised[what]} />
        </td>
        <td class="amount" data-label="held out:">
          <Share of={uplift.heldOut[what]} />
        </td>
        <td class="picture">
          <DifferenceBar difference={uplift[what]} x={x} />
        </td>
        <td class="amount" data-label="difference:">
          <b>{uplift[what].difference === null ? "–" : signed(uplift[what].difference)}</b>
          <span class="under">{span(uplift[what].interval, "to")}</span>
        </td>
      </tr>
    ))}
  </>
);

const DifferenceBar: FC<{ difference: Difference; x: (difference: number) => string }> = ({ difference: one, x }) => {
  const tone = direction(one.interval);
  return (
    <svg class="forest" width="100%" height="22" aria-hidden="true">
      <line class="one" x1={x(0)} x2={x(0)} y1="-8" y2="63" />
      {one.interval && <Whisker class={tone} from={x(one.interval[0])} to={x(one.interval[1])} />}
      {one.difference !== null && <circle class={tone} cx={x(one.difference)} cy="11" r="4.5" />}
    </svg>
  );
};

/** Whether an interval is wholly above 0, wholly below, or tells nothing. */
function direction(interval: Interval | null): "up" | "down" | "open" {
  if (!interval || (interval[0] <= 0 && interval[1] >= 0)) return "open";
  return interval[0] > 0 ? "up" : "down";
}
