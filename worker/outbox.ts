/** Writing leads, and noting whether something is now to be told: delivered after the answer, or by the next run. */
import type { LeadWrite, UsageNote, Written } from "./db/write";
import { writeLeads } from "./db/write";
import type { Deps } from "./deps";

/** Whether deliveries wait that this isolate has written: whoever comes by delivers them. */
export class Outbox {
  private isWaiting = false;

  note(): void {
    this.isWaiting = true;
  }

  /** Whether something waits; whoever asked sees to it. */
  take(): boolean {
    const waits = this.isWaiting;
    this.isWaiting = false;
    return waits;
  }
}

/** `writeLeads`, now. */
export async function writeAndTell(
  deps: Pick<Deps, "db" | "clock" | "outbox">,
  siteId: string,
  messageIds: readonly string[],
  writes: readonly LeadWrite[],
  unsuppressed: readonly string[] = [],
  usage: UsageNote | null = null,
): Promise<Written> {
  const written = await writeLeads(deps.db, siteId, messageIds, writes, deps.clock(), unsuppressed, usage);
  if (written.waiting > 0) deps.outbox.note();
  return written;
}
