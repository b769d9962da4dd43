/**
 * What personalisation was worth: who was shown which call to action, who clicked it and converted afterwards; and the
 * uplift, leads whose pages were personalised beside leads who were held out.
 */
import type { LoggedEvent } from "./event";
import { eventKey, triggerKey } from "./fields";
import { isConversion, outcomeOf } from "./outcome";
import { heldOutIn, readShown, type Shown, shownIn } from "./shown";
import { difference, type Interval, rate, type Share, wilson } from "./stats";

const CTA_KEY = triggerKey("CTA Clicked");

/** Most lines told apart, and pairs of groups: a site has dozens, but anybody may send names. Later ones are not told. */
const LINES_MAX = 5_000;
/** A larger share of those left out, beside those held out, may itself make a difference. */
const MIXED_MAX_SHARE = 0.1;

/** So many of those shown something. */
export interface Followed {
  count: number;
  rate: number | null;
  /** Wilson, 95 %. */
  interval: Interval | null;
}

export interface ShownLine extends Shown {
  /** Whether the page kept its default for them. */
  heldOut: boolean;
  /** Visitors who saw it; whoever clicks has seen. */
  shown: number;
  clicks: number;
  /** Visitors who clicked. */
  clicked: Followed;
  /** Visitors whose lead was won or converted after they first saw it. */
  converted: Followed;
}

export interface Group {
  leads: number;
  clicked: Followed;
  converted: Followed;
}

/** Share of the personalised less that of the held out. */
export interface Difference {
  difference: number | null;
  /** Newcombe, 95 %. */
  interval: Interval | null;
}

export interface Uplift {
  personalised: Group;
  heldOut: Group;
  clicked: Difference;
  converted: Difference;
  /** Why there is no difference, or why not to trust it; `null`: there is one. */
  note: string | null;
}

type Counts = { of: number; clicked: number; converted: number };
type Pair = { personalised: Counts; heldOut: Counts };
/** Something that a log tells of: who saw what, or clicked it, and when. */
interface Sight {
  shown: Shown;
  visitor: string;
  heldOut: boolean | null;
  isClick: boolean;
  place: number;
  at: number;
}

const none = (): Counts => ({ of: 0, clicked: 0, converted: 0 });

/** Adds up over the logs of many leads. */
export class Personalisation {
  private mixed = 0;
  private readonly found = new Map<string, Shown & { heldOut: boolean; clicks: number } & Counts>();
  private readonly overall: Pair = { personalised: none(), heldOut: none() };
  private readonly pairs = new Map<string, Pair & Pick<Shown, "cta" | "temperature">>();

  /** Takes up a whole log, in accepted order. */
  add(log: readonly LoggedEvent[]): void {
    const sights = log.flatMap(sightsOf);
    const conversions = log.flatMap((event, place) =>
      isConversion(outcomeOf(event)) ? [{ place, at: event.timestamp }] : [],
    );
    // What was recorded before it, or is dated before it, did not follow from it.
    const converted = ({ place, at }: Sight) => conversions.some((one) => one.place > place && one.at >= at);
    this.addLines(sights, converted);
    this.addGroups(sights, converted);
  }

  private addLines(sights: readonly Sight[], converted: (sight: Sight) => boolean): void {
    const lines = groupedBy(sights, ({ shown, heldOut }) => JSON.stringify([shown, heldOut === true]));
    for (const [key, mine] of lines) {
      const [first] = mine;
      if (!first) continue;
      const line = entry(this.found, key, () => ({
        ...first.shown,
        heldOut: first.heldOut === true,
        clicks: 0,
        ...none(),
      }));
      if (!line) continue;
      line.clicks += mine.filter(({ isClick }) => isClick).length;
      for (const one of groupedBy(mine, ({ visitor }) => visitor).values()) count(line, one, converted);
    }
  }

  /** Only what says to which group it belongs takes part: before a site held anybody out, nobody could be compared. */
  private addGroups(sights: readonly Sight[], converted: (sight: Sight) => boolean): void {
    const known = sights.filter(({ heldOut }) => heldOut !== null);
    const [first] = known;
    if (!first) return;
    if (known.some(({ heldOut }) => heldOut !== first.heldOut)) {
      this.mixed++;
      return;
    }
    const group = first.heldOut ? "heldOut" : "personalised";
    count(this.overall[group], known, converted);
    const byCta = groupedBy(known, ({ shown }) => JSON.stringify([shown.cta, shown.temperature]));
    for (const [key, mine] of byCta) {
      const { cta = null, temperature = null } = mine[0]?.shown ?? {};
      const pair = entry(this.pairs, key, () => ({ cta, temperature, personalised: none(), heldOut: none() }));
      if (pair) count(pair[group], mine, converted);
    }
  }

