-- More than one database: where a site lives, and what keeps its writes out of a database that it is moved to or from.

-- Of sites that were made elsewhere than in DB, or were ever moved. Counts in DB only; a site without a row lives in DB.
CREATE TABLE directory (
  site_id TEXT PRIMARY KEY NOT NULL,
  write_key TEXT NOT NULL UNIQUE,
  database TEXT NOT NULL,             -- binding of the database that the site lives in
  step TEXT,                          -- of a move: copying, clearing (it lives there now) or stopping (it stays); NULL: none goes on
  move TEXT,                          -- id of the latest move, and from where to where it goes …
  move_from TEXT,
  move_to TEXT,
  stepped_at INTEGER,                 -- … when its step began, ms …
  note TEXT                           -- … and why it was given up
) WITHOUT ROWID;
CREATE INDEX directory_moves ON directory (site_id) WHERE step IS NOT NULL;

-- Sites whose writes this database refuses: they are moved to here or away, or are gone. A row stays until the site
-- lives here again, for some isolate may still believe that it does.
CREATE TABLE fences (
  site_id TEXT PRIMARY KEY NOT NULL,
  place TEXT NOT NULL,                -- JSON: the move, and how far it has come in this database
  moved INTEGER NOT NULL CONSTRAINT site_fenced CHECK (moved >= 0) -- rows copied to here or deleted from here so far
) WITHOUT ROWID;
