/** Who saw which call to action, clicked it and converted afterwards, and what showing it by temperature was worth. */
import type { FC } from "hono/jsx";
import type { ShownLine } from "../../core/personalisation";
import type { Frame, Ladder } from "../data";
import { Copy, link, Scroll } from "../layout";
import type { PersonalisationReport } from "./data";
import { Ready, Sampled } from "./frame";
import { Share, ShareBar, Temperature } from "./plot";
import { UpliftReport } from "./uplift";

export interface PersonalisationProps {
  frame: Frame;
  ladders: Ladder[];
  report: PersonalisationReport;
}

export const Personalisation: FC<PersonalisationProps> = (props) => (
  <Ready>
    {props.report.data.length === 0 ? (
      <NobodySaw frame={props.frame} />
    ) : (
      <>
        <UpliftReport {...props} />
        <Lines {...props} />
      </>
    )}
    <Sampled basis={props.report} />
  </Ready>
);

const NobodySaw: FC<{ frame: Frame }> = ({ frame }) => (
  <section class="card" aria-labelledby="lines">
    <h2 id="lines">Nobody has seen a call to action yet</h2>
    <p>
      Mark each with a name, and a variant where you show different ones; whoever sees and clicks them is then counted
      by what was shown at which temperature.
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

const Lines: FC<PersonalisationProps> = ({ ladders, report }) => {
  const most = Math.max(0, ...report.data.map(({ converted }) => converted.interval?.[1] ?? 0));
  return (
    <section class="card flush" aria-labelledby="lines">
      <h2 id="lines">Calls to action</h2>
      {report.note && <p class="muted intro">{report.note}</p>}
      <Scroll label="Calls to action">
        <table class="plain-table stacks cta-table">
          <caption class="unseen">Calls to action by variant and temperature, the most shown first</caption>
          <thead>
            <tr>
              <th scope="col">Call to action</th>
              <th scope="col">Variant</th>
              <th scope="col">Temperature</th>
              <th scope="col" class="amount">
                Shown to
              </th>
              <th scope="col" class="amount">
                Clicked
              </th>
              <td />
              <th scope="col" class="amount">
                Converted after
              </th>
            </tr>
          </thead>
          <tbody>
            {report.data.map((line) => (
              <Line line={line} ladders={ladders} most={most} />
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
};

const Line: FC<{ line: ShownLine; ladders: Ladder[]; most: number }> = ({ line, ladders, most }) => (
  <tr>
    <th scope="row">
      {line.cta ?? <span class="muted">no name</span>}
      {line.heldOut && <span class="under">held out</span>}
    </th>
    <td data-label="variant:">{line.variant ?? <span class="muted">none</span>}</td>
    <td data-label="at:">
      <Temperature ladders={ladders} temperature={line.temperature} />
    </td>
    <td class="amount" data-label="shown to:">
      {line.shown.toLocaleString("en")}
    </td>
    <td class="amount" data-label="clicked:">
      <Share of={line.clicked} />
    </td>
    <td class="picture">
      <ShareBar rate={line.converted.rate} interval={line.converted.interval} most={most} />
    </td>
    <td class="amount" data-label="converted:">
      <Share of={line.converted} />
    </td>
  </tr>
);
