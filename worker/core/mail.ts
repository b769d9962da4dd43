/** Mail domains that anybody can have an address at. */
import { FREE_MAIL } from "./lists/free-mail";
import { has, unpack } from "./lists/hashes";
import { hash53 } from "./text";

/** Unpacked when it is first asked for. */
let known: Uint32Array | null = null;

/** Whether anybody can have an address at the domain (lower case), as at gmail.com. */
export function isFreeMail(domain: string): boolean {
  known ??= unpack(FREE_MAIL);
  return has(known, hash53(domain) % 2 ** 32);
}
