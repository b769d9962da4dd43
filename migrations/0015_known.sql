-- Lists of those who are known read nobody else: the indexes by which lists are read begin with that. As many entries as before.
CREATE INDEX leads_by_score_known ON leads (site_id, known, score, id);
CREATE INDEX leads_seen_known ON leads (site_id, known, seen_at) WHERE seen_at IS NOT NULL;
DROP INDEX leads_by_score;
DROP INDEX leads_seen;