  /** By call to action, variant, temperature and group, most shown first. */
  lines(): ShownLine[] {
    return [...this.found.values()]
      .sort((a, b) => b.of - a.of || b.clicks - a.clicks)
      .map(({ cta, variant, temperature, heldOut, clicks, ...counts }) => {
        const { of: shown, clicked, converted } = counts;
        return {
          cta,
          variant,
          temperature,
          heldOut,
          shown,
          clicks,
          clicked: followed({ hits: clicked, of: shown }),
          converted: followed({ hits: converted, of: shown }),
        };
      });
  }

  /** Of all leads, from the first call to action that they saw. */
  uplift(): Uplift & { mixed: number } {
    const { mixed } = this;
    const { note, ...found } = upliftOf(this.overall);
    const isMuch = mixed > this.overall.heldOut.of * MIXED_MAX_SHARE;
    return { ...found, mixed, note: note ?? (isMuch ? mixedNote(mixed) : null) };
  }

  /** Of those who saw one call to action at one temperature, most first. */
  uplifts(): (Pick<Shown, "cta" | "temperature"> & Uplift)[] {
    const size = ({ personalised, heldOut }: Pair) => personalised.of + heldOut.of;
    return [...this.pairs.values()]
      .sort((a, b) => size(b) - size(a))
      .map(({ cta, temperature, ...pair }) => ({ cta, temperature, ...upliftOf(pair) }));
  }
}

/** What an event says was seen. A click is a sight: the tag may not have been in time to tell of the one before it. */
function sightsOf(event: LoggedEvent, place: number): Sight[] {
  if (event.machine || event.pruned || event.type !== "track") return [];
  const isClick = eventKey(event) === CTA_KEY;
  const shown = isClick ? [readShown(event.properties)] : shownIn(event);
  const { visitor, timestamp: at } = event;
  return shown.map((one) => ({ shown: one, visitor, heldOut: heldOutIn(event), isClick, place, at }));
}

/** The entry of a key, made where there is none yet; `null`: there are too many. */
function entry<T>(all: Map<string, T>, key: string, make: () => T): T | null {
  const found = all.get(key) ?? (all.size < LINES_MAX ? make() : null);
  if (found) all.set(key, found);
  return found;
}

/** Counts one lead, or one visitor, by all its sights of something. */
function count(counts: Counts, sights: readonly Sight[], converted: (sight: Sight) => boolean): void {
  counts.of++;
  if (sights.some(({ isClick }) => isClick)) counts.clicked++;
  if (sights.some(converted)) counts.converted++;
}

function groupedBy<T>(all: readonly T[], keyOf: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const group = groups.get(keyOf(one)) ?? [];
    groups.set(keyOf(one), group);
    group.push(one);
  }
  return groups;
}

function followed(share: Share): Followed {
  return { count: share.hits, rate: rate(share), interval: wilson(share) };
}

function upliftOf({ personalised, heldOut }: Pair): Uplift {
  const compared = (what: "clicked" | "converted"): Difference =>
    difference({ hits: personalised[what], of: personalised.of }, { hits: heldOut[what], of: heldOut.of }) ?? {
      difference: null,
      interval: null,
    };
  return {
    personalised: groupOf(personalised),
    heldOut: groupOf(heldOut),
    clicked: compared("clicked"),
    converted: compared("converted"),
    note: upliftNote(personalised.of, heldOut.of),
  };
}

function groupOf({ of: leads, clicked, converted }: Counts): Group {
  return {
    leads,
    clicked: followed({ hits: clicked, of: leads }),
    converted: followed({ hits: converted, of: leads }),
  };
}

function upliftNote(personalised: number, heldOut: number): string | null {
  if (heldOut === 0)
    return 'Nobody was held out, so there is nothing to compare with: set data-holdout="10" on the tag.';
  if (personalised === 0) return "Everybody was held out, so there is nothing to compare: lower data-holdout.";
  return null;
}

function mixedNote(mixed: number): string {
  return `${mixed} leads were seen in both groups and are left out: too many beside those held out to trust the difference.`;
}
