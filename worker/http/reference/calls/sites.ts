import * as answers from "../answers";
import type { AllTold } from "./told";

const change = {
  answer: answers.site,
  example: { origins: ["https://www.shop.example", "https://shop.example"] },
};

export const SITES = {
  "GET /sites": {
    name: "listSites",
    summary: "All sites",
    answer: answers.list(answers.site),
  },
  "POST /sites": {
    name: "createSite",
    summary: "Makes a site, with rules to start from",
    answer: answers.newSite,
    errors: ["conflict"],
    example: { name: "Shop", origins: ["https://www.shop.example"] },
  },
  "PATCH /sites": { ...change, name: "changeSite", summary: "Changes the site that ?site= names" },
  "PATCH /sites/{id}": { ...change, name: "changeSiteById", summary: "Changes a site" },
  "POST /sites/{id}/identity-secret": {
    name: "rotateIdentitySecret",
    summary: "A new identity secret, shown only now; the one before holds for overlap more",
    answer: answers.identitySecret,
    errors: ["conflict"],
    example: { overlap: "12h" },
  },
  "POST /sites/{id}/move": {
    name: "moveSite",
    summary: "Moves a site to another database, or goes on with it",
    details:
      "Each call goes on for a few seconds, and the run of every minute does too; done when state is done. Beacons are " +
      "told to come again while state is copying. To the database that it still lives in: calls the move off.",
    answer: answers.move,
    errors: ["conflict"],
    example: { database: "DB_1" },
  },
  "GET /sites/{id}/move": {
    name: "getMove",
    summary: "How the latest move of a site stands",
    answer: answers.move,
  },
} satisfies AllTold;
