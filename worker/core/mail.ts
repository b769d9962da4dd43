/** Mail domains that anybody can have an address at. */
import { FREE_MAIL } from "./lists/free-mail";

/** Names by top-level domain, each read from the list when it is first asked for. */
const known = new Map<string, ReadonlySet<string>>();

/** Whether anybody can have an address at the domain (lower case), as at gmail.com. */
export function isFreeMail(domain: string): boolean {
  const dot = domain.lastIndexOf(".");
  const top = domain.slice(dot + 1);
  if (!Object.hasOwn(FREE_MAIL, top)) return false;
  let names = known.get(top);
  if (!names) {
    names = new Set(FREE_MAIL[top]?.split(" "));
    known.set(top, names);
  }
  return dot > 0 && names.has(domain.slice(0, dot));
}
