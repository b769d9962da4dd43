/** Things that happened, each with its time and an amount: lists side by side, oldest first, bounded. */

export interface Occurrences {
  /** ms */
  times: number[];
  values: number[];
}

/** Most live occurrences of a rule or counter that are kept apart; past it the two oldest are merged. */
export const OCCURRENCES_MAX = 500;

/** Adds one, in place, unless it is dead; what is dead, at or before `limit`, is dropped. */
export function addOccurrence(list: Occurrences, at: number, value: number, limit: number): void {
  const { times, values } = list;
  let dead = 0;
  while (dead < times.length && (times[dead] ?? 0) <= limit) dead++;
  if (dead > 0) {
    times.splice(0, dead);
    values.splice(0, dead);
  }
  if (at <= limit) return;
  let place = times.length;
  while (place > 0 && (times[place - 1] ?? 0) > at) place--;
  times.splice(place, 0, at);
  values.splice(place, 0, value);
  if (times.length > OCCURRENCES_MAX) mergeOldest(list);
}

/** Makes one of the two oldest, at the newer's time. */
export function mergeOldest({ times, values }: Occurrences): void {
  values.splice(0, 2, (values[0] ?? 0) + (values[1] ?? 0));
  times.shift();
}

/** Times as differences, which are shorter to write down. */
export function packed({ times, values }: Occurrences): Occurrences {
  return { times: times.map((at, i) => at - (times[i - 1] ?? 0)), values };
}

/** The inverse of `packed`, in place. */
export function unpacked(list: Occurrences): Occurrences {
  const { times } = list;
  for (let i = 1; i < times.length; i++) times[i] = (times[i] ?? 0) + (times[i - 1] ?? 0);
  return list;
}

/** Two lists as one. */
export function joinedLists(a: Occurrences, b: Occurrences): Occurrences {
  const all = [a, b].flatMap(({ times, values }) => times.map((at, i) => ({ at, value: values[i] ?? 0 })));
  all.sort((one, other) => one.at - other.at);
  return { times: all.map(({ at }) => at), values: all.map(({ value }) => value) };
}
