/** Rules that a new site starts from. */
import type { RulesDocument } from "./schema";

export const FIRST_RULES: RulesDocument = {
  dimensions: { engagement: { decay: { halfLife: "30d" }, min: -100, max: 200 }, fit: { min: -50, max: 70 } },
  groups: { blog: { max: 10 } },
  rules: [
    { id: "pricing", on: "page", where: { path: "/pricing*" }, points: 15, limit: { times: 1, per: "day" } },
    { id: "blog", group: "blog", on: "page", where: { path: "/blog/*" }, points: 1, limit: { times: 1, by: "path" } },
    {
      id: "download",
      on: "File Downloaded",
      points: 10,
      limit: { times: 1, by: "properties.file" },
    },
    {
      id: "demo",
      on: "Form Submitted",
      where: { "properties.form": "*demo*" },
      points: 70,
      limit: { times: 1 },
    },
    { id: "form", on: "Form Submitted", points: 5, limit: { times: 1, by: "properties.form" } },
    {
      id: "careers",
      on: "page",
      where: { path: ["/careers*", "/jobs*"] },
      points: -10,
      limit: { times: 1, per: "day" },
    },
    { id: "visits-2-5", while: { visits: { between: [2, 5] } }, points: 3 },
    { id: "visits-6", while: { visits: { gte: 6 } }, points: 6 },
    { id: "inactive-30d", while: { inactive: { gte: "30d" } }, points: -20 },
    {
      id: "senior-title",
      dimension: "fit",
      while: { "traits.title": { in: ["*chief*", "vp *", "*head of*", "*director*"] } },
      points: 20,
    },
  ],
  levels: {
    temperature: [
      { name: "cold" },
      { name: "warm", when: { score: { gte: 35 } } },
      { name: "hot", when: { score: { gte: 65 } } },
    ],
    stage: [
      { name: "lead" },
      { name: "mql", when: { score: { gte: 35 } } },
      { name: "sql", when: { score: { gte: 65 }, "scores.fit": { gte: 0 } } },
    ],
  },
};
