/** What the report of the rules answers; docs/reports.md tells what each figure means and how it is worked out. */
import * as z from "zod";

const interval = z
  .tuple([z.number(), z.number()])
  .readonly()
  .nullable()
  .describe("Where the true figure plausibly lies, 95 %; null: nothing to tell from.");
const conversionFields = {
  leads: z.int(),
  converted: z.int(),
  rate: z.number().nullable().describe("From 0 to 1; null: of no leads."),
  interval,
};
const conversion = z.strictObject(conversionFields).meta({ id: "Conversion" });

export const rulesReport = z
  .strictObject({
    rulesVersion: z.int(),
    leads: z.int().describe("How many the site has."),
    read: z.int(),
    sampled: z.boolean().describe("Whether not all were read."),
    outcomes: z.record(z.string(), z.int()),
    conversion,
    auc: z.strictObject({
      value: z
        .number()
        .nullable()
        .describe("Of pairs of one that converted and one that did not, how many the score has in order."),
      interval,
      converted: z.int(),
      others: z.int(),
    }),
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
    neverFired: z.array(z.string()).describe("Ids of rules."),
    data: z.array(
      z.strictObject({
        id: z.string(),
        points: z.number().nullable().describe("What it gives; null: it resets or disqualifies."),
        with: conversion,
        without: conversion,
        lift: z.number().nullable(),
        liftInterval: interval,
        coefficient: z.number().nullable(),
        suggestedPoints: z.number().nullable(),
      }),
    ),
    note: z.string().nullable().describe("What to mind, or to do next."),
  })
  .meta({ id: "RulesReport" });
