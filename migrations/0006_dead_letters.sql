-- Beacons that waited in the queue (worker/backlog.ts) and could not be folded, until somebody replays or deletes them.
CREATE TABLE dead_letters (
  site_id TEXT NOT NULL,
  id TEXT NOT NULL,                   -- begins with when it was accepted, so that ids are in order
  keys TEXT NOT NULL,                 -- JSON array: keys of leads that its events came under or state
  events TEXT NOT NULL,               -- JSON array, as they were to be folded
  reason TEXT NOT NULL,
  died_at INTEGER NOT NULL,
  PRIMARY KEY (site_id, id)
) WITHOUT ROWID;

-- Hashes, under the site's secret, of the keys of leads that were erased: what was accepted before and still waits in the queue is not folded.
CREATE TABLE erased (
  site_id TEXT NOT NULL,
  hash TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (site_id, hash)
) WITHOUT ROWID;
