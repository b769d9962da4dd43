/** What happens beside the visitors: notes of sales, rules published, lists looked at, and the run of every minute. */
import { setTimeout as pause } from "node:timers/promises";
import type { BenchSite } from "../measure/site.ts";
import { Random } from "../random.ts";
import type { SendTo } from "./people.ts";
import { VERSIONS } from "./rules.ts";

/** What is done how often. */
const WORK = { note: 30, run: 20, look: 20, split: 15, replay: 4, publish: 2 };
/** The site whose publishers ask for crossings that new rules cause to be told. */
export const NOTIFIED = 1;
/** Between two doings. */
const PAUSE_MS = 150;

interface Known {
  id: string;
  visitors: { id: string; verified: boolean }[];
}

export class Marketers {
  /** How often what was done, and how often it failed. */
  readonly done: Record<string, number> = {};
  private readonly random: Random;
  private sites: readonly BenchSite[];
  private readonly sendTo: SendTo;
  private published = 0;
  /** Dead letters replayed. */
  replayed = 0;

  constructor(seed: number, sites: readonly BenchSite[], sendTo: SendTo) {
    this.random = new Random(seed + 1_000);
    this.sites = sites;
    this.sendTo = sendTo;
  }

  moveTo(sites: readonly BenchSite[]): void {
    this.sites = sites;
  }

  async work(until: number): Promise<void> {
    while (Date.now() < until) {
      const what = this.random.weighted(WORK);
      const site = this.sites[this.random.between(0, this.sites.length - 1)];
      const isDone = site ? await this.doing(what, site).catch(() => false) : false;
      const name = isDone ? what : `${what} failed`;
      this.done[name] = (this.done[name] ?? 0) + 1;
      await pause(PAUSE_MS);
    }
  }

  private async doing(what: keyof typeof WORK, site: BenchSite): Promise<boolean> {
    if (what === "note") return await this.note(site);
    if (what === "look") return Boolean(await site.rest("/v1/leads?limit=20"));
    if (what === "publish") {
      const document = VERSIONS[++this.published % VERSIONS.length];
      const asks = site === this.sites[NOTIFIED] ? "?notify=true" : "";
      return Boolean(await site.rest(`/v1/rules${asks}`, "PUT", document));
    }
    if (what === "split") return await this.split(site);
    if (what === "replay") {
      this.replayed += (await site.rest<{ replayed: number }>("/v1/dead-letters/replay", "POST", {})).replayed;
      return true;
    }
    // As if called by hand: the cron's own run waits for what becomes due.
    return (await this.sendTo({ method: "GET", path: "/cdn-cgi/handler/scheduled?cron=" })).status === 200;
  }

  /** Undoes a join of somebody who only claimed to be who they are; `true` too where nobody did. */
  private async split(site: BenchSite): Promise<boolean> {
    const { data } = await site.rest<{ data: Known[] }>("/v1/leads?limit=200&known=true");
    for (const { id, visitors } of this.random.shuffled(data)) {
      const claimant = visitors.length > 1 && visitors.find(({ verified }) => !verified);
      if (claimant) return Boolean(await site.rest(`/v1/leads/${id}/split`, "POST", { visitor: claimant.id }));
    }
    return true;
  }

  private async note(site: BenchSite): Promise<boolean> {
    const { random } = this;
    const { data } = await site.rest<{ data: { id: string }[] }>("/v1/leads?limit=50");
    const lead = data[random.between(0, Math.max(0, data.length - 1))];
    if (!lead) return true;
    const body = random.pick<Record<string, unknown>>([
      { status: random.pick(["open", "opportunity", "customer"]) },
      { feedback: random.pick(["qualified", "notReady", "unqualified"]) },
      { traits: { employees: random.between(1, 5_000), department: random.pick(["sales", "hr"]) } },
    ]);
    return Boolean(await site.rest(`/v1/leads/${lead.id}`, "PATCH", body));
  }
}
