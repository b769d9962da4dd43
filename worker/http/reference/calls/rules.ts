import * as z from "zod/mini";
import * as answers from "../answers";
import type { AllTold } from "./told";

const MINIMAL = {
  rules: [{ id: "pricing", on: "page", where: { path: "/pricing*" }, points: 15 }],
  levels: { temperature: [{ name: "cold" }, { name: "warm", when: { score: { gte: 35 } } }] },
};

export const RULES_CALLS = {
  "GET /rules": {
    name: "getRules",
    summary: "The rules in force",
    details: "The answer has an ETag, the version in quotes.",
    answer: answers.published,
  },
  "PUT /rules": {
    name: "publishRules",
    summary: "Publishes a document as the next version",
    details: "With If-Match only if that version is in force still. Every lead is scored anew from its whole log.",
    answer: answers.published,
    errors: ["stale", "invalid_rules"],
    example: MINIMAL,
    ifMatch: true,
  },
  "POST /rules/rollback": {
    name: "rollBackRules",
    summary: "Publishes an earlier version again, as the next one",
    answer: answers.published,
    errors: ["stale", "invalid_rules"],
    example: { version: 1 },
    ifMatch: true,
  },
  "GET /rules/versions": {
    name: "listRulesVersions",
    summary: "All versions, latest first, with how far the leads have come over to each",
    answer: answers.list(answers.rulesVersion),
  },
  "GET /rules/versions/{version}": {
    name: "getRulesVersion",
    summary: "One version with its document",
    answer: answers.wholeVersion,
  },
  "POST /rules/check": {
    name: "checkRules",
    summary: "Validates a document, and tells what is questionable about one that is valid",
    answer: answers.checkedRules,
    errors: ["invalid_rules"],
    example: MINIMAL,
  },
  "POST /rules/preview": {
    name: "previewRules",
    summary: "What a document would do to the leads there are; nothing is written",
    answer: answers.preview,
    errors: ["invalid_rules"],
    example: MINIMAL,
  },
  "GET /rules/presets": {
    name: "listPresets",
    summary: "The sets that a site can begin with",
    answer: answers.list(z.strictObject({ name: z.string(), rules: z.looseObject({}) })),
  },
} satisfies AllTold;
