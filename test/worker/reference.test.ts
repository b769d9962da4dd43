/**
 * `GET /v1/reports/rules` against what others compute: leads of a public data set with outcomes are sent as events, and
 * the report has the figures that numpy, scipy, scikit-learn and statsmodels have for them (test/support/reference.py).
 */
import { beforeAll, expect, test } from "vitest";
import { distribution, rulesEvidence, temperatures } from "../../worker/http/reference/report-answers";
import { type Message, type Site, track } from "../support/api";
import { DAY, startApi } from "./app";
import { leads, reference, rules } from "./caravan.json";

const NOW = Date.parse("2026-11-22T12:00:00Z");
const ago = (days: number) => ({ timestamp: new Date(NOW - days * DAY).toISOString() });
const api = startApi({ clock: () => NOW });
/** How many messages are sent at a time. */
const BATCH = 1000;
/** What the figures may be off by: they are those of different ways to the same end. */
const DECIMALS = 7;

/** What somebody did, how it ended, and what they did after that, which must not count. */
function messagesOf(visitor: string, { fired, outcome }: (typeof leads)[number]): Message[] {
  const percent = (id: string) => (fired.includes(id) ? 63 : 62);
  const policies = fired.filter((id) => id !== "wealthy" && id !== "tenants");
  const traits = { buyingPower: percent("wealthy"), tenants: percent("tenants") };
  return [
    track(visitor, "Offer Sent", {}, ago(9)),
    { type: "identify", anonymousId: visitor, traits, ...ago(8) },
    ...policies.map((kind) => track(visitor, "Policy Held", { kind }, ago(7))),
    ...(outcome === null ? [] : [track(visitor, "Outcome Recorded", { outcome }, ago(3))]),
    ...(outcome === "converted" ? [track(visitor, "Policy Held", { kind: "life" }, ago(1))] : []),
  ];
}

let site: Site;
let report: { conversion: unknown; auc: unknown; levels: unknown[]; data: { suggestedPoints: number | null }[] };
beforeAll(async () => {
  site = await api.createSite(rules);
  const people = leads.flatMap((lead) => Array.from({ length: lead.leads }, () => lead));
  const all = people.flatMap((lead, i) => messagesOf(`v${i}`, lead));
  for (let at = 0; at < all.length; at += BATCH) {
    expect((await site.import(all.slice(at, at + BATCH))).body.rejected).toEqual([]);
  }
  report = (await site.rest<typeof report>("/v1/reports/rules")).body;
}, 60_000);

/** A reference whose numbers may be met nearly. */
function nearly(reference: unknown): unknown {
  if (typeof reference === "number") return expect.closeTo(reference, DECIMALS);
  if (Array.isArray(reference)) return reference.map(nearly);
  if (typeof reference !== "object" || reference === null) return reference;
  return Object.fromEntries(Object.entries(reference).map(([key, value]) => [key, nearly(value)]));
}

test("the area under the ROC curve and its interval", () => {
  expect(report.auc).toMatchObject(nearly(reference.auc) as object);
});

test("conversion, of all and by level", () => {
  expect(report.conversion).toEqual(nearly(reference.conversion));
  expect(report.levels).toEqual(
    reference.levels.map((level) => ({ ladder: "temperature", ...(nearly(level) as object) })),
  );
});

test.each(reference.data.map((line, i) => [line.id, i, line] as const))(
  "%s: conversion with and without, lift, and the coefficient of the fit",
  (_, i, line) => expect(report.data[i]).toMatchObject(nearly(line) as object),
);

test("points are suggested where the lift is known not to be 1, and come to as many as the same rules give", () => {
  const known = reference.data.flatMap(({ coefficient, liftInterval: [low = 1, high = 1] }, i) =>
    low > 1 || high < 1 ? [{ i, coefficient, points: rules.rules[i]?.points ?? 0 }] : [],
  );
  const sum = (of: "points" | "coefficient") => known.reduce((total, one) => total + Math.abs(one[of]), 0);
  expect(known.map(({ i }) => rules.rules[i]?.id)).toEqual(["car", "fire", "liability", "wealthy"]);
  for (const [i, { suggestedPoints }] of report.data.entries()) {
    const one = known.find((each) => each.i === i);
    const points = one ? (one.coefficient / sum("coefficient")) * sum("points") : null;
    expect(suggestedPoints, rules.rules[i]?.id).toEqual(points === null ? null : expect.closeTo(points, 2));
  }
});

test("reports are told of as they are, where there is something in all of their parts", async () => {
  const described = { rules: rulesEvidence, distribution, temperatures };
  for (const [name, schema] of Object.entries(described)) {
    const { body } = await site.rest(`/v1/reports/${name}`);
    expect(schema.safeParse(body), name).toMatchObject({ success: true });
  }
});
