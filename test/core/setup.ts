import { learnLists } from "../support/lists.ts";

learnLists();
