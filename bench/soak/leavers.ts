/**
 * People who are erased: they come with two browsers, say who they are, and are erased once all that they sent has counted,
 * while their browsers send it again. Some stay away; the others come back later, as strangers.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { BenchSite } from "../measure/site.ts";
import { Random } from "../random.ts";
import { type Beacon, Sessions } from "../sessions.ts";
import type { Ledger, Outgoing } from "./ledger.ts";
import type { SendTo } from "./people.ts";
import { isolateOf, post } from "./post.ts";

/** Between two who come. */
const PAUSE_MS = 2_500;
/** Before something is tried again that was not taken. */
const AGAIN_MS = 300;
/** So many looks for what is missing before it is sent again. */
const LOOKS = 20;
/** So many looks until what is still missing is a complaint: some minutes, through kills and queues. */
const LOOKS_MAX = 600;
/** In every text of somebody who stays away; nothing else may hold it, and no digest can. */
export const GONE = "gone.";

export class Leavers {
  erased = 0;
  returned = 0;
  /** Messages sent again after the erasure. */
  resent = 0;
  /** What cannot be. */
  readonly complaints: string[] = [];
  private readonly random: Random;
  private readonly under: Promise<void>[] = [];
  private readonly seed: number;
  private readonly sites: () => readonly BenchSite[];
  private readonly ledger: Ledger;
  private readonly sendTo: SendTo;

  /** `sites`: as they are at the moment, for a restart changes their address. */
  constructor(seed: number, sites: () => readonly BenchSite[], ledger: Ledger, sendTo: SendTo) {
    this.random = new Random(seed + 3_000);
    this.seed = seed;
    this.sites = sites;
    this.ledger = ledger;
    this.sendTo = sendTo;
  }

  /** Somebody every now and then. */
  async work(until: number): Promise<void> {
    for (let n = 0; Date.now() < until; n++) {
      this.under.push(this.one(n));
      await pause(PAUSE_MS);
    }
  }

  /** Until all of them are erased. */
  async finish(): Promise<void> {
    await Promise.all(this.under);
  }

  private async one(n: number): Promise<void> {
    const { random } = this;
    const site = n % this.sites().length;
    const returns = n % 3 === 1;
    const name = returns ? `back-${n}` : `${GONE}${n}`;
    const sessions = new Sessions(this.seed + 100 + n, `s${site}-${name}`, Date.now);
    const visits = [sessions.visit("buyer"), sessions.visit("reader")];
    const who = { userId: `${name}-user`, traits: { email: `${name}@acme.example`, note: name } };
    const joins = visits.map(([first]): Beacon => {
      const visitor = first?.visitor ?? "";
      return { visitor, messages: [sessions.message(visitor, { type: "identify", ...who })] };
    });
    const sent: Outgoing[] = [
      ...visits.flat().map((beacon) => ({ beacon })),
      ...joins.map((beacon) => ({ beacon, isTrusted: true })),
    ];
    for (const one of sent) await this.insist(site, one);
    await this.counted(site, who.userId, sent);
    await Promise.all([this.erase(site, who.userId), ...sent.map((one) => this.again(site, one))]);
    this.erased++;
    for (const one of random.shuffled(sent)) await this.again(site, one);
    if (!returns) return;
    this.returned++;
    const visitor = joins[0]?.visitor ?? "";
    const messages = [sessions.page(visitor, "/pricing", true), sessions.page(visitor, "/blog/one")];
    await this.insist(site, { beacon: { visitor, messages } });
  }

  /** Sends until it is acknowledged. */
  private async insist(site: number, one: Outgoing): Promise<void> {
    for (;;) {
      const shop = this.sites()[site];
      const status = shop ? await post(shop, this.sendTo, this.ledger, this.random, one) : 0;
      if (status === 200 || status === 202) return;
      await pause(AGAIN_MS);
    }
  }

  /** Until all of it is in their log: what waited in a queue that a kill took is sent again. */
  private async counted(site: number, userId: string, sent: readonly Outgoing[]): Promise<void> {
    for (let looks = 1; ; looks++) {
      const path = `/v1/leads/user:${userId}/events?limit=200`;
      const shown = this.sites()[site]?.rest<{ data: { messageId: string }[] }>(path);
      const { data } = (await shown?.catch(() => null)) ?? { data: [] };
      const there = new Set(data.map(({ messageId }) => messageId));
      const missing = sent.filter(({ beacon }) => beacon.messages.some(({ messageId }) => !there.has(messageId)));
      if (missing.length === 0) return;
      if (looks === LOOKS_MAX) {
        const ids = missing.flatMap(({ beacon }) => beacon.messages.map(({ messageId }) => messageId));
        this.complaints.push(`${userId} never got ${ids.join(", ")}, though that was acknowledged`);
        return;
      }
      if (looks % LOOKS === 0) for (const one of missing) await this.insist(site, one);
      await pause(AGAIN_MS);
    }
  }

  private async again(site: number, one: Outgoing): Promise<void> {
    for (const { messageId } of one.beacon.messages) this.ledger.erased.add(messageId);
    await this.insist(site, one);
    this.resent += one.beacon.messages.length;
  }

  private async erase(site: number, userId: string): Promise<void> {
    // Whether a try without an answer was done after all nobody knows.
    for (let mayBeDone = false; ; mayBeDone = true) {
      const path = `/v1/leads/user:${userId}?site=${this.sites()[site]?.id}`;
      const sent = { method: "DELETE", path, headers: { ...isolateOf(this.random), ...this.sites()[site]?.admin } };
      const status = (await this.sendTo(sent).catch(() => null))?.status;
      if (status === 404 && !mayBeDone) this.complaints.push(`${userId} is nowhere, though all they sent has counted`);
      if (status === 204 || status === 404) return;
      await pause(AGAIN_MS);
    }
  }
}
