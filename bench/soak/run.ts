/** A soak from its beginning to its verdict. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Host, startPair } from "../host.ts";
import { Client } from "../load.ts";
import { BenchSite, makeSite } from "../measure/site.ts";
import { Random } from "../random.ts";
import type { Counts, Mishaps } from "../wrapped.ts";
import { judge, type Verdict } from "./judge.ts";
import { Leavers } from "./leavers.ts";
import { Ledger } from "./ledger.ts";
import { Marketers } from "./marketers.ts";
import { People } from "./people.ts";
import { Receiver } from "./receiver.ts";
import { VERSIONS } from "./rules.ts";

export interface SoakOptions {
  minutes: number;
  visitors: number;
  seed: number;
  mishaps: number;
  kills: number;
}

export interface Soaked {
  options: SoakOptions;
  requests: number;
  statuses: Record<string, number>;
  mishaps: Record<string, number>;
  queue: { messages: number; letters: Record<string, number>; resent: number };
  webhooks: { announcements: number; calls: number; refused: number };
  erasures: { erased: number; returned: number; resent: number };
  tokens: { holding: number; others: number };
  marketers: Record<string, number>;
  kills: number;
  verdict: Verdict;
}

const SITES = 3;
const CONNECTIONS = 12;
const ISOLATES = ["a", "b"];
/** Longest wait at the end for what still stands in the queue. */
const DRAIN_MAX_MS = 120_000;
/** Rounds of sending what is still kept, without faults. */
const FLUSHES = 20;

class Soak {
  private host: Host | null = null;
  private client: Client | null = null;
  private sites: BenchSite[] = [];
  private readonly ledger = new Ledger();
  private readonly random: Random;
  /** Of isolates that are no more. */
  private readonly ended: Counts[] = [];
  private readonly receiver = new Receiver();
  private kills = 0;
  private resent = 0;
  private readonly options: SoakOptions;
  private readonly state: string;
  private readonly say: (line: string) => void;

  constructor(options: SoakOptions, state: string, say: (line: string) => void) {
    this.options = options;
    this.state = state;
    this.say = say;
    this.random = new Random(options.seed);
  }

  async run(): Promise<Soaked> {
    const { minutes, visitors, seed, kills } = this.options;
    const lengthMs = minutes * 60_000;
    const host = await this.start();
    const [one, two, three] = await Promise.all(Array.from({ length: SITES }, () => makeSite(host, VERSIONS[0], 2)));
    if (!one || !two || !three) throw new Error("no sites");
    this.sites = [one, two, three];
    for (const site of this.sites) await this.receiver.listenTo(site);
    const sendTo = this.sender();
    const people = new People({ seed, sites: [one, two, three], visitors, lengthMs, ledger: this.ledger, sendTo });
    const marketers = new Marketers(seed, this.sites, sendTo);
    const leavers = new Leavers(seed, () => this.sites, this.ledger, sendTo);
    const end = Date.now() + lengthMs;
    const leaving = leavers.work(end);
    for (let part = 0; part <= kills; part++) {
      await this.mishaps(this.options.mishaps);
      const until = end - (lengthMs * (kills - part)) / (kills + 1);
      const killed = part < kills ? pause(Math.max(0, until - Date.now())).then(() => this.kill()) : null;
      await Promise.all([...this.crowd(people, until), marketers.work(until), killed]);
      if (killed) await this.restart(people, marketers);
    }
    await this.settle(people, Promise.all([leaving, leavers.finish()]));
    this.replayed += marketers.replayed;
    const verdict = await this.judged(leavers.complaints);
    return this.told(marketers.done, leavers, verdict);
  }

  private crowd(people: People, until: number): Promise<void>[] {
    return Array.from({ length: CONNECTIONS }, async () => {
      while (Date.now() < until) await people.visit();
    });
  }

  private async start(): Promise<Host> {
    this.host = await startPair({ state: this.state });
    this.client = new Client(this.host.url, CONNECTIONS + 4);
    return this.host;
  }

  /** Sends to whatever runs at the moment. */
  private sender() {
    return (sent: Parameters<Client["send"]>[0]) =>
      this.client ? this.client.send(sent) : Promise.reject(new Error("nothing runs"));
  }

  private async counts(isolate: string, path = "/bench/counts", body?: Mishaps): Promise<Counts> {
    const sent = { method: body ? "PUT" : "GET", path, headers: { "x-isolate": isolate } };
    const reply = await this.sender()({ ...sent, ...(body ? { body: JSON.stringify(body) } : {}) });
    return JSON.parse(reply.body) as Counts;
  }

  private async allCounts(): Promise<Counts[]> {
    return await Promise.all(ISOLATES.map((isolate) => this.counts(isolate)));
  }

  private async mishaps(share: number): Promise<void> {
    const seed = this.random.between(1, 1_000_000);
    for (const isolate of ISOLATES) await this.counts(isolate, "/bench/mishaps", { d1: share, queue: share * 2, seed });
  }

  /** In the middle of everything; what it had counted is asked for just before. */
  private async kill(): Promise<void> {
    this.ended.push(...(await this.allCounts().catch(() => [])));
    if (this.host) process.kill(this.host.pid, "SIGKILL");
    this.kills++;
    this.say(`soak: workerd killed (${this.kills})`);
  }

