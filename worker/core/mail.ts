/** Mail domains that anybody can have an address at. */
import { hash53 } from "./text";

/**
 * The domains of lists/free-mail.list as their 32-bit hashes, in order. A domain that is not among them is taken for one
 * of n by a chance of n in 2^32: of 300,000 companies one.
 */
let known: Uint32Array | null = null;

/** Takes the list, as tools/build.ts packs it: it is a file beside the Worker, for in it it would be a fifth of it. */
export function learnFreeMail(list: ArrayBuffer): void {
  known = new Uint32Array(list);
}

export const isFreeMailKnown = () => known !== null;

/** Whether anybody can have an address at the domain (lower case), as at gmail.com. */
export function isFreeMail(domain: string): boolean {
  if (!known) throw new Error("the list of free mail domains has not been read");
  const hash = hash53(domain) % 2 ** 32;
  let from = 0;
  let to = known.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    const found = known[middle] ?? 0;
    if (found === hash) return true;
    if (found < hash) from = middle + 1;
    else to = middle;
  }
  return false;
}
