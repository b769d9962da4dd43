/** Text as bytes and bytes as text. One encoder for all: making one costs more than what it does. */
export const utf8 = new TextEncoder();

export function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
