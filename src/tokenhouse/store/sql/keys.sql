-- @caller_find: the caller behind a live key, by the digest of its secret or of one rotated away
SELECT key.id, account.id, account.name, account.state, account.plan, key.name, key.expires_ms,
    key.models, NULL
FROM key JOIN account ON account.id = key.account
WHERE key.digest = ?1 AND key.revoked_ms IS NULL
UNION ALL
SELECT key.id, account.id, account.name, account.state, account.plan, key.name, key.expires_ms,
    key.models, old_secret.until_ms
FROM old_secret JOIN key ON key.id = old_secret.key JOIN account ON account.id = key.account
WHERE old_secret.digest = ?1 AND key.revoked_ms IS NULL;

-- @epoch_get: rises with every change to keys, accounts and plans
SELECT value FROM meta WHERE name = 'epoch';

-- @epoch_raise: keys, accounts or plans have changed
UPDATE meta SET value = value + 1 WHERE name = 'epoch';

-- @key_new: a key, by its digest
INSERT INTO key (id, account, name, digest, hint, created_ms, revoked_ms, expires_ms, models,
    day_cap, month_cap, requests_per_minute, tokens_per_minute, concurrent_requests, created_by)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- @key_get: one key
SELECT id, account, name, digest, hint, created_ms, revoked_ms, expires_ms, models, day_cap,
    month_cap, requests_per_minute, tokens_per_minute, concurrent_requests,
    (SELECT max(until_ms) FROM old_secret WHERE old_secret.key = key.id), created_by
FROM key WHERE id = ?;

-- @key_list: every key, oldest first
SELECT id, account, name, digest, hint, created_ms, revoked_ms, expires_ms, models, day_cap,
    month_cap, requests_per_minute, tokens_per_minute, concurrent_requests,
    (SELECT max(until_ms) FROM old_secret WHERE old_secret.key = key.id), created_by
FROM key ORDER BY created_ms, id;

-- @key_list_of: an account's keys, oldest first
SELECT id, account, name, digest, hint, created_ms, revoked_ms, expires_ms, models, day_cap,
    month_cap, requests_per_minute, tokens_per_minute, concurrent_requests,
    (SELECT max(until_ms) FROM old_secret WHERE old_secret.key = key.id), created_by
FROM key WHERE account = ? ORDER BY created_ms, id;

-- @key_revoke: a key that was live is so no more
UPDATE key SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL;

-- @key_change: what a key is called, when it ends, what it may
UPDATE key SET name = ?2, expires_ms = ?3, models = ?4, day_cap = ?5, month_cap = ?6,
    requests_per_minute = ?7, tokens_per_minute = ?8, concurrent_requests = ?9
WHERE id = ?1;

-- @key_rotate: another secret for a live key
UPDATE key SET digest = ?2, hint = ?3 WHERE id = ?1 AND revoked_ms IS NULL;

-- @old_secret_new: a secret that was rotated away works until then
INSERT INTO old_secret (digest, key, until_ms)
SELECT digest, id, ?2 FROM key WHERE id = ?1 AND revoked_ms IS NULL;

-- @old_secrets_drop: a key's earlier secrets whose time is over
DELETE FROM old_secret WHERE key = ?1 AND until_ms <= ?2;

-- @key_limits: what bounds a key's spending and pace
SELECT day_cap, month_cap, requests_per_minute, tokens_per_minute, concurrent_requests
FROM key WHERE id = ?;

-- @key_charged: what a key was charged, by UTC day
SELECT start_ms, sum(cost) FROM used_by_day
WHERE account = ?1 AND start_ms >= ?3 AND key = ?2 GROUP BY start_ms;

-- @key_held: a key's open holds by the UTC day in which they began: how many, and how much
SELECT at_ms - at_ms % 86400000 AS start_ms, count(*), sum(amount) FROM hold
WHERE key = ? GROUP BY start_ms;
