-- Webhooks, and what is to be told to them: an outbox, written in the very batch that writes what it tells of.

CREATE TABLE webhooks (
  site_id TEXT NOT NULL,
  id TEXT NOT NULL,
  url TEXT NOT NULL,
  events TEXT NOT NULL,               -- JSON array of the types it wants
  secret TEXT NOT NULL,               -- whsec_…: signs, and so cannot be kept as a hash
  created_at INTEGER NOT NULL,
  failures INTEGER NOT NULL DEFAULT 0, -- deliveries given up since anything was delivered
  failing_since INTEGER,              -- when the first attempt failed since then; NULL: none did
  disabled_at INTEGER,                -- NULL: it is not
  disabled_reason TEXT,
  PRIMARY KEY (site_id, id)
) WITHOUT ROWID;

CREATE TABLE deliveries (
  webhook_id TEXT NOT NULL,
  id TEXT NOT NULL,                   -- the call's webhook-id; begins with when it was written, so that ids are in order
  site_id TEXT NOT NULL,
  lead_id TEXT NOT NULL,
  n INTEGER NOT NULL,                 -- orders what is told of a lead
  type TEXT NOT NULL,
  body TEXT NOT NULL,                 -- JSON, as it is sent
  created_at INTEGER NOT NULL,
  status TEXT NOT NULL,               -- pending, delivered or failed
  attempts INTEGER NOT NULL,          -- all there were
  step INTEGER NOT NULL,              -- how many of the present round of attempts failed
  due_at INTEGER,                     -- when it is to be tried next, or, while it is, until when it is leased; NULL: never
  tried_at INTEGER,                   -- the latest attempt, and its answer: status, and the beginning of its body …
  answer_status INTEGER,
  answer_body TEXT,
  error TEXT,                         -- … or why there was none
  PRIMARY KEY (webhook_id, id)
) WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_by_lead ON deliveries (lead_id, webhook_id, n);
