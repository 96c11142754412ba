-- Prices as they came into force, requests to free variants, and grants that a dearer plan raises.

-- Every price that a model ever had, numbered in the order in which they came into force; what a model
-- costs now stands under its highest number. `rates` is JSON, in picodollars. Only ever added to.
CREATE TABLE price (
    model TEXT NOT NULL,
    number INTEGER NOT NULL,
    version TEXT NOT NULL,
    rates TEXT NOT NULL,
    from_ms INTEGER NOT NULL,
    PRIMARY KEY (model, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX price_by_version ON price (version);

-- Requests to free variants by account and UTC day (days since 1970-01-01).
CREATE TABLE free_day (
    account TEXT NOT NULL,
    day INTEGER NOT NULL,
    requests INTEGER NOT NULL CHECK (requests > 0),
    PRIMARY KEY (account, day)
) STRICT, WITHOUT ROWID;

-- What was granted is asked of account_grant, which also knows how much.
ALTER TABLE account DROP COLUMN granted;
