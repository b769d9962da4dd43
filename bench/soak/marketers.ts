/** What happens beside the visitors: notes of sales, rules published, lists looked at, and the run of every minute. */
import { setTimeout as pause } from "node:timers/promises";
import type { BenchSite } from "../measure/site.ts";
import { Random } from "../random.ts";
import type { SendTo } from "./people.ts";
import { VERSIONS } from "./rules.ts";

/** Between two doings. */
const PAUSE_MS = 150;

export class Marketers {
  /** How often what was done, and how often it failed. */
  readonly done: Record<string, number> = {};
  private readonly random: Random;
  private sites: readonly BenchSite[];
  private readonly sendTo: SendTo;
  private published = 0;

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
      const what = this.random.weighted({ note: 30, run: 20, look: 20, publish: 2 });
      const site = this.sites[this.random.between(0, this.sites.length - 1)];
      const isDone = site ? await this.doing(what, site).catch(() => false) : false;
      const name = isDone ? what : `${what} failed`;
      this.done[name] = (this.done[name] ?? 0) + 1;
      await pause(PAUSE_MS);
    }
  }

  private async doing(what: "note" | "run" | "look" | "publish", site: BenchSite): Promise<boolean> {
    if (what === "note") return await this.note(site);
    if (what === "look") return Boolean(await site.rest("/v1/leads?limit=20"));
    if (what === "publish") {
      const document = VERSIONS[++this.published % VERSIONS.length];
      return Boolean(await site.rest("/v1/rules", "PUT", document));
    }
    return (await this.sendTo({ method: "GET", path: "/cdn-cgi/handler/scheduled" })).status === 200;
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
