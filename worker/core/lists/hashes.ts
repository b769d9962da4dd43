/**
 * A set of texts as their 32-bit hashes, packed: half the bytes of the texts themselves after compression. A text that
 * is not in it is taken for one of n by a chance of n in 2^32.
 *
 * Packed are the hashes in order, as the gaps between them, each in Rice's code: its quotient by 2^k in ones and a zero,
 * then k bits of remainder; and all bits as base64 (Rice, R. F.: Some Practical Universal Noiseless Coding Techniques,
 * JPL 79-22, 1979). Nothing is imported here, so that the script that makes the lists can use it too.
 */

export interface PackedHashes {
  /** How many there are. */
  readonly count: number;
  /** Bits of a remainder. */
  readonly k: number;
  readonly bits: string;
}

/** Packs hashes, each a whole number below 2^32. */
export function pack(hashes: readonly number[]): PackedHashes {
  const sorted = [...new Set(hashes)].sort((a, b) => a - b);
  const k = Math.max(0, Math.floor(Math.log2(2 ** 32 / Math.max(1, sorted.length))));
  let bits = "";
  let last = 0;
  for (const hash of sorted) {
    const gap = hash - last;
    bits += `${"1".repeat(Math.floor(gap / 2 ** k))}0${k > 0 ? (gap % 2 ** k).toString(2).padStart(k, "0") : ""}`;
    last = hash;
  }
  const bytes = bits.match(/.{1,8}/g) ?? [];
  const packed = bytes.map((byte) => String.fromCharCode(Number.parseInt(byte.padEnd(8, "0"), 2)));
  return { count: sorted.length, k, bits: btoa(packed.join("")) };
}

/** The hashes again, in order. */
export function unpack({ count, k, bits }: PackedHashes): Uint32Array {
  const bytes = atob(bits);
  let at = 0;
  const bit = () => {
    const byte = bytes.charCodeAt(at >> 3);
    return (byte >> (7 - (at++ & 7))) & 1;
  };
  const hashes = new Uint32Array(count);
  let last = 0;
  for (let i = 0; i < count; i++) {
    let gap = 0;
    while (bit() === 1) gap += 2 ** k;
    for (let place = k - 1; place >= 0; place--) gap += bit() * 2 ** place;
    last += gap;
    hashes[i] = last;
  }
  return hashes;
}

/** Whether a hash is among those in order. */
export function has(hashes: Uint32Array, hash: number): boolean {
  let from = 0;
  let to = hashes.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    const found = hashes[middle] ?? 0;
    if (found === hash) return true;
    if (found < hash) from = middle + 1;
    else to = middle;
  }
  return false;
}
