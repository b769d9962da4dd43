import * as z from "zod/mini";
import { REPLAYED_MAX } from "../../../dead";
import * as answers from "../answers";
import type { AllTold } from "./told";

export const DEAD_LETTERS = {
  "GET /dead-letters": {
    name: "listDeadLetters",
    summary: "Beacons that could not be folded after waiting in the queue, the oldest first",
    answer: answers.list(answers.deadLetter),
  },
  "POST /dead-letters/replay": {
    name: "replayDeadLetters",
    summary: "Folds dead letters after all: some, or as many of the oldest as one call takes",
    details: `At most ${REPLAYED_MAX} a call. What counted already does not count again.`,
    answer: answers.replayed,
  },
  "DELETE /dead-letters/{id}": {
    name: "deleteDeadLetter",
    summary: "Deletes a dead letter: its events never count",
    answer: z.void(),
  },
} satisfies AllTold;

export const STATUS = {
  "GET /status": {
    name: "getStatus",
    summary: "What was counted in the last 24 hours, and what waits",
    details: "Counts are added up every few minutes; those of the isolate that answers are in it at once.",
    answer: answers.status,
  },
} satisfies AllTold;
