import * as answers from "../answers";
import type { AllTold } from "./told";

export const LINKS = {
  "POST /links": {
    name: "makeLinks",
    summary: "An open pixel and a click link for a mail to one person, or for many at a time",
    answer: answers.madeLinks,
    example: { email: "ann@acme.example", url: "https://www.shop.example/pricing", campaign: "spring" },
  },
} satisfies AllTold;
