/**
 * Items in their order, in groups as large as may be: an item joins the latest group where it `fits` with what is there,
 * else it begins one, however large it is.
 */
export function inGroups<T>(
  items: readonly T[],
  sizeOf: (item: T) => number,
  fits: (count: number, size: number, more: number) => boolean,
): T[][] {
  const groups: T[][] = [];
  let size = 0;
  for (const item of items) {
    const more = sizeOf(item);
    const last = groups.at(-1);
    if (last && fits(last.length, size, more)) {
      last.push(item);
      size += more;
    } else {
      groups.push([item]);
      size = more;
    }
  }
  return groups;
}
