/**
 * Who the visitor is and whether they agreed: the id, consent, Global Privacy Control. The only file that decides what
 * is stored where.
 */
import { safe } from "./safe";
import { settings } from "./settings";

declare global {
  interface Navigator {
    globalPrivacyControl?: boolean;
  }
}

/** What we keep. Every key begins with `kelvin_`, so that withdrawing consent finds and clears all of it. */
interface Store {
  kelvin_id?: string;
  /** How the id is to be introduced to the service: see `visitor` in wire.ts. Until it is acknowledged. */
  kelvin_is?: string;
  /** "1" or "0": the visitor's answer. */
  kelvin_consent?: string;
  /** The last score, as JSON. */
  kelvin_last?: string;
  /** `kelvin_m…`: a queued message, as JSON. */
  [key: string]: string | undefined;
}

/** The browser's storage; where that is blocked or full, or the browser objects to tracking, this page's memory. */
export let store: Store = {};

const open = safe(() => {
  // Reading the property is what throws in sandboxed frames and with storage blocked; in some web views it is null.
  if (!navigator.globalPrivacyControl) store = localStorage ?? store;
});
open();

export const write = (key: string, value: string): void => {
  try {
    store[key] = value;
  } catch {
    store = { ...store, [key]: value };
  }
};

/** Our keys that begin with `start`, sorted. */
export const keys = (start: string): string[] =>
  Object.keys(store)
    .filter((key) => key.startsWith(start))
    .sort();

export const drop = (key: string) => delete store[key];

/** 128 random bits. Not `randomUUID`, which is missing on plain http. */
export const randomId = (): string => crypto.getRandomValues(new Uint32Array(4)).join("-");

/** True while the tag runs: somebody has seen the page, and has not withdrawn or opted out on it. */
let active = false;

/** The visitor's answer if there is one, else the site's default; 0 is no. */
export const agreed = (): number => +(store.kelvin_consent ?? settings.consent !== "required");

/** Whether anything may be stored or sent. Reads the flag each time: another tab may have changed it. */
export const allowed = (): boolean | number => active && agreed();

/** Starts; or stops everything and clears all we stored. */
export const activate = (on: boolean): void => {
  active = on;
  if (on) return;
  // Back from memory, if the storage was full: there is something of ours in it too.
  open();
  keys("kelvin_").map(drop);
};

/** A refusal is worth remembering only where it is not the default: a bare flag, no id. */
export const remember = (granted: boolean): void => {
  if (granted || agreed()) write("kelvin_consent", granted ? "1" : "0");
};

/** Makes a visitor, of whom nothing is known. */
export const renew = (how: "new" | "reset"): void => {
  write("kelvin_id", randomId());
  write("kelvin_is", how);
  drop("kelvin_last");
};

/**
 * Takes in the id by which the service counted a batch of `sender`: a cookie's id wins over one that was just minted.
 * Answers whether the reply speaks of the present visitor: after a reset, one to the visitor before it does not.
 */
export const recognise = (sender: string | undefined, visitor?: string): boolean => {
  if (visitor && store.kelvin_id === sender) {
    drop("kelvin_is");
    write("kelvin_id", visitor);
    keys("kelvin_m").map((key) => write(key, (store[key] as string).split(sender as string).join(visitor)));
  }
  return store.kelvin_id === (visitor ?? sender);
};
