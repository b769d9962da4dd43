/** Clicks on calls to action, by what was shown to whom, and who of those that clicked converted afterwards. */
import type { LoggedEvent } from "./event";
import { eventKey, triggerKey } from "./fields";
import { isConversion, outcomeOf } from "./outcome";
import { dig } from "./read";

const CTA_KEY = triggerKey("CTA Clicked");

/** Longest name told apart; the tag's are short, and anybody may send what they like. */
const NAME_MAX_CHARS = 200;

/** What was clicked, as the tag says it; `null`: it did not say. */
export interface Shown {
  cta: string | null;
  variant: string | null;
  temperature: string | null;
}

export interface Clicked extends Shown {
  clicks: number;
  /** Visitors who clicked. */
  visitors: number;
  /** Those whose lead was won or converted afterwards. */
  converted: number;
}

/** Adds up clicks over the logs of many leads. */
export class Clicks {
  private readonly found = new Map<string, Clicked>();

  /** Takes up a whole log, in accepted order. */
  add(log: readonly LoggedEvent[]): void {
    const conversions = log.flatMap((event, place) =>
      isConversion(outcomeOf(event)) ? [{ place, at: event.timestamp }] : [],
    );
    const seen = new Map<string, boolean>();
    for (const [place, event] of log.entries()) {
      if (event.machine || event.pruned || eventKey(event) !== CTA_KEY) continue;
      const said = (name: string) => text(dig(event.properties, name));
      const shown = { cta: said("cta"), variant: said("variant"), temperature: said("temperature") };
      const key = JSON.stringify(shown);
      const sum = this.found.get(key) ?? { ...shown, clicks: 0, visitors: 0, converted: 0 };
      this.found.set(key, sum);
      sum.clicks++;
      const visitor = JSON.stringify([key, event.visitor]);
      const counted = seen.get(visitor);
      const converted = counted || conversions.some((one) => one.place > place && one.at >= event.timestamp);
      if (counted === undefined) sum.visitors++;
      if (converted && !counted) sum.converted++;
      seen.set(visitor, converted);
    }
  }

  /** All of them, most clicked first. */
  sums(): Clicked[] {
    return [...this.found.values()].sort((a, b) => b.clicks - a.clicks);
  }
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value.slice(0, NAME_MAX_CHARS) : null;
}
