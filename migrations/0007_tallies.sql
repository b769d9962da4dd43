-- What happened, counted by the hour: for GET /v1/status. Isolates count in memory and add up here every few minutes.
CREATE TABLE tallies (
  hour INTEGER NOT NULL,              -- since the epoch, UTC
  site_id TEXT NOT NULL,              -- '' where no site was named
  name TEXT NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY (hour, site_id, name)
) WITHOUT ROWID;
