import * as z from "zod/mini";
import * as answers from "../answers";
import type { AllTold } from "./told";

export const LEADS = {
  "GET /leads": {
    name: "listLeads",
    summary: "Leads, filtered and sorted",
    details:
      "Level filters are exact. Order, minScore and maxScore go by a score that is refreshed within a day; what is " +
      "shown is the score now. A page may be shorter than limit and still have a next one.",
    answer: answers.list(answers.lead),
  },
  "GET /leads.csv": {
    name: "exportLeads",
    summary: "The same leads, all of them, as CSV",
    details:
      "Ladders and dimensions are those of the rules in force. Texts that a spreadsheet would take for a formula have " +
      "a quote in front. Where reading fails on the way the transfer is broken off: a file that came to its end is complete.",
    answer: z.string(),
    contentType: "text/csv",
  },
  "GET /leads/{id}": { name: "getLead", summary: "One lead", answer: answers.lead },
  "GET /leads/{id}/explanation": {
    name: "explainLead",
    summary: "Every rule of the set, counting or not, and because of what",
    answer: answers.explanation,
  },
  "GET /leads/{id}/events": {
    name: "listLeadEvents",
    summary: "What the lead did, latest first, with the points that each event got",
    answer: answers.list(answers.timelineEvent),
  },
  "GET /leads/{id}/history": {
    name: "getLeadHistory",
    summary: "Every level crossed, latest first, with its cause; and the score over time",
    answer: answers.history,
  },
  "GET /leads/{id}/export": {
    name: "exportLead",
    summary: "Everything that is kept of a person, as one document to save",
    answer: answers.exported,
  },
  "PATCH /leads/{id}": {
    name: "changeLead",
    summary: "What marketers and sales note of a lead",
    details: "It is logged as events that are no activity, so rules can react. A trait that is null is removed.",
    answer: answers.lead,
    errors: ["conflict"],
    example: { status: "opportunity", feedback: "qualified", traits: { employees: 120 } },
  },
  "POST /leads/{id}/split": {
    name: "splitLead",
    summary: "Undoes a claimed join: the visitor's events leave the lead for one of their own",
    answer: answers.halves,
    errors: ["conflict"],
    example: { visitor: "eve" },
  },
  "DELETE /leads/{id}": {
    name: "eraseLead",
    summary: "Erases a person: everything that is theirs, at once",
    answer: z.void(),
  },
} satisfies AllTold;
