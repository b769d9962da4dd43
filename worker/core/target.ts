/**
 * Which addresses a webhook may call. Whoever makes one chooses where our requests go: not into the network that we run
 * in, nor to a cloud's metadata. Judged by the address as `URL` reads it, which brings an IPv4 address in whatever
 * notation (decimal, octal, hexadecimal, shortened) to four numbers. What a name resolves to is not seen here; a Worker
 * on Cloudflare reaches public addresses only.
 */

/** Networks of IPv4 that are nobody's public host (RFC 6890 and its registry), as the first address and its bits. */
const IPV4_REFUSED: readonly [first: string, bits: number][] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
];

/**
 * Networks within 2000::/3, the only public part of IPv6, that are not public or carry an IPv4 address of anybody's
 * choice: Teredo and other special ones (2001::/23), documentation, 6to4.
 */
const IPV6_REFUSED = [/^2001:(?:0|1?[0-9a-f]{1,2}):/, /^2001::/, /^2001:db8:/, /^2002:/, /^3fff:0?[0-9a-f]{0,3}:/];

/** Names that are only known within a network (RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`). */
const NAMES_REFUSED = ["localhost", "local", "internal", "intranet", "private", "corp", "home", "lan", "home.arpa"];

const RIGHT = "must be an https address of a public host, on the usual port";

/** What is wrong with an address to call; `null`: it may be called. `isLocal`: on a developer's own machine, any host. */
export function refusedTarget(text: string, isLocal: boolean): string | null {
  if (!URL.canParse(text)) return "must be an absolute https address";
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") return "must not hold a user name or a password";
  if (isLocal) return ["https:", "http:"].includes(url.protocol) ? null : "must be an http or https address";
  if (url.protocol !== "https:" || url.port !== "") return RIGHT;
  return isPublic(url.hostname) ? null : `${RIGHT}; ${url.hostname} is none`;
}

function isPublic(hostname: string): boolean {
  if (hostname.startsWith("[")) return isPublicIpv6(hostname.slice(1, -1));
  const name = hostname.replace(/\.+$/, "").toLowerCase();
  if (/^[\d.]+$/.test(name)) return isPublicIpv4(name);
  // One label alone is a name of the network that we stand in.
  return name.includes(".") && !NAMES_REFUSED.some((one) => name === one || name.endsWith(`.${one}`));
}

function isPublicIpv4(address: string): boolean {
  const value = number(address);
  return !IPV4_REFUSED.some(([first, bits]) => {
    const size = 2 ** (32 - bits);
    return Math.floor(value / size) === Math.floor(number(first) / size);
  });
}

const number = (address: string) => address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);

/** Mapped, loopback, link-local, unique local, multicast and NAT64 addresses all lie outside of 2000::/3. */
function isPublicIpv6(address: string): boolean {
  return /^[23][0-9a-f]{3}:/.test(address) && !IPV6_REFUSED.some((refused) => refused.test(address));
}
