/** What was sent, and what Kelvin said to it. */
import type { Beacon } from "../sessions.ts";

/** `sent`: nobody knows what became of it. */
export type Fate = "sent" | "counted" | "queued" | "rejected";

/** A beacon, and how it is sent. */
export interface Outgoing {
  beacon: Beacon;
  /** By a server, with a secret key. */
  isTrusted?: boolean | undefined;
}

export class Ledger {
  private readonly fates = new Map<string, Fate>();
  /** Messages of people who were erased, sent again since: they count for nobody. */
  readonly erased = new Set<string>();
  /** Messages with a token, and whether it proves who sent them. */
  readonly proofs = new Map<string, boolean>();
  /** Beacons answered `202`, to be sent again if the queue should be lost. */
  private queued: Outgoing[] = [];
  readonly statuses: Record<string, number> = {};
  /** Answers `202`, and messages in them. */
  queuedMessages = 0;

  began({ messages }: Beacon): void {
    for (const { messageId } of messages) if (!this.fates.has(messageId)) this.fates.set(messageId, "sent");
  }

  /** Notes an answer; 0: there was none. */
  answered(one: Outgoing, status: number, rejected: readonly string[]): void {
    const { beacon } = one;
    this.statuses[status || "none"] = (this.statuses[status || "none"] ?? 0) + 1;
    if (status !== 200 && status !== 202) return;
    if (status === 202) {
      this.queued.push(one);
      this.queuedMessages += beacon.messages.length;
    }
    for (const { messageId } of beacon.messages) {
      const fate = rejected.includes(messageId) ? "rejected" : status === 200 ? "counted" : "queued";
      if (this.fates.get(messageId) !== "counted") this.fates.set(messageId, fate);
    }
  }

  /** What waited in a queue that is no more. */
  takeQueued(): Outgoing[] {
    const { queued } = this;
    this.queued = [];
    return queued;
  }

  fateOf(messageId: string): Fate | undefined {
    return this.fates.get(messageId);
  }

  get acknowledged(): string[] {
    const isTaken = (fate: Fate) => fate === "counted" || fate === "queued";
    return [...this.fates].filter(([id, fate]) => isTaken(fate) && !this.erased.has(id)).map(([id]) => id);
  }

  get size(): number {
    return this.fates.size;
  }
}
