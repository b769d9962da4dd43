/**
 * How often the scores of leads are looked at again while nothing happens to them: goes on from look to look as
 * worker/refresh.ts would, without waiting: on average three quarters as early as they can be looked at. Takes
 * `{ document, rows }`, answers the number for each, and the rows that they write.
 */
import { type LeadRow, readLead } from "../worker/db/leads";
import { compiled } from "../worker/db/sites";
import type { Env } from "../worker/env";
import { filesOf, readLists } from "../worker/files";
import { putOffLook, score } from "../worker/lead";
import { AHEAD_MS } from "../worker/refresh";

/** A score that is looked at more often than that never comes to rest. */
const LOOKS_MAX = 2_000;

export default {
  async fetch(request, env) {
    await readLists(filesOf(env.ASSETS));
    const { document, rows } = await request.json<{ document: string; rows: LeadRow[] }>();
    const rules = compiled(document);
    const had = rows.map((row): [looks: number, rowsWritten: number] => {
      const lead = readLead(row);
      let [looks, written] = [0, 0];
      for (; lead.refreshAt !== null && looks < LOOKS_MAX; looks++) {
        const [before, at] = [lead.score, lead.refreshAt - (3 / 4) * AHEAD_MS];
        score({ rules }, lead, at);
        putOffLook({ rules }, lead, at);
        written += lead.score === before ? 1 : 2;
      }
      return [looks, written];
    });
    return Response.json(had);
  },
} satisfies ExportedHandler<Env>;
