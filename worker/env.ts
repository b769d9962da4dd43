/** Bindings and variables, as wrangler.toml and the secrets give them. */
export interface Env {
  DB: D1Database;
  /** Opens everything; a secret. */
  KELVIN_ADMIN_KEY: string;
  /** Where the organisation's identity provider has its public keys … */
  ACCESS_JWKS_URL?: string;
  /** … and `aud` of the tokens that it makes for Kelvin. Neither counts without the other. */
  ACCESS_AUDIENCE?: string;
  /** What answers the paths that are not Kelvin's, where Kelvin runs on a site's own host. */
  SITE?: Fetcher;
}
