/** The pages of reports. What takes long is `null` until the script, or somebody without one, asks for it. */
import type { FC } from "hono/jsx";
import type { Frame, Ladder, Threshold } from "../data";
import { link } from "../layout";
import type { DistributionReport, LevelsReport, PersonalisationReport, RulesReport } from "./data";
import { NoLeads, ReportsFrame, type Tab, Waiting } from "./frame";
import { Histogram } from "./histogram";
import { LevelsOverTime, Period } from "./levels";
import { LiftReport } from "./lift";
import { ScoreReport } from "./overview";
import { Personalisation } from "./personalisation";

interface Common {
  frame: Frame;
  ladders: Ladder[];
  /** How many the site has. */
  leads: number;
}

/** The address at which a report is told whatever it takes. */
function whole(frame: Frame, path: string, query: Record<string, number> = {}): string {
  return link(frame, path, { ...query, whole: true });
}

/** A page about no leads. */
export const NoReport: FC<{ frame: Frame; tab: Tab }> = ({ frame, tab }) => (
  <ReportsFrame frame={frame} tab={tab}>
    <NoLeads frame={frame} />
  </ReportsFrame>
);

export interface OverviewProps extends Common {
  origin: string;
  distribution: DistributionReport;
  thresholds: Threshold[];
  report: RulesReport | null;
}

export const OverviewPage: FC<OverviewProps> = (props) => {
  const { frame, report, distribution } = props;
  return (
    <ReportsFrame frame={frame} tab="Overview">
      {report ? (
        <ScoreReport {...props} report={report} />
      ) : (
        <Waiting address={whole(frame, "/reports")} leads={props.leads} />
      )}
      <Histogram {...props} report={distribution} />
    </ReportsFrame>
  );
};

export const LiftPage: FC<Common & { origin: string; report: RulesReport | null }> = ({ report, ...props }) => (
  <ReportsFrame frame={props.frame} tab="Rules">
    {report ? (
      <LiftReport {...props} report={report} />
    ) : (
      <Waiting address={whole(props.frame, "/reports/rules")} leads={props.leads} />
    )}
  </ReportsFrame>
);

export const LevelsPage: FC<Common & { days: number; report: LevelsReport | null }> = ({ report, days, ...props }) => (
  <ReportsFrame frame={props.frame} tab="Levels over time">
    <Period frame={props.frame} days={days} />
    {report ? (
      <LevelsOverTime {...props} report={report} />
    ) : (
      <Waiting address={whole(props.frame, "/reports/levels", { days })} leads={props.leads} />
    )}
  </ReportsFrame>
);

export const PersonalisationPage: FC<Common & { report: PersonalisationReport | null }> = ({ report, ...props }) => (
  <ReportsFrame frame={props.frame} tab="Personalisation">
    {report ? (
      <Personalisation {...props} report={report} />
    ) : (
      <Waiting address={whole(props.frame, "/reports/personalisation")} leads={props.leads} />
    )}
  </ReportsFrame>
);
