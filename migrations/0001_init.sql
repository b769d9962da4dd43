-- One row written is what D1 bills; an index entry counts as a row. So: no rowid beside a text key, no index that no
-- route needs, and a beacon touches two rows: its message id and its lead.

CREATE TABLE sites (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  write_key TEXT NOT NULL UNIQUE,
  origins TEXT NOT NULL,              -- JSON array of origins, as browsers send them
  identity_secret TEXT NOT NULL,
  respect_gpc INTEGER NOT NULL DEFAULT 1,
  rules_version INTEGER NOT NULL CONSTRAINT rules_conflict CHECK (rules_version > 0),
  created_at INTEGER NOT NULL         -- all times: ms since the epoch, UTC
) WITHOUT ROWID;

CREATE TABLE rule_versions (
  site_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  document TEXT NOT NULL,             -- JSON, immutable
  published_at INTEGER NOT NULL,
  notify INTEGER NOT NULL,            -- whether levels crossed because of it are announced
  -- How far the background run has brought the leads of the site under this version:
  leads INTEGER NOT NULL,             -- leads there were at publishing
  refolded INTEGER NOT NULL,          -- leads looked at so far
  cursor TEXT NOT NULL,               -- id of the last one
  finished_at INTEGER,                -- NULL: not yet
  PRIMARY KEY (site_id, version)
) WITHOUT ROWID;

CREATE INDEX rule_versions_unfinished ON rule_versions (site_id) WHERE finished_at IS NULL;

-- Which lead a key belongs to: 'visitor:<anonymousId>', 'user:<userId>', 'email:<address in lower case>', and
-- 'lead:<id>' of a lead that went up in another.
CREATE TABLE identities (
  site_id TEXT NOT NULL,
  key TEXT NOT NULL,
  lead_id TEXT NOT NULL,
  PRIMARY KEY (site_id, key)
) WITHOUT ROWID;

CREATE TABLE leads (
  site_id TEXT NOT NULL,
  id TEXT NOT NULL,
  version INTEGER NOT NULL CONSTRAINT lead_conflict CHECK (version > 0), -- a write that read another version is refused
  rules_version INTEGER NOT NULL,
  state TEXT NOT NULL,                -- JSON: what the fold keeps, under rules_version
  told TEXT NOT NULL,                 -- JSON: levels that history tells, and until when
  keys TEXT NOT NULL,                 -- JSON array: all keys in identities that are the lead's
  tail TEXT NOT NULL,                 -- JSON array: the events after those in log
  logged INTEGER NOT NULL,            -- how many events are in log
  due_at INTEGER,                     -- when time alone will next change a level; NULL: never
  refresh_at INTEGER,                 -- when score is to be looked at again, because it fades; NULL: it does not
  score REAL NOT NULL,                -- unrounded, refreshed within a day; orders lists
  scores TEXT NOT NULL,               -- JSON: the same by dimension
  known INTEGER NOT NULL,
  disqualified INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  PRIMARY KEY (site_id, id)
) WITHOUT ROWID;
CREATE INDEX leads_by_score ON leads (site_id, score DESC, id);
CREATE INDEX leads_due ON leads (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX leads_refresh ON leads (refresh_at) WHERE refresh_at IS NOT NULL;

-- Message ids that counted. Every resend ends here.
CREATE TABLE messages (
  site_id TEXT NOT NULL,
  id TEXT NOT NULL,
  PRIMARY KEY (site_id, id)
) WITHOUT ROWID;

-- The events of a lead in the order they were accepted, many to a row; the latest are in leads.tail.
CREATE TABLE log (
  lead_id TEXT NOT NULL,
  first INTEGER NOT NULL,             -- position of the row's first event in the lead's log, from 0
  events TEXT NOT NULL,               -- JSON array
  PRIMARY KEY (lead_id, first)
) WITHOUT ROWID;

CREATE TABLE crossings (
  lead_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  n INTEGER NOT NULL,                 -- orders crossings of the same instant
  crossing TEXT NOT NULL,             -- JSON
  PRIMARY KEY (lead_id, at, n)
) WITHOUT ROWID;
