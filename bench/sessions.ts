/**
 * Visitors who behave like people on a company's site, the same for the bench and for the soak: what the tag would send
 * of their visits, beacon by beacon. From a seed, so that a run can be repeated.
 */
import { Random } from "./random.ts";

export type Message = Record<string, unknown> & { messageId: string };

/** What comes in one request of a visitor. */
export interface Beacon {
  visitor: string;
  messages: Message[];
}

/** What kind of visit it is. */
export type Kind = keyof typeof MIX;

/**
 * Shares of visits. About half of a company site's visits are one page, few are somebody who buys, and one in a hundred
 * says who they are: orders of magnitude of published site statistics, not of any one site.
 */
export const MIX = { bounce: 45, reader: 35, buyer: 8, returning: 10, identify: 2 } as const;

/** How often somebody is on a page for a second, or scrolls: then the tag tells of it when the page is left. */
const STAYS = 0.9;

const PAGES = {
  landing: ["/", "/product", "/blog/one", "/blog/two", "/blog/three"],
  reading: ["/", "/product", "/blog/one", "/blog/two", "/blog/three", "/docs/start", "/careers", "/about"],
  buying: ["/pricing", "/pricing/teams", "/case-studies/acme", "/case-studies/zeta", "/product", "/features/api"],
} as const;
const REFERRERS = ["https://www.google.com/", "https://www.linkedin.com/", "https://news.example/", ""] as const;
const TITLES = ["VP Sales", "Marketing Manager", "Chief Operating Officer", "Student", "Engineer"] as const;
const AGENT = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/153.0.0.0 Safari/537.36";

/** Visits one after the other; some are of visitors who were there before. */
export class Sessions {
  readonly random: Random;
  private readonly seen: string[] = [];
  private visitors = 0;
  private ids = 0;
  private readonly prefix: string;
  private readonly now: () => number;
  private readonly visitorsMax: number;

  /** `prefix` keeps ids of different runs apart; `now` in ms; at most `visitorsMax` visitors, who then come again. */
  constructor(seed: number, prefix: string, now: () => number, visitorsMax = Number.POSITIVE_INFINITY) {
    this.random = new Random(seed);
    this.prefix = prefix;
    this.now = now;
    this.visitorsMax = visitorsMax;
  }

  /** The beacons of a visit, in their order. */
  visit(kind: Kind = this.random.weighted(MIX)): Beacon[] {
    const isNew = this.seen.length === 0 || (kind !== "returning" && this.visitors < this.visitorsMax);
    const visitor = isNew ? this.newVisitor() : this.random.pick(this.seen as [string, ...string[]]);
    return this.steps(visitor, kind).map((messages) => ({ visitor, messages }));
  }

  /** A visitor seen before, if there was any. */
  someone(): string | null {
    return this.seen.length === 0 ? null : this.random.pick(this.seen as [string, ...string[]]);
  }

  private newVisitor(): string {
    const visitor = `${this.prefix}-v${this.visitors++}`;
    this.seen.push(visitor);
    return visitor;
  }

  private steps(visitor: string, kind: Kind): Message[][] {
    const { random } = this;
    if (kind === "bounce") {
      const stays = random.isLucky(STAYS) ? [this.engaged(visitor, "/", random.between(2, 20))] : [];
      return [[this.page(visitor, random.pick(PAGES.landing), true)], ...stays.map((one) => [one])];
    }
    const pages = random.between(2, kind === "buyer" ? 9 : 6);
    const steps: Message[][] = [];
    for (let i = 0; i < pages; i++) {
      const isBuying = kind === "buyer" && i > 0;
      const path = isBuying ? random.pick(PAGES.buying) : random.pick(i === 0 ? PAGES.landing : PAGES.reading);
      steps.push([this.page(visitor, path, i === 0)]);
      if (random.isLucky(STAYS)) steps.push([this.engaged(visitor, path, random.between(5, 240))]);
      if (random.isLucky(isBuying ? 0.5 : 0.1)) steps.push([this.click(visitor, path)]);
    }
    if (kind === "buyer" && random.isLucky(0.5)) steps.push([this.form(visitor), this.identify(visitor)]);
    if (kind === "identify") steps.push([this.identify(visitor)]);
    return this.joined(steps);
  }

  /** Beacons that the tag sends as one: in a single-page application a page is left when the next is there. */
  private joined(steps: Message[][]): Message[][] {
    const joined: Message[][] = [];
    for (const step of steps) {
      const last = joined.at(-1);
      if (last && this.random.isLucky(0.3)) last.push(...step);
      else joined.push([...step]);
    }
    return joined;
  }

  message(visitor: string, more: Record<string, unknown>): Message {
    return {
      messageId: `${this.prefix}-m${this.ids++}`,
      anonymousId: visitor,
      timestamp: new Date(this.now()).toISOString(),
      ...more,
      context: { userAgent: AGENT, ...(more.context ?? {}) },
    };
  }

  page(visitor: string, path: string, isFirst = false): Message {
    const { random } = this;
    const referrer = isFirst ? random.pick(REFERRERS) : "https://shop.example/";
    const campaign = isFirst && random.isLucky(0.2) ? { source: "news", medium: "email", name: "spring" } : undefined;
    const properties = { path, url: `https://shop.example${path}`, title: `Page ${path}`, referrer };
    return this.message(visitor, { type: "page", properties, context: campaign ? { campaign } : {} });
  }

  engaged(visitor: string, path: string, seconds: number): Message {
    const properties = { path, seconds, scroll: this.random.between(5, 100) };
    return this.message(visitor, { type: "track", event: "Page Engaged", properties });
  }

  private click(visitor: string, path: string): Message {
    const more = this.random.pick<Record<string, unknown>>([
      { event: "CTA Clicked", properties: { path, cta: "demo", variant: "a", temperature: "cold" } },
      { event: "File Downloaded", properties: { path, file: `guide-${this.random.between(1, 9)}.pdf` } },
      { event: "Link Clicked", properties: { path, url: "https://partner.example/" } },
    ]);
    return this.message(visitor, { type: "track", ...more });
  }

  private form(visitor: string): Message {
    const form = this.random.pick(["demo", "webinar", "contact"]);
    return this.message(visitor, { type: "track", event: "Form Submitted", properties: { path: "/pricing", form } });
  }

  identify(visitor: string): Message {
    const title = this.random.pick(TITLES);
    const company = this.random.pick(["acme", "zeta", "gmail"]);
    const traits = { email: `${visitor}@${company}.example`, title, employees: this.random.between(1, 2_000) };
    return this.message(visitor, { type: "identify", traits });
  }
}
