/** Rules of a soak: something of all that rules can say, but for what the naive model leaves to the product. */
import type { RulesDocument } from "../../test/support/naive.ts";

const BASE: RulesDocument = {
  dimensions: {
    engagement: { decay: { halfLife: "7d" }, min: -50, max: 150 },
    habit: { max: 60 },
    fit: { min: -30, max: 50 },
  },
  groups: { blog: { max: 6 }, files: { max: 25 } },
  counters: {
    pricingViews: { on: "page", where: { path: "/pricing*" }, within: "7d" },
    pagesThisVisit: { on: "page", within: "visit" },
    seconds: { on: "Page Engaged", sum: "properties.seconds" },
  },
  rules: [
    { id: "pricing", on: "page", where: { path: "/pricing*" }, points: 12, limit: { times: 1, per: "day" } },
    { id: "case", on: "page", where: { path: "/case-studies/*" }, points: 5, limit: { times: 1, by: "path" } },
    { id: "blog", group: "blog", on: "page", where: { path: "/blog/*" }, points: 2, decay: { expires: "5d" } },
    { id: "file", group: "files", on: "File Downloaded", points: 10, limit: { times: 1, by: "properties.file" } },
    { id: "demo", on: "Form Submitted", where: { "properties.form": "demo" }, points: 40, limit: { times: 1 } },
    { id: "form", on: "Form Submitted", points: 5, decay: { linear: "10d" }, limit: { times: 2, per: "week" } },
    { id: "cta", on: "CTA Clicked", points: 3, limit: { times: 2, per: "visit" }, decay: { every: "2d", percent: 25 } },
    { id: "careers", on: "page", where: { path: "/careers*" }, points: -8, limit: { times: 1, per: "day" } },
    { id: "visits", dimension: "habit", while: { visits: { between: [2, 4] } }, points: 4 },
    { id: "more-visits", dimension: "habit", while: { visits: { gte: 5 } }, points: 9 },
    { id: "reads", dimension: "habit", while: { "counters.pagesThisVisit": { gte: 4 } }, points: 3 },
    { id: "stays", dimension: "habit", while: { "counters.seconds": { gte: 300 } }, points: 6 },
    { id: "returns", dimension: "habit", while: { "counters.pricingViews": { gte: 3 } }, points: 8 },
    { id: "quiet", dimension: "habit", while: { inactive: { gte: "5d" } }, points: -10 },
    { id: "boss", dimension: "fit", while: { "traits.title": { in: ["*chief*", "vp *"] } }, points: 20 },
    { id: "student", dimension: "fit", while: { "traits.title": "student*" }, points: -15 },
    { id: "large", dimension: "fit", while: { "traits.employees": { gte: 500 } }, points: 10 },
    { id: "recycled", on: "Sales Feedback Given", where: { "properties.feedback": "notReady" }, reset: ["engagement"] },
    { id: "customer", while: { status: "customer" }, disqualify: "customer" },
  ],
  levels: {
    temperature: [
      { name: "cold" },
      { name: "warm", when: { score: { gte: 20 } } },
      { name: "hot", when: { score: { gte: 45 } } },
    ],
    stage: [{ name: "lead" }, { name: "mql", when: { all: [{ score: { gte: 25 } }, { "scores.fit": { gte: 0 } }] } }],
  },
};

/** What is published in turns. */
export const VERSIONS: [RulesDocument, ...RulesDocument[]] = [
  BASE,
  {
    ...BASE,
    rules: BASE.rules.filter(({ id }) => id !== "careers" && id !== "quiet"),
    hysteresis: { temperature: 3 },
  },
  {
    ...BASE,
    rules: BASE.rules.map((rule) => (rule.id === "pricing" ? { ...rule, points: 7, decay: { expires: "3d" } } : rule)),
    levels: { ...BASE.levels, temperature: [{ name: "cold" }, { name: "hot", when: { score: { gte: 30 } } }] },
  },
];
