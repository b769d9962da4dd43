/** The verdict on webhooks: each announcement came, in order, and says what the API tells of the lead. */
import type { BenchSite } from "../measure/site.ts";
import { HOOKS, type Hook, type Receiver, type Told } from "./receiver.ts";

interface Crossing {
  at: string;
  ladder: string;
  from: string;
  to: string;
  cause: string;
}

/** A lead as it is in the end. */
interface Known {
  id: string;
  /** The keys by which it goes. */
  keys: string[];
  known: boolean;
  isDisqualified: boolean;
}

const HISTORY_PAGE = 200;

/** What a site's webhooks were told, by lead. */
export class ToldOfSite {
  private readonly byHook: Record<Hook, Map<string, Told[]>>;
  /** Ids of leads that went up in another; a split can bring one back, with another history. */
  private readonly merged: ReadonlySet<unknown>;
  private readonly site: BenchSite;
  private readonly tellsRules: boolean;

  constructor(site: BenchSite, receiver: Receiver, tellsRules: boolean) {
    this.site = site;
    this.tellsRules = tellsRules;
    const of = (hook: Hook) => Map.groupBy(receiver.told(site, hook), ({ data }) => data.leadId);
    this.byHook = { all: of("all"), levels: of("levels") };
    const merges = receiver.told(site, "all").filter(({ type }) => type === "lead.merged");
    this.merged = new Set(merges.map(({ data }) => data.mergedId));
  }

  /** What is wrong with what was told of a lead, in words. */
  async differences(lead: Known): Promise<string[]> {
    const crossings = (await this.history(lead.id)).filter(({ cause }) => cause !== "rules" || this.tellsRules);
    const should = crossings.map(nameOf);
    const found = (Object.keys(HOOKS) as Hook[]).flatMap((hook) => {
      const levels = (this.byHook[hook].get(lead.id) ?? []).filter(({ type }) => type === "lead.level.changed");
      const is = levels.map(({ data }) => nameOf(data as unknown as Crossing));
      const agrees = this.merged.has(lead.id) ? isPart(should, is) : JSON.stringify(should) === JSON.stringify(is);
      return agrees ? [] : [`${lead.id}: webhook ${hook} was told ${is.join("; ")}; should be ${should.join("; ")}`];
    });
    const types = new Set(this.byHook.all.get(lead.id)?.map(({ type }) => type));
    if (lead.known && !types.has("lead.identified")) found.push(`${lead.id}: no webhook was told that it is known`);
    if (lead.isDisqualified && !types.has("lead.disqualified"))
      found.push(`${lead.id}: no webhook was told that it is disqualified`);
    const absorbed = lead.keys.filter((key) => key.startsWith("lead:")).map((key) => key.slice("lead:".length));
    const untold = absorbed.filter((id) => !this.merged.has(id));
    return [...found, ...untold.map((id) => `${lead.id}: no webhook was told that ${id} went up in it`)];
  }

  /** Levels crossed, oldest first. */
  private async history(id: string): Promise<Crossing[]> {
    const all: Crossing[] = [];
    for (let cursor = ""; ; ) {
      const path = `/v1/leads/${id}/history?limit=${HISTORY_PAGE}${cursor && `&cursor=${cursor}`}`;
      const page = await this.site.rest<{ data: Crossing[]; nextCursor: string | null }>(path);
      all.push(...page.data);
      if (page.nextCursor === null) return all.reverse();
      cursor = page.nextCursor;
    }
  }
}

const nameOf = ({ ladder, from, to, cause, at }: Crossing) => `${ladder} ${from}-${to} by ${cause} at ${at}`;

/** Whether a list holds another's items in their order. */
function isPart(part: readonly string[], whole: readonly string[]): boolean {
  let at = 0;
  for (const one of whole) if (one === part[at]) at++;
  return at === part.length;
}
