/** Writing leads, and noting whether something is now to be told: delivered after the answer, or by the next run. */
import type { LeadWrite } from "./db/plan";
import { type UsageNote, type Written, writeLeads } from "./db/write";
import type { Deps } from "./deps";

/** Which databases have deliveries waiting that this isolate has written: whoever comes by delivers them. */
export class Outbox {
  private waiting = new Set<string>();

  note(database: string): void {
    this.waiting.add(database);
  }

  get isWaiting(): boolean {
    return this.waiting.size > 0;
  }

  /** Where something waits; whoever asked sees to it. */
  take(): string[] {
    const taken = [...this.waiting];
    this.waiting.clear();
    return taken;
  }
}

/** `writeLeads`, now. */
export async function writeAndTell(
  deps: Pick<Deps, "db" | "database" | "clock" | "outbox">,
  siteId: string,
  messageIds: readonly string[],
  writes: readonly LeadWrite[],
  guards: readonly D1PreparedStatement[] = [],
  usage: UsageNote | null = null,
): Promise<Written> {
  const written = await writeLeads(deps.db, siteId, messageIds, writes, deps.clock(), guards, usage);
  if (written.waiting > 0) deps.outbox.note(deps.database);
  return written;
}
