import * as z from "zod/mini";
import * as answers from "../answers";
import type { AllTold } from "./told";

export const KEYS = {
  "POST /keys": {
    name: "createKey",
    summary: "Makes a secret key, shown only now",
    answer: answers.newKey,
    example: { name: "CRM", scopes: ["read", "write"] },
  },
  "GET /keys": {
    name: "listKeys",
    summary: "Secret keys, latest first",
    answer: answers.list(answers.key),
  },
  "DELETE /keys/{id}": {
    name: "deleteKey",
    summary: "Takes a key away; it is over within ten seconds everywhere",
    answer: z.void(),
  },
} satisfies AllTold;
