/** What the reports answer; docs/reports.md tells what their figures mean and how they are worked out. */
import * as z from "zod";

const day = z.iso.date().describe("A day, UTC.");
const reportFields = {
  leads: z.int().describe("Leads of the site."),
  read: z.int().describe("Those of them that were read whole."),
  sampled: z.boolean().describe("Whether those that were read stand for all."),
  note: z.string().nullable().describe("What to keep in mind, or what to do where there is nothing to tell yet."),
};
const interval = z
  .tuple([z.number(), z.number()])
  .readonly()
  .meta({ id: "Interval", description: "Lower and upper end, 95 %." });
const conversionFields = {
  leads: z.int(),
  converted: z.int().describe("Those of them that were won or converted."),
  rate: z.number().nullable().describe("The share of them, 0 to 1; null: of no leads."),
  interval: interval.nullable().describe("Of the rate, Wilson's."),
};
const conversion = z.strictObject(conversionFields).meta({ id: "Conversion" });

export const distribution = z
  .strictObject({
    refreshedWithin: z.string().describe("How old a score may be that a lead is counted by."),
    leads: z.int().describe("Leads that are counted here."),
    disqualified: z.int().describe("Leads that are disqualified; they are not among the others."),
    width: z.number().describe("Of every bin, in points."),
    data: z.array(
      z.strictObject({
        from: z.number(),
        to: z.number().describe("Not included."),
        leads: z.int(),
        disqualified: z.int(),
      }),
    ),
    note: reportFields.note,
  })
  .meta({ id: "DistributionReport" });

export const temperatures = z
  .strictObject({
    from: day,
    to: day,
    ...reportFields,
    data: z.array(
      z.strictObject({
        ladder: z.string(),
        levels: z.array(z.string()).describe("Lowest first; after them those that only earlier rules had."),
        now: z.record(z.string(), z.int()).describe("Leads by level."),
        days: z.array(
          z.strictObject({
            day,
            leads: z.int(),
            levels: z.record(z.string(), z.int()).describe("At the end of the day."),
          }),
        ),
      }),
    ),
  })
  .meta({ id: "TemperaturesReport" });

const ruleEvidence = z
  .strictObject({
    id: z.string(),
    points: z.number().nullable().describe("What it gives; null: it resets or disqualifies."),
    with: conversion.describe("Of leads for which it had fired, or held, at their latest event before an outcome."),
    without: conversion.describe("Of the others."),
    lift: z.number().nullable().describe("The one rate by the other; null: nobody converted without it."),
    liftInterval: interval.nullable().describe("Of the lift, by the logarithm method."),
    coefficient: z.number().nullable().describe("Of the logistic fit; null: the rule is no part of it."),
    suggestedPoints: z
      .number()
      .nullable()
      .describe("What the fit would give; null also where the interval of the lift includes 1."),
  })
  .meta({ id: "RuleEvidence" });

export const rulesEvidence = z
  .strictObject({
    rulesVersion: z.int(),
    ...reportFields,
    outcomes: z
      .strictObject({ won: z.int(), lost: z.int(), converted: z.int(), none: z.int() })
      .describe("Leads by their earliest outcome."),
    conversion,
    auc: z
      .strictObject({
        value: z.number().nullable(),
        interval: interval.nullable().describe("Hanley and McNeil's."),
        converted: z.int().describe("Leads read that converted."),
        others: z.int().describe("Leads read that did not."),
      })
      .describe("How often who converted had the higher score: the area under the ROC curve."),
    calibration: z
      .array(
        z.strictObject({
          from: z.number().describe("Lowest score of the group."),
          to: z.number().describe("Highest score of the group."),
          score: z.number().describe("Their mean."),
          predicted: z.number().describe("The rate that the score lets expect."),
          ...conversionFields,
        }),
      )
      .describe("Leads in the order of their scores, in groups."),
    levels: z.array(z.strictObject({ ladder: z.string(), level: z.string(), ...conversionFields })),
    neverFired: z.array(z.string()).describe("Ids of rules that never fired, and that do not hold now either."),
    data: z.array(ruleEvidence).describe("Every rule of the set, in the document's order."),
  })
  .meta({ id: "RulesReport" });

const followed = z
  .strictObject({
    count: z.int(),
    rate: z.number().nullable().describe("null: of nobody."),
    interval: interval.nullable().describe("Wilson's."),
  })
  .meta({ id: "Followed", description: "How many of those shown something clicked it, or converted afterwards." });
const sight = { cta: z.string().nullable(), temperature: z.string().nullable() };
const group = z.strictObject({ leads: z.int(), clicked: followed, converted: followed }).meta({ id: "UpliftGroup" });
const difference = z
  .strictObject({ difference: z.number().nullable(), interval: interval.nullable().describe("Newcombe's.") })
  .meta({ id: "UpliftDifference", description: "Share of the personalised less that of the held out." });
const uplift = {
  personalised: group,
  heldOut: group,
  clicked: difference,
  converted: difference,
  note: z.string().nullable().describe("Why there is no difference, or why not to trust it."),
};
export const personalisation = z
  .strictObject({
    ...reportFields,
    uplift: z
      .strictObject({ ...uplift, mixed: z.int().describe("Leads seen in both groups, and left out.") })
      .describe("Of all leads, from the first call to action that they saw."),
    uplifts: z.array(z.strictObject({ ...sight, ...uplift })).describe("By call to action and temperature."),
    data: z.array(
      z.strictObject({
        ...sight,
        variant: z.string().nullable(),
        heldOut: z.boolean().describe("Whether the page kept its default for them."),
        shown: z.int().describe("Visitors who saw it."),
        clicks: z.int(),
        clicked: followed,
        converted: followed,
      }),
    ),
  })
  .meta({ id: "PersonalisationReport" });
