-- When the run of every minute is to look at a lead, as a column of its own: a beacon that moves only the later of the two
-- instants it comes of no longer writes to the index.
DROP INDEX leads_look;
ALTER TABLE leads DROP COLUMN look_at;
ALTER TABLE leads ADD COLUMN look_at INTEGER;
UPDATE leads SET look_at = min(ifnull(due_at, refresh_at), ifnull(refresh_at, due_at))
  WHERE due_at IS NOT NULL OR refresh_at IS NOT NULL;
CREATE INDEX leads_look ON leads (look_at) WHERE look_at IS NOT NULL;
