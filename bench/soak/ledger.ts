/** What was sent, and what Kelvin said to it. */
import type { Beacon } from "../sessions.ts";

/** `sent`: nobody knows what became of it. */
export type Fate = "sent" | "counted" | "queued" | "rejected";

export class Ledger {
  private readonly fates = new Map<string, Fate>();
  /** Beacons answered `202`, to be sent again if the queue should be lost. */
  private queued: Beacon[] = [];
  readonly statuses: Record<string, number> = {};
  /** Answers `202`, and messages in them. */
  queuedMessages = 0;

  began({ messages }: Beacon): void {
    for (const { messageId } of messages) if (!this.fates.has(messageId)) this.fates.set(messageId, "sent");
  }

  /** Notes an answer; 0: there was none. */
  answered(beacon: Beacon, status: number, rejected: readonly string[]): void {
    this.statuses[status || "none"] = (this.statuses[status || "none"] ?? 0) + 1;
    if (status !== 200 && status !== 202) return;
    if (status === 202) {
      this.queued.push(beacon);
      this.queuedMessages += beacon.messages.length;
    }
    for (const { messageId } of beacon.messages) {
      const fate = rejected.includes(messageId) ? "rejected" : status === 200 ? "counted" : "queued";
      if (this.fates.get(messageId) !== "counted") this.fates.set(messageId, fate);
    }
  }

  /** What waited in a queue that is no more. */
  takeQueued(): Beacon[] {
    const { queued } = this;
    this.queued = [];
    return queued;
  }

  fateOf(messageId: string): Fate | undefined {
    return this.fates.get(messageId);
  }

  get acknowledged(): string[] {
    return [...this.fates].filter(([, fate]) => fate === "counted" || fate === "queued").map(([id]) => id);
  }

  get size(): number {
    return this.fates.size;
  }
}
