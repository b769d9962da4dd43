/** Who clicked which call to action, and converted afterwards. */
import type { FC } from "hono/jsx";
import type { Frame, Ladder } from "../data";
import { Copy, Level, link, Scroll } from "../layout";
import type { PersonalisationReport } from "./data";
import { Ready, Sampled } from "./frame";
import { percent, percentSpan, ShareBar } from "./plot";

export interface PersonalisationProps {
  frame: Frame;
  ladders: Ladder[];
  report: PersonalisationReport;
}

export const Personalisation: FC<PersonalisationProps> = (props) => (
  <Ready>
    {props.report.data.length === 0 ? <NoClicks frame={props.frame} /> : <Clicks {...props} />}
    <Sampled basis={props.report} />
  </Ready>
);

const NoClicks: FC<{ frame: Frame }> = ({ frame }) => (
  <section class="card" aria-labelledby="clicks">
    <h2 id="clicks">Nobody has clicked a call to action yet</h2>
    <p>
      Mark each with a name, and a variant where you show different ones; clicks are then counted by what was shown at
      which temperature.
    </p>
    <div class="next">
      <Copy
        id="cta"
        text={'<a href="/demo" data-kelvin-cta="demo" data-kelvin-variant="urgent">Book a demo</a>'}
        label="the example"
      />
    </div>
    <p>
      The page also needs <a href={link(frame, "/setup")}>the tag</a>.
    </p>
  </section>
);

const Clicks: FC<PersonalisationProps> = ({ ladders, report }) => {
  const most = Math.max(0, ...report.data.map(({ interval }) => interval?.[1] ?? 0));
  return (
    <section class="card flush" aria-labelledby="clicks">
      <h2 id="clicks">Calls to action</h2>
      {report.note && <p class="muted intro">{report.note}</p>}
      <Scroll label="Calls to action">
        <table class="plain-table stacks cta-table">
          <caption class="unseen">Calls to action by variant and temperature, the most clicked first</caption>
          <thead>
            <tr>
              <th scope="col">Call to action</th>
              <th scope="col">Variant</th>
              <th scope="col">Temperature</th>
              <th scope="col" class="amount">
                Clicks
              </th>
              <th scope="col" class="amount">
                Visitors
              </th>
              <td />
              <th scope="col" class="amount">
                Converted after
              </th>
            </tr>
          </thead>
          <tbody>
            {report.data.map((one) => (
              <tr>
                <th scope="row">{one.cta ?? <span class="muted">no name</span>}</th>
                <td data-label="variant:">{one.variant ?? <span class="muted">none</span>}</td>
                <td data-label="at:">
                  {one.temperature === null ? (
                    <span class="muted">unknown</span>
                  ) : (
                    <Level ladders={ladders} ladder="temperature" level={one.temperature} />
                  )}
                </td>
                <td class="amount" data-label="clicks:">
                  {one.clicks.toLocaleString("en")}
                </td>
                <td class="amount" data-label="visitors:">
                  {one.visitors.toLocaleString("en")}
                </td>
                <td class="picture">
                  <ShareBar rate={one.rate} interval={one.interval} most={most} />
                </td>
                <td class="amount" data-label="converted:">
                  <b>{percent(one.rate)}</b>
                  <span class="under">
                    {one.converted.toLocaleString("en")}; {percentSpan(one.interval)}
                  </span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
};
