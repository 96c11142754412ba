-- Usage: receipts in the order of their writing, rollups folded from them by the hour and by the day,
-- voucher codes by their digest, and the audit log of what operators do.

CREATE TABLE receipt_in_order (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    held INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('settled', 'released', 'expired')),
    owed INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    late INTEGER NOT NULL DEFAULT 0,
    ended_ms INTEGER NOT NULL,
    terms TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    key TEXT,
    model TEXT,
    outcome TEXT,
    input INTEGER NOT NULL DEFAULT 0,
    cache_read INTEGER NOT NULL DEFAULT 0,
    cache_write INTEGER NOT NULL DEFAULT 0,
    output INTEGER NOT NULL DEFAULT 0,
    reasoning INTEGER NOT NULL DEFAULT 0,
    images INTEGER NOT NULL DEFAULT 0,
    detail BLOB
) STRICT;

INSERT INTO receipt_in_order (id, account, held, state, owed, cost, lost, late, ended_ms, terms,
    created_ms, key, model, outcome, input, cache_read, cache_write, output, reasoning, images,
    detail)
SELECT id, account, held, state, owed, cost, lost, late, ended_ms, terms, created_ms, key, model,
    outcome, min(input, 1099511627776), min(cache_read, 1099511627776),
    min(cache_write, 1099511627776), min(output, 1099511627776), min(reasoning, 1099511627776),
    min(images, 1099511627776), detail
FROM receipt ORDER BY rowid;

DROP TABLE receipt;

ALTER TABLE receipt_in_order RENAME TO receipt;

CREATE INDEX receipt_by_account ON receipt (account, created_ms);

-- What receipts sum to, by the UTC hour and day in which their requests began. Holds that were no
-- request's stand under key ''. They outlive the receipts.
CREATE TABLE usage_hour (
    account TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    key TEXT NOT NULL,
    model TEXT NOT NULL,
    requests INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    input INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    output INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    images INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    PRIMARY KEY (account, start_ms, key, model)
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_hour_by_start ON usage_hour (start_ms);

CREATE TABLE usage_day (
    account TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    key TEXT NOT NULL,
    model TEXT NOT NULL,
    requests INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    input INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    output INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    images INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    PRIMARY KEY (account, start_ms, key, model)
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_day_by_start ON usage_day (start_ms);

-- folded: receipts up to this seq are in the rollups. pruned_*: the latest begin and end of a receipt
-- that was pruned, the latest hour that was.
INSERT INTO meta (name, value)
VALUES ('folded', 0), ('pruned_created_ms', -1), ('pruned_ended_ms', -1), ('pruned_hour_ms', -1);

-- The receipts that no rollup has yet; `+` keeps the range of seq the only way in.
CREATE VIEW unfolded AS
SELECT +account AS account, +created_ms AS created_ms, coalesce(key, '') AS key,
    coalesce(model, '') AS model, 1 AS requests,
    coalesce(outcome IN ('failed', 'crashed'), 0) AS failed, input, cache_read, cache_write, output,
    reasoning, images, cost
FROM receipt WHERE seq > (SELECT value FROM meta WHERE name = 'folded');

CREATE VIEW used_by_hour AS
SELECT account, start_ms, key, model, requests, failed, input, cache_read, cache_write, output,
    reasoning, images, cost
FROM usage_hour
UNION ALL
SELECT account, created_ms - created_ms % 3600000, key, model, requests, failed, input, cache_read,
    cache_write, output, reasoning, images, cost
FROM unfolded;

CREATE VIEW used_by_day AS
SELECT account, start_ms, key, model, requests, failed, input, cache_read, cache_write, output,
    reasoning, images, cost
FROM usage_day
UNION ALL
SELECT account, created_ms - created_ms % 86400000, key, model, requests, failed, input, cache_read,
    cache_write, output, reasoning, images, cost
FROM unfolded;

CREATE INDEX credit_by_account ON transfer (account) WHERE kind = 'credit';

-- Codes worth credit, each by the SHA-256 of its code; those made together are one lot.
CREATE TABLE voucher (
    id TEXT PRIMARY KEY,
    lot TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    hint TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    reason TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    revoked_ms INTEGER,
    redeemed_ms INTEGER,
    account TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX voucher_by_lot ON voucher (lot);

-- What operators did, and what it changed; `before` and `after` are JSON. Only ever added to.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    act TEXT NOT NULL,
    subject TEXT NOT NULL,
    account TEXT,
    reason TEXT NOT NULL,
    before TEXT,
    after TEXT
) STRICT;

CREATE INDEX audit_by_account ON audit (account);
