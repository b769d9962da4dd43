-- Outcomes: which leads have one, so that reports find them. What it was is in the lead's log, as an event.

-- When the earliest outcome happened, ms; NULL: there is none.
ALTER TABLE leads ADD COLUMN outcome_at INTEGER;
CREATE INDEX leads_with_outcome ON leads (site_id, id) WHERE outcome_at IS NOT NULL;
