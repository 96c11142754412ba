-- The ground: accounts, holds, transfers, grants, receipts, keys, leases.
-- Amounts are nanodollars, times unix milliseconds UTC.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta (name, value) VALUES ('epoch', 0);

-- balance, held, open_holds and grants_open follow from the other tables; `ledger verify` compares them.
CREATE TABLE account (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    plan TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'suspended', 'closed')),
    balance INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
    open_holds INTEGER NOT NULL DEFAULT 0 CHECK (open_holds >= 0),
    grants_open INTEGER NOT NULL DEFAULT 0 CHECK (grants_open >= 0),
    grant_ends_ms INTEGER,
    granted TEXT,
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX account_by_name ON account (name) WHERE state <> 'closed';

INSERT INTO account (id, name, plan, created_ms) VALUES ('house', 'house', '', 0);

-- Each transfer is two postings that sum to zero: `amount` to its account, -`amount` to the house.
CREATE TABLE transfer (
    account TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL
        CHECK (kind IN ('credit', 'grant', 'grant_end', 'settle', 'expire', 'reverse')),
    amount INTEGER NOT NULL CHECK (amount <> 0),
    reason TEXT NOT NULL,
    PRIMARY KEY (account, at_ms, id, kind)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX transfer_by_id ON transfer (id) WHERE kind IN ('credit', 'reverse');

CREATE VIEW posting AS
SELECT id AS transfer, account, amount, kind, at_ms, reason FROM transfer
UNION ALL
SELECT id, 'house', -amount, kind, at_ms, reason FROM transfer;

-- Credit given, with an end; open while something of it is left and the end has not been posted.
CREATE TABLE account_grant (
    account TEXT NOT NULL,
    period TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    rest INTEGER NOT NULL CHECK (rest BETWEEN 0 AND amount),
    ends_ms INTEGER NOT NULL,
    PRIMARY KEY (account, period)
) STRICT, WITHOUT ROWID;

-- Open holds only: the row goes in the operation that writes its receipt.
CREATE TABLE hold (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    owed INTEGER NOT NULL DEFAULT 0,
    lease TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    key TEXT,
    model TEXT,
    terms TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- How each hold ended, and what it bought (NULL from `key` on when it was held without a request).
CREATE TABLE receipt (
    id TEXT PRIMARY KEY,
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

CREATE INDEX receipt_by_account ON receipt (account, created_ms);

CREATE TABLE key (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    hint TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    revoked_ms INTEGER,
    expires_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX key_by_account ON key (account);

-- A serving process's claim on its holds; its counter rises while it lives.
CREATE TABLE lease (
    id TEXT PRIMARY KEY,
    counter INTEGER NOT NULL DEFAULT 0,
    started_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
