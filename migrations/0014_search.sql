-- What lists find a lead by: its account and what a search looks in. A search read all of the site's leads, most of whom nobody
-- knows; now it reads an index of those who have a name. The account has a line in there, and an index less. `account` stays,
-- unused, for the Worker that still runs: whom that one makes is found from the next event on. SQLite knows lower case from A to Z
-- alone: other letters are found as they were sent until then.
DROP INDEX leads_account;
ALTER TABLE leads ADD COLUMN search_text TEXT;
UPDATE leads SET search_text = ifnull(account, '') || char(10) || lower(concat_ws(char(10), state ->> '$.traits.email',
    (SELECT group_concat(value, char(10)) FROM json_each(state, '$.userIds')), state ->> '$.traits.name',
    nullif(concat_ws(' ', state ->> '$.traits.firstName', state ->> '$.traits.lastName'), ''), state ->> '$.traits.company'))
  WHERE known = 1 OR state ->> '$.traits' <> '{}';
CREATE INDEX leads_search ON leads (site_id, search_text) WHERE search_text IS NOT NULL;
