/** Bindings and variables, as wrangler.toml and the secrets give them. */
export interface Env {
  DB: D1Database;
  /** More databases, DB_1 to DB_99: a site lives in one of them all. */
  [more: `DB_${number}`]: D1Database;
  /** The files that are uploaded beside the Worker. */
  ASSETS: Fetcher;
  /** The database that new sites are made in; DB where left out. */
  KELVIN_NEW_SITES?: string;
  /** Opens everything; a secret. */
  KELVIN_ADMIN_KEY: string;
  /** Where the organisation's identity provider has its public keys … */
  ACCESS_JWKS_URL?: string;
  /** … and `aud` of the tokens that it makes for Kelvin. Neither counts without the other. */
  ACCESS_AUDIENCE?: string;
  /** What answers the paths that are not Kelvin's, where Kelvin runs on a site's own host. */
  SITE?: Fetcher;
  /** Overwrites what was deleted, where the database is a file of our own. */
  VACUUM?: Fetcher;
  /** Set under `npm start`: whoever works there looks at their own pages, with driven browsers too. */
  KELVIN_LOCAL?: string;
  /** Most requests a minute of an address and of a visitor, as text; "0": any number. */
  RATE_ADDRESS_PER_MINUTE?: string;
  RATE_VISITOR_PER_MINUTE?: string;
  /** Cloudflare's counters of the same, which see all isolates of a place. */
  RATE_ADDRESS?: RateLimit;
  RATE_VISITOR?: RateLimit;
  /** What the log has lines of: "problems", "all", or a share such as "0.01"; see http/observe.ts. */
  LOG_REQUESTS?: string;
  /** Where beacons wait while the database cannot take them; without it clients are told to come again. */
  BEACONS?: Queue;
}
