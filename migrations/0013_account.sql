-- Whose lead it is: the domain of its address, where that is not a free mail provider's, for lists of an account. Which those are
-- only the Worker knows: who is told to be of one here is left out of the list, and told otherwise with its next event.
ALTER TABLE leads ADD COLUMN account TEXT;
UPDATE leads SET account = lower(replace(state ->> '$.traits.email', rtrim(state ->> '$.traits.email', replace(state ->> '$.traits.email', '@', '')), ''))
  WHERE known = 1 AND instr(state ->> '$.traits.email', '@') > 0;
CREATE INDEX leads_account ON leads (account, site_id) WHERE account IS NOT NULL;
