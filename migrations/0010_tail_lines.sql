-- The latest events of a lead as a line of JSON each, not as an array: a beacon adds a line and has no need to read the others.
UPDATE leads SET tail = ifnull((SELECT group_concat(value, char(10)) FROM json_each(leads.tail)), '');
