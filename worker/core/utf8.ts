/** Text as bytes. One encoder for all: making one costs more than what it does. */
export const utf8 = new TextEncoder();
