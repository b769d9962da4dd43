-- Reads cost a thousandth of writes: the run of every minute finds the scores that have faded by going through the leads, a
-- part of them each time, and not by an index that every new lead had to enter. What is left of that index is when a level
-- changes. In its place stands one by which lists find who was there last: within some minutes, so that a visit moves a
-- lead's entry once. look_at stays, unused, for the Worker that still runs, which writes it; whom that one makes is on the new
-- list from the next event on.
DROP INDEX leads_look;
ALTER TABLE leads ADD COLUMN seen_at INTEGER;
UPDATE leads SET seen_at = last_seen WHERE last_seen >= 0;
CREATE INDEX leads_due ON leads (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX leads_seen ON leads (site_id, seen_at DESC) WHERE seen_at IS NOT NULL;
