-- Trust, privacy and abuse: what a site decides of them, secret keys, addresses that are turned away, events a day.

ALTER TABLE sites ADD COLUMN identity_previous TEXT;           -- the identity secret before, after a rotation …
ALTER TABLE sites ADD COLUMN identity_previous_until INTEGER;  -- … and how long tokens signed with it are taken
ALTER TABLE sites ADD COLUMN jwks_url TEXT;                    -- where the site's own identity provider has its public keys
ALTER TABLE sites ADD COLUMN jwks_audience TEXT;               -- `aud` that its tokens must have; NULL: any
ALTER TABLE sites ADD COLUMN secret TEXT NOT NULL DEFAULT '';  -- signs e-mail links and keys the hashes of suppressed addresses
ALTER TABLE sites ADD COLUMN daily_events INTEGER DEFAULT 1000000; -- most events a UTC day under the write key; NULL: any number
ALTER TABLE sites ADD COLUMN retention_days INTEGER DEFAULT 396;   -- how long events are kept whole; NULL: for ever
ALTER TABLE sites ADD COLUMN pruned_to TEXT NOT NULL DEFAULT '';   -- id of the last lead that the present retention run looked at
ALTER TABLE sites ADD COLUMN pruned_at INTEGER NOT NULL DEFAULT 0; -- when the last such run was through
UPDATE sites SET secret = lower(hex(randomblob(32)));

-- Time of the oldest event that is kept whole; NULL: there is none. 0: not looked at yet.
ALTER TABLE leads ADD COLUMN oldest_at INTEGER DEFAULT 0;

-- messages.id holds a digest of the id, never the id: clients make ids up, and one may hold a name. The first 16 bytes
-- of its SHA-256, base64url. So the row can stay when a person is erased, and what their browser sends again is known.

-- Secret keys. A key is shown once; of what is secret in it only the SHA-256 is kept.
CREATE TABLE keys (
  id TEXT PRIMARY KEY NOT NULL,       -- the part of the key that is not secret
  name TEXT NOT NULL,
  hash TEXT NOT NULL,
  scopes TEXT NOT NULL,               -- JSON array of "read", "write", "admin"
  created_at INTEGER NOT NULL,
  last_used_at INTEGER                -- to the minute; NULL: never
) WITHOUT ROWID;

-- Addresses whose owners asked to be left alone, as keyed hashes.
CREATE TABLE suppressions (
  site_id TEXT NOT NULL,
  hash TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (site_id, hash)
) WITHOUT ROWID;

-- Events that came under the write key of a site, by UTC day.
CREATE TABLE usage (
  site_id TEXT NOT NULL,
  day INTEGER NOT NULL,               -- days since the epoch
  events INTEGER NOT NULL,
  PRIMARY KEY (site_id, day)
) WITHOUT ROWID;
