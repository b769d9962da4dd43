/** What the reports answer; docs/reports.md tells what their figures mean and how they are worked out. */
import * as z from "zod/mini";
import { described, withMeta } from "../../core/described";

const day = described(z.iso.date(), "A day, UTC.");
const reportFields = {
  leads: described(z.int(), "Leads of the site."),
  read: described(z.int(), "Those of them that were read whole."),
  sampled: described(z.boolean(), "Whether those that were read stand for all."),
  note: described(z.nullable(z.string()), "What to keep in mind, or what to do where there is nothing to tell yet."),
};
const interval = withMeta(z.readonly(z.tuple([z.number(), z.number()])), {
  id: "Interval",
  description: "Lower and upper end, 95 %.",
});
const conversionFields = {
  leads: z.int(),
  converted: described(z.int(), "Those of them that were won or converted."),
  rate: described(z.nullable(z.number()), "The share of them, 0 to 1; null: of no leads."),
  interval: described(z.nullable(interval), "Of the rate, Wilson's."),
};
const conversion = withMeta(z.strictObject(conversionFields), { id: "Conversion" });

export const distribution = withMeta(
  z.strictObject({
    refreshedWithin: described(z.string(), "How old a score may be that a lead is counted by."),
    leads: described(z.int(), "Leads that are counted here."),
    disqualified: described(z.int(), "Leads that are disqualified; they are not among the others."),
    width: described(z.number(), "Of every bin, in points."),
    data: z.array(
      z.strictObject({
        from: z.number(),
        to: described(z.number(), "Not included."),
        leads: z.int(),
        disqualified: z.int(),
      }),
    ),
    note: reportFields.note,
  }),
  { id: "DistributionReport" },
);

export const temperatures = withMeta(
  z.strictObject({
    from: day,
    to: day,
    ...reportFields,
    data: z.array(
      z.strictObject({
        ladder: z.string(),
        levels: described(z.array(z.string()), "Lowest first; after them those that only earlier rules had."),
        now: described(z.record(z.string(), z.int()), "Leads by level."),
        days: z.array(
          z.strictObject({
            day,
            leads: z.int(),
            levels: described(z.record(z.string(), z.int()), "At the end of the day."),
          }),
        ),
      }),
    ),
  }),
  { id: "TemperaturesReport" },
);

const ruleEvidence = withMeta(
  z.strictObject({
    id: z.string(),
    points: described(z.nullable(z.number()), "What it gives; null: it resets or disqualifies."),
    with: described(conversion, "Of leads for which it had fired, or held, at their latest event before an outcome."),
    without: described(conversion, "Of the others."),
    lift: described(z.nullable(z.number()), "The one rate by the other; null: nobody converted without it."),
    liftInterval: described(z.nullable(interval), "Of the lift, by the logarithm method."),
    coefficient: described(z.nullable(z.number()), "Of the logistic fit; null: the rule is no part of it."),
    suggestedPoints: described(
      z.nullable(z.number()),
      "What the fit would give; null also where the interval of the lift includes 1.",
    ),
  }),
  { id: "RuleEvidence" },
);

export const rulesEvidence = withMeta(
  z.strictObject({
    rulesVersion: z.int(),
    ...reportFields,
    outcomes: described(
      z.strictObject({ won: z.int(), lost: z.int(), converted: z.int(), none: z.int() }),
      "Leads by their earliest outcome.",
    ),
    conversion,
    auc: described(
      z.strictObject({
        value: z.nullable(z.number()),
        interval: described(z.nullable(interval), "Hanley and McNeil's."),
        converted: described(z.int(), "Leads read that converted."),
        others: described(z.int(), "Leads read that did not."),
      }),
      "How often who converted had the higher score: the area under the ROC curve.",
    ),
    calibration: described(
      z.array(
        z.strictObject({
          from: described(z.number(), "Lowest score of the group."),
          to: described(z.number(), "Highest score of the group."),
          score: described(z.number(), "Their mean."),
          predicted: described(z.number(), "The rate that the score lets expect."),
          ...conversionFields,
        }),
      ),
      "Leads in the order of their scores, in groups.",
    ),
    levels: z.array(z.strictObject({ ladder: z.string(), level: z.string(), ...conversionFields })),
    neverFired: described(z.array(z.string()), "Ids of rules that never fired, and that do not hold now either."),
    data: described(z.array(ruleEvidence), "Every rule of the set, in the document's order."),
  }),
  { id: "RulesReport" },
);

const followed = withMeta(
  z.strictObject({
    count: z.int(),
    rate: described(z.nullable(z.number()), "null: of nobody."),
    interval: described(z.nullable(interval), "Wilson's."),
  }),
  { id: "Followed", description: "How many of those shown something clicked it, or converted afterwards." },
);
const sight = { cta: z.nullable(z.string()), temperature: z.nullable(z.string()) };
const group = withMeta(z.strictObject({ leads: z.int(), clicked: followed, converted: followed }), {
  id: "UpliftGroup",
});
const difference = withMeta(
  z.strictObject({ difference: z.nullable(z.number()), interval: described(z.nullable(interval), "Newcombe's.") }),
  { id: "UpliftDifference", description: "Share of the personalised less that of the held out." },
);
const uplift = {
  personalised: group,
  heldOut: group,
  clicked: difference,
  converted: difference,
  note: described(z.nullable(z.string()), "Why there is no difference, or why not to trust it."),
};
export const personalisation = withMeta(
  z.strictObject({
    ...reportFields,
    uplift: described(
      z.strictObject({ ...uplift, mixed: described(z.int(), "Leads seen in both groups, and left out.") }),
      "Of all leads, from the first call to action that they saw.",
    ),
    uplifts: described(z.array(z.strictObject({ ...sight, ...uplift })), "By call to action and temperature."),
    data: z.array(
      z.strictObject({
        ...sight,
        variant: z.nullable(z.string()),
        heldOut: described(z.boolean(), "Whether the page kept its default for them."),
        shown: described(z.int(), "Visitors who saw it."),
        clicks: z.int(),
        clicked: followed,
        converted: followed,
      }),
    ),
  }),
  { id: "PersonalisationReport" },
);
