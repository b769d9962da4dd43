/**
 * Which letters were put back, so that later ones of the same visitor wait behind them however the queue brings them:
 * events are folded in the order in which they were accepted. Only what this isolate knows, which the queue's one
 * consumer mostly stays; another folds what comes.
 */
import type { Letter } from "./backlog";

/** How long after its time a letter is waited for, ms: the queue may be late; or it has given the letter up. */
const MISSED_MS = 60_000;
/** Most visitors remembered; past it all are forgotten, and order is left to the queue. */
const REMEMBERED_MAX = 20_000;

interface PutBack {
  place: Place;
  /** When the queue brings it again, ms. */
  dueAt: number;
}

/** When a letter was accepted, and where in its batch it begins. */
type Place = readonly [acceptedAt: number, index: number];

export class Behind {
  private readonly visitors = new Map<string, PutBack[]>();

  constructor(private readonly clock: () => number) {}

  /** Notes that a letter comes again at an instant, ms. */
  putBack(letter: Letter, dueAt: number): void {
    if (this.visitors.size > REMEMBERED_MAX) this.visitors.clear();
    const place = placeOf(letter);
    this.visitors.set(nameOf(letter), [...this.without(letter), { place, dueAt }]);
  }

  /** Notes that a letter was folded, or put away. */
  done(letter: Letter): void {
    const left = this.without(letter);
    if (left.length > 0) this.visitors.set(nameOf(letter), left);
    else this.visitors.delete(nameOf(letter));
  }

  /** When the letters that a letter has to wait for are due, ms, but for those that came with it; `null`: there are none. */
  waitsFor(letter: Letter, batch: readonly Letter[]): number | null {
    const place = placeOf(letter);
    const isHere = (one: Place) =>
      batch.some((other) => nameOf(other) === nameOf(letter) && isSame(placeOf(other), one));
    const before = this.without(letter).filter((one) => compare(one.place, place) < 0 && !isHere(one.place));
    return before.length === 0 ? null : Math.max(...before.map(({ dueAt }) => dueAt));
  }

  /** Whether something put back is still to come under one of these keys: what is sent now is to wait behind it. */
  isAwaited(siteId: string, keys: readonly string[]): boolean {
    if (this.visitors.size === 0) return false;
    const since = this.clock() - MISSED_MS;
    return keys.some((key) => this.visitors.get(`${siteId} ${key}`)?.some(({ dueAt }) => dueAt > since));
  }

  /** What was put back of a letter's visitor and is still to come, without the letter itself. */
  private without(letter: Letter): PutBack[] {
    const since = this.clock() - MISSED_MS;
    const all = this.visitors.get(nameOf(letter)) ?? [];
    return all.filter(({ place, dueAt }) => dueAt > since && !isSame(place, placeOf(letter)));
  }
}

/** Letters in the order in which their events were accepted. */
export const byAcceptance = (one: Letter, other: Letter) => compare(placeOf(one), placeOf(other));

const nameOf = ({ siteId, key }: Letter) => `${siteId} ${key}`;
const placeOf = ({ acceptedAt, events }: Letter): Place => [acceptedAt, events[0]?.index ?? 0];
const compare = (one: Place, other: Place) => one[0] - other[0] || one[1] - other[1];
const isSame = (one: Place, other: Place) => compare(one, other) === 0;
