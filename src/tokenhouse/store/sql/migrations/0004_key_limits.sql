-- What a key may do beside what its account may (NULL: no limit of its own), and the secrets that were
-- rotated away but still work for a while. `models` is a JSON list of ids.

ALTER TABLE key ADD COLUMN models TEXT;
ALTER TABLE key ADD COLUMN day_cap INTEGER CHECK (day_cap >= 0);
ALTER TABLE key ADD COLUMN month_cap INTEGER CHECK (month_cap >= 0);
ALTER TABLE key ADD COLUMN requests_per_minute INTEGER CHECK (requests_per_minute >= 0);
ALTER TABLE key ADD COLUMN tokens_per_minute INTEGER CHECK (tokens_per_minute >= 0);
ALTER TABLE key ADD COLUMN concurrent_requests INTEGER CHECK (concurrent_requests >= 0);

CREATE TABLE old_secret (
    digest BLOB PRIMARY KEY,
    key TEXT NOT NULL,
    until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX old_secret_by_key ON old_secret (key);
