-- What became of requests that carried an Idempotency-Key. A row is made in the operation that makes its
-- request's hold, and finished (or taken away) in the one that ends it. `answer` is what the client got.
CREATE TABLE idempotency (
    request TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    digest BLOB NOT NULL,
    state TEXT NOT NULL DEFAULT 'running'
        CHECK (state IN ('running', 'kept', 'too_large', 'cut')),
    ends_ms INTEGER,
    answer BLOB,
    CHECK ((state = 'running') = (ends_ms IS NULL)),
    CHECK ((state = 'kept') = (answer IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX idempotency_by_name ON idempotency (account, name);
CREATE INDEX idempotency_by_end ON idempotency (ends_ms) WHERE ends_ms IS NOT NULL;
