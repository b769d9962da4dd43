/**
 * How often the scores of leads are looked at again while nothing happens to them: goes on from look to look as
 * worker/refresh.ts would, without waiting. Takes `{ document, rows }`, answers the number for each.
 */
import { type LeadRow, readLead } from "../worker/db/leads";
import { compiled } from "../worker/db/sites";
import type { Env } from "../worker/env";
import { filesOf, readLists } from "../worker/files";
import { putOffLook, score } from "../worker/lead";

/** A score that is looked at more often than that never comes to rest. */
const LOOKS_MAX = 2_000;

export default {
  async fetch(request, env) {
    await readLists(filesOf(env.ASSETS));
    const { document, rows } = await request.json<{ document: string; rows: LeadRow[] }>();
    const rules = compiled(document);
    const looks = rows.map((row) => {
      const lead = readLead(row);
      let count = 0;
      for (; lead.refreshAt !== null && count < LOOKS_MAX; count++) {
        const at = lead.refreshAt;
        score({ rules }, lead, at);
        putOffLook({ rules }, lead, at);
      }
      return count;
    });
    return Response.json(looks);
  },
} satisfies ExportedHandler<Env>;
