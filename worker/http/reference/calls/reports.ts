import * as answers from "../answers";
import * as reports from "../report-answers";
import type { AllTold } from "./told";

export const REPORTS = {
  "POST /outcomes": {
    name: "recordOutcome",
    summary: "What became of a lead: won, lost or converted",
    answer: answers.outcome,
    example: { lead: "email:ann@acme.example", outcome: "won", value: 1200 },
  },
  "GET /reports/distribution": {
    name: "reportDistribution",
    summary: "Leads by score",
    answer: reports.distribution,
  },
  "GET /reports/temperatures": {
    name: "reportTemperatures",
    summary: "Leads by level, day by day",
    answer: reports.temperatures,
  },
  "GET /reports/rules": {
    name: "reportRules",
    summary: "Whether score and rules foretold the outcomes",
    answer: reports.rulesEvidence,
  },
  "GET /reports/personalisation": {
    name: "reportPersonalisation",
    summary: "What personalisation was worth: shown, clicked, converted, and the uplift over those held out",
    answer: reports.personalisation,
  },
} satisfies AllTold;
