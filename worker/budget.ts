/**
 * How many events a site may have in a UTC day under its public write key. The isolate counts what it accepts and notes
 * it now and then with the very batch that writes the leads; the answer tells what all isolates noted. A site's first
 * event of a day is always noted, so an isolate knows of the others from the start.
 */
import { DAY_MS } from "./core/duration";
import type { Site } from "./db/sites";
import type { UsageNote } from "./db/write";
import { Failure } from "./failure";

/** Events between two notes: an isolate is behind the others by so many at most, or by a hundredth of a small budget. */
const STEP_MAX = 100;
const STEP_PART = 0.01;

interface Usage {
  /** Events noted by all isolates, as last heard; `null`: not heard yet. */
  noted: number | null;
  /** Accepted here and not noted yet. */
  pending: number;
}

type Budgeted = Pick<Site, "id" | "dailyEvents">;

export class Budget {
  private day = 0;
  private usages = new Map<string, Usage>();

  constructor(private readonly clock: () => number) {}

  /** Throws `over_budget` where a site is known to have had its events of the day. */
  require(site: Budgeted): void {
    const { noted, pending } = this.usageOf(site);
    if (site.dailyEvents !== null && (noted ?? 0) + pending >= site.dailyEvents) throw this.over(site);
  }

  /** Counts events that are about to be written; returns what is to be noted with them, if anything. */
  count(site: Budgeted, events: number): UsageNote | null {
    if (site.dailyEvents === null || events === 0) return null;
    const usage = this.usageOf(site);
    usage.pending += events;
    const step = Math.max(1, Math.min(STEP_MAX, Math.floor(site.dailyEvents * STEP_PART)));
    if (usage.noted !== null && usage.pending < step) return null;
    const note = { day: this.day, events: usage.pending, most: site.dailyEvents };
    usage.pending = 0;
    return note;
  }

  /** What the note was answered with. */
  heard(site: Budgeted, noted: number | null): void {
    const usage = this.usageOf(site);
    if (noted !== null) usage.noted = Math.max(usage.noted ?? 0, noted);
  }

  /** Takes back what was counted: it was not written, and so were earlier events of its note not noted. */
  takeBack(site: Budgeted, events: number, note: UsageNote | null): void {
    const usage = this.usageOf(site);
    if (site.dailyEvents === null || (note && note.day !== this.day)) return;
    usage.pending = Math.max(0, usage.pending + (note?.events ?? 0) - events);
  }

  /** The database refused a note: other isolates used up the budget. Returns the failure to be told. */
  spend(site: Budgeted): Failure {
    this.heard(site, site.dailyEvents);
    return this.over(site);
  }

  private over({ dailyEvents }: Budgeted): Failure {
    const retryAfterS = Math.ceil(((this.day + 1) * DAY_MS - this.clock()) / 1000);
    const detail = `The site has had its ${dailyEvents} events of this UTC day; its setting dailyEvents says how many.`;
    return new Failure("over_budget", detail, undefined, Math.max(1, retryAfterS));
  }

  private usageOf({ id }: Budgeted): Usage {
    const day = Math.floor(this.clock() / DAY_MS);
    if (day !== this.day) this.usages = new Map();
    this.day = day;
    const usage = this.usages.get(id) ?? { noted: null, pending: 0 };
    this.usages.set(id, usage);
    return usage;
  }
}
