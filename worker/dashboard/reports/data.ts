/** What the pages of reports are given: the API's answers, as worker/reports.ts makes them. Types only. */

import type { CalibrationGroup, Conversion, RuleEvidence } from "../../core/evidence";
import type { ShownLine, Uplift } from "../../core/personalisation";
import type { Interval } from "../../core/stats";

/** How many leads a report rests on. */
export interface Basis {
  leads: number;
  read: number;
  sampled: boolean;
}

export interface RulesReport extends Basis {
  rulesVersion: number;
  outcomes: Record<string, number>;
  conversion: Conversion;
  auc: { value: number | null; interval: Interval | null; converted: number; others: number };
  calibration: CalibrationGroup[];
  levels: ({ ladder: string; level: string } & Conversion)[];
  neverFired: string[];
  data: RuleEvidence[];
  note: string | null;
}

export interface DistributionReport {
  leads: number;
  disqualified: number;
  data: { from: number; to: number; leads: number; disqualified: number }[];
}

export interface LevelsReport extends Basis {
  from: string;
  to: string;
  data: {
    ladder: string;
    levels: string[];
    now: Record<string, number>;
    days: { day: string; leads: number; levels: Record<string, number> }[];
  }[];
}

export interface PersonalisationReport extends Basis {
  uplift: Uplift & { mixed: number };
  uplifts: (Uplift & Pick<ShownLine, "cta" | "temperature">)[];
  data: ShownLine[];
  note: string | null;
}