  private async restart(people: People, marketers: Marketers): Promise<void> {
    this.client?.close();
    await this.host?.stop();
    await this.start();
    const client = this.client;
    // The local queue is in memory: what was answered 202 and not folded yet went with it. Production's is not.
    for (const one of this.ledger.takeQueued()) {
      people.keep(one);
      this.resent++;
    }
    if (client) this.sites = this.sites.map((site) => new BenchSite(client, site));
    people.moveTo(this.sites);
    marketers.moveTo(this.sites);
  }

  /** Without faults: the queue empties, what is kept is sent, dead letters are replayed, webhooks are told the rest. */
  private async settle(people: People, leaving: Promise<unknown>): Promise<void> {
    this.say("soak: faults off; emptying the queue, sending what is kept");
    this.receiver.isFailing = false;
    await this.mishaps(0);
    await leaving;
    await this.emptied();
    for (let round = 0; people.kept.length > 0 && round < FLUSHES; round++) await people.sendKept();
    if (people.kept.length > 0) throw new Error(`${people.kept.length} beacons are not taken, though nothing fails`);
    await this.emptied();
    for (const site of this.sites) await this.replayDead(site);
    await this.allTold();
  }

  private async emptied(): Promise<void> {
    const start = Date.now();
    while ((await this.waiting()) > 0) {
      if (Date.now() - start > DRAIN_MAX_MS) throw new Error(`${await this.waiting()} letters stay in the queue`);
      await pause(250);
    }
  }

  /** Calls webhooks with all that still waits for its time. */
  private async allTold(): Promise<void> {
    this.say("soak: telling webhooks what they have not taken yet");
    const start = Date.now();
    for (;;) {
      const reply = await this.sender()({ method: "GET", path: "/cdn-cgi/handler/scheduled?cron=" });
      if (reply.status !== 200) throw new Error(`the scheduled run failed: ${reply.body}`);
      const statuses = await Promise.all(this.sites.map((site) => site.rest<{ refolding: number }>("/v1/status")));
      const isLeft = statuses.some(({ refolding }) => refolding > 0);
      const { results } = await (await this.database())
        .prepare("SELECT site_id siteId, webhook_id webhook, id FROM deliveries WHERE due_at IS NOT NULL")
        .all<{ siteId: string; webhook: string; id: string }>();
      // New rules reach some leads a run, and what that crosses is announced then.
      if (results.length === 0 && !isLeft) return;
      if (Date.now() - start > DRAIN_MAX_MS) throw new Error(`${results.length} deliveries are not taken`);
      for (const { siteId, webhook, id } of results) {
        const site = this.sites.find((one) => one.id === siteId);
        await site?.rest(`/v1/webhooks/${webhook}/redeliver`, "POST", { delivery: id });
      }
    }
  }

  private replayed = 0;

  private async replayDead(site: BenchSite): Promise<void> {
    for (;;) {
      const { replayed, failed } = await site.rest<{ replayed: number; failed: { detail: string }[] }>(
        "/v1/dead-letters/replay",
        "POST",
        {},
      );
      this.replayed += replayed;
      if (failed[0]) throw new Error(`a dead letter cannot be replayed: ${failed[0].detail}`);
      if (replayed === 0) return;
    }
  }

  /** Letters in the queue. */
  private async waiting(): Promise<number> {
    return (await this.allCounts()).reduce((sum, { posted, acked, buried }) => sum + posted - acked - buried, 0);
  }

  private async database() {
    if (!this.host) throw new Error("nothing runs");
    return await this.host.database();
  }

  private async judged(complaints: readonly string[]): Promise<Verdict> {
    this.say("soak: comparing every lead");
    const verdict = await judge(await this.database(), this.sites, this.ledger, this.receiver);
    return { ...verdict, differences: [...complaints, ...verdict.differences] };
  }

  private async told(marketers: Record<string, number>, leavers: Leavers, verdict: Verdict): Promise<Soaked> {
    const all = [...this.ended, ...(await this.allCounts())];
    const mishaps: Record<string, number> = {};
    for (const one of all)
      for (const [name, count] of Object.entries(one.mishaps)) mishaps[name] = (mishaps[name] ?? 0) + count;
    const sum = (of: (counts: Counts) => number) => all.reduce((total, one) => total + of(one), 0);
    const { statuses, queuedMessages } = this.ledger;
    const proofs = [...this.ledger.proofs.values()];
    const letters = {
      posted: sum(({ posted }) => posted),
      taken: sum(({ acked }) => acked),
      "put back": sum(({ retried }) => retried),
      doomed: sum(({ doomed }) => doomed),
      "died of age": sum(({ buried }) => buried),
      "dead and replayed": this.replayed,
    };
    return {
      options: this.options,
      requests: Object.values(statuses).reduce((total, count) => total + count, 0),
      statuses,
      mishaps,
      queue: { messages: queuedMessages, letters, resent: this.resent },
      webhooks: {
        announcements: this.receiver.announcements,
        calls: this.receiver.calls,
        refused: this.receiver.refused,
      },
      erasures: { erased: leavers.erased, returned: leavers.returned, resent: leavers.resent },
      tokens: { holding: proofs.filter(Boolean).length, others: proofs.filter((holds) => !holds).length },
      marketers,
      kills: this.kills,
      verdict,
    };
  }

  async stop(): Promise<void> {
    this.receiver.stop();
    this.client?.close();
    await this.host?.stop();
  }
}

export async function soak(options: SoakOptions, say: (line: string) => void): Promise<Soaked> {
  const state = mkdtempSync(join(tmpdir(), "kelvin-soak-"));
  const one = new Soak(options, state, say);
  try {
    return await one.run();
  } finally {
    await one.stop();
    rmSync(state, { recursive: true, force: true });
  }
}
