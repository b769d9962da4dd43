/**
 * Visitors of several sites, and how their browsers send: in time or late, twice at once, again later, to whichever
 * isolate; what was not answered is kept and sent again with the same ids.
 */
import type { Reply, Sent } from "../load.ts";
import type { BenchSite } from "../measure/site.ts";
import { Random } from "../random.ts";
import { type Beacon, Sessions } from "../sessions.ts";
import type { Ledger, Outgoing } from "./ledger.ts";
import { post } from "./post.ts";
import { identified } from "./proof.ts";

const DAY_MS = 86_400_000;
/** What the visits of a soak are spread over, as their browsers' clocks say. */
const SPREAD_MS = 20 * DAY_MS;
/** Between two beacons of a visit. */
const STEP_MS = 20_000;
/** Beacons sent before that may be sent again. */
const REMEMBERED = 500;

/** Kept beacons sent at once in the end. */
const KEPT_AT_ONCE = 8;

/** How often what happens, 0 to 1. */
const CHANCE = {
  late: 0.05,
  twice: 0.05,
  again: 0.05,
  together: 0.2,
  join: 0.02,
  borrowed: 0.01,
  token: 0.1,
  same: 0.3,
};

export type SendTo = (sent: Sent) => Promise<Reply>;

/** Beacons that are to be sent, with their site. */
interface Kept extends Outgoing {
  /** Which of the sites. */
  site: number;
}

export class People {
  readonly kept: Kept[] = [];
  private readonly remembered: Kept[] = [];
  private readonly sessions: Sessions[];
  private readonly random: Random;
  private readonly start = Date.now();
  private joins = 0;
  private logins = 0;
  private readonly ledger: Ledger;
  private sites: readonly BenchSite[];
  private readonly lengthMs: number;
  private readonly sendTo: SendTo;

  constructor(options: {
    seed: number;
    sites: readonly BenchSite[];
    visitors: number;
    lengthMs: number;
    ledger: Ledger;
    sendTo: SendTo;
  }) {
    const { seed, sites, visitors } = options;
    this.random = new Random(seed);
    this.sites = sites;
    this.lengthMs = options.lengthMs;
    this.ledger = options.ledger;
    this.sendTo = options.sendTo;
    const most = Math.ceil(visitors / sites.length);
    this.sessions = sites.map((_, i) => new Sessions(seed + i, `s${i}`, () => Date.now(), most));
  }

  /** After a restart. */
  moveTo(sites: readonly BenchSite[]): void {
    this.sites = sites;
  }

  /** One visit from its beginning to its end, and what is sent besides. */
  async visit(): Promise<void> {
    const { random } = this;
    const site = random.between(0, this.sites.length - 1);
    const sessions = this.sessions[site];
    if (!sessions) return;
    let at = this.instant();
    for (const beacon of this.apart(sessions.visit())) {
      at += STEP_MS;
      const one = { site, beacon: timed(beacon, at) };
      if (random.isLucky(CHANCE.late)) this.kept.push(one);
      else await this.sendNow(one);
    }
    await this.besides(site, sessions, at);
    const late =
      this.kept.length > 0 && random.isLucky(0.5) ? this.kept.splice(random.between(0, this.kept.length - 1), 1) : [];
    for (const one of late) await this.send(one);
  }

  /** Everything that is still kept; what fails again stays. */
  async sendKept(): Promise<void> {
    const work = this.kept.splice(0).values();
    const some = async () => {
      for (const one of work) await this.send(one);
    };
    await Promise.all(Array.from({ length: KEPT_AT_ONCE }, some));
  }

  /** What was answered `202` before the queue was lost, to be sent again. */
  keep(one: Outgoing): void {
    this.kept.push({ site: Number(/^s(\d+)-/.exec(one.beacon.visitor)?.[1]), ...one });
  }

  /** Where the browsers' clocks stand: the soak's time, spread over days. */
  private instant(): number {
    const share = Math.min(1, (Date.now() - this.start) / this.lengthMs);
    return Date.now() - SPREAD_MS * (1 - share) - this.random.between(0, DAY_MS / 2);
  }

  /** Messages of several beacons in one, now and then. */
  private apart(beacons: Beacon[]): Beacon[] {
    const [first, ...others] = beacons;
    if (!first || !this.random.isLucky(CHANCE.together)) return beacons;
    return [{ visitor: first.visitor, messages: [first, ...others].flatMap(({ messages }) => messages) }];
  }

  private async sendNow(one: Kept): Promise<void> {
    const { random } = this;
    this.remember(one);
    const copies = random.isLucky(CHANCE.twice) ? [this.send(one), this.send(one)] : [this.send(one)];
    await Promise.all(copies);
    const before =
      this.remembered.length > 0 && random.isLucky(CHANCE.again)
        ? random.pick(this.remembered as [Kept, ...Kept[]])
        : null;
    if (before) await this.send(before);
  }

  private remember(one: Kept): void {
    this.remembered.push(one);
    if (this.remembered.length > REMEMBERED) this.remembered.shift();
  }

  /** Joins proved by a server, and claims of somebody else's address. */
  private async besides(site: number, sessions: Sessions, at: number): Promise<void> {
    const { random } = this;
    const [one, other] = [sessions.someone(), sessions.someone()];
    if (!one || !other) return;
    if (random.isLucky(CHANCE.join)) {
      const userId = `u${this.joins++}`;
      for (const visitor of [one, other]) {
        const message = sessions.message(visitor, { type: "identify", userId });
        await this.send({ site, beacon: timed({ visitor, messages: [message] }, at), isTrusted: true });
      }
    }
    if (random.isLucky(CHANCE.token)) await this.prove(site, sessions, one, at);
    if (random.isLucky(CHANCE.borrowed)) {
      const claim = sessions.message(one, { type: "identify", traits: { email: `${other}@acme.example` } });
      await this.send({ site, beacon: timed({ visitor: one, messages: [claim] }, at) });
    }
  }

  /** Somebody logs in, who may have done so in another browser too. */
  private async prove(site: number, sessions: Sessions, visitor: string, at: number): Promise<void> {
    const shop = this.sites[site];
    if (!shop) return;
    const userId = `t${this.random.isLucky(CHANCE.same) ? this.random.between(0, this.logins) : ++this.logins}`;
    const { message, isProved } = await identified(shop, sessions, visitor, userId, this.random);
    this.ledger.proofs.set(message.messageId, isProved);
    await this.sendNow({ site, beacon: timed({ visitor, messages: [message] }, at) });
  }

  private async send(one: Kept): Promise<void> {
    const site = this.sites[one.site];
    if (!site) throw new Error(`nobody's visitor: ${one.beacon.visitor}`);
    const status = await post(site, this.sendTo, this.ledger, this.random, one);
    if (status === 0 || status >= 429) this.kept.push(one);
  }
}

function timed({ visitor, messages }: Beacon, at: number): Beacon {
  const timestamp = new Date(Math.min(at, Date.now())).toISOString();
  return { visitor, messages: messages.map((message) => ({ ...message, timestamp })) };
}
