/**
 * How many requests a minute an address and a visitor may make, refused before anything is asked of the database. Two
 * layers: what this isolate counted itself, exact and free; then Cloudflare's rate limit bindings, where they are bound,
 * which also know of the other isolates. Nothing of it is stored: an address is in memory for a minute at most.
 */
import type { Env } from "./env";
import { Failure } from "./failure";

/** Requests a minute where nothing else is set. A page sends a few; an office behind one address has many of them. */
export const ADDRESS_PER_MINUTE = 600;
export const VISITOR_PER_MINUTE = 120;

const MINUTE_MS = 60_000;
/** Most addresses, and most visitors, counted in a minute: past it new ones are let through uncounted. About 10 MB. */
export const COUNTED_MAX = 20_000;

export type LimitSettings = Pick<
  Partial<Env>,
  "RATE_ADDRESS_PER_MINUTE" | "RATE_VISITOR_PER_MINUTE" | "RATE_ADDRESS" | "RATE_VISITOR"
>;

export class Limits {
  private readonly addresses: FixedWindow;
  private readonly visitors: FixedWindow;

  /** Throws where a setting is no number: a limit that is not what somebody meant must not go unnoticed. */
  constructor(clock: () => number, settings: LimitSettings = {}) {
    const perAddress = mostOf(settings, "RATE_ADDRESS_PER_MINUTE", ADDRESS_PER_MINUTE);
    const perVisitor = mostOf(settings, "RATE_VISITOR_PER_MINUTE", VISITOR_PER_MINUTE);
    this.addresses = new FixedWindow(clock, perAddress, settings.RATE_ADDRESS);
    this.visitors = new FixedWindow(clock, perVisitor, settings.RATE_VISITOR);
  }

  /**
   * Counts a request of an address, whatever site it is for: naming others must not buy more. Those with a key that is
   * not known yet are counted apart, so that a right one is looked up whatever else comes from there. Throws
   * `rate_limited`.
   */
  async takeAddress(address: string, hasKey = false): Promise<void> {
    await this.addresses.take([`${networkOf(address)}${hasKey ? " key" : ""}`], "from one address");
  }

  /** Counts a request once for each visitor or user that it names by key. Throws `rate_limited`. */
  async takeVisitors(siteId: string, keys: readonly string[]): Promise<void> {
    await this.visitors.take(
      [...new Set(keys)].map((key) => `${siteId} ${key}`),
      "of one visitor",
    );
  }
}

/** Counts by key in windows of a minute. */
class FixedWindow {
  private counts = new Map<string, number>();
  private minute = 0;

  constructor(
    private readonly clock: () => number,
    /** 0: no limit. */
    private readonly most: number,
    private readonly binding: RateLimit | undefined,
  ) {}

  async take(keys: readonly string[], whose: string): Promise<void> {
    if (this.most === 0) return;
    const now = this.clock();
    const minute = Math.floor(now / MINUTE_MS);
    if (minute !== this.minute) this.counts = new Map();
    this.minute = minute;
    if (!this.takeHere(keys) || !(await this.takeElsewhere(keys))) {
      const retryAfterS = Math.ceil(((minute + 1) * MINUTE_MS - now) / 1000);
      const detail = `At most ${this.most} requests a minute ${whose}: send several messages in one, or wait.`;
      throw new Failure("rate_limited", detail, undefined, retryAfterS);
    }
  }

  private takeHere(keys: readonly string[]): boolean {
    if (keys.some((key) => (this.counts.get(key) ?? 0) >= this.most)) return false;
    for (const key of keys) {
      const count = this.counts.get(key);
      if (count !== undefined || this.counts.size < COUNTED_MAX) this.counts.set(key, (count ?? 0) + 1);
    }
    return true;
  }

  private async takeElsewhere(keys: readonly string[]): Promise<boolean> {
    const { binding } = this;
    if (!binding) return true;
    // Where the platform's counter is out of order ours has to do: events matter more.
    const asked = keys.map((key) => binding.limit({ key }).catch(() => ({ success: true })));
    return (await Promise.all(asked)).every(({ success }) => success);
  }
}

function mostOf(
  settings: LimitSettings,
  name: "RATE_ADDRESS_PER_MINUTE" | "RATE_VISITOR_PER_MINUTE",
  usual: number,
): number {
  const text = settings[name];
  if (text === undefined) return usual;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Error(`${name} is "${text}"; it must be a number of requests a minute, or 0 for no limit.`);
}

/** What of an address is one customer's: all of IPv4, the first four groups of IPv6, whose rest anybody may vary. */
function networkOf(address: string): string {
  if (!address.includes(":") || address.includes(".")) return address;
  const [left = "", right] = address.split("::");
  const head = left === "" ? [] : left.split(":");
  const tail = right ? right.split(":") : [];
  const zeros = new Array<string>(Math.max(0, 8 - head.length - tail.length)).fill("0");
  return [...head, ...zeros, ...tail].slice(0, 4).join(":");
}
