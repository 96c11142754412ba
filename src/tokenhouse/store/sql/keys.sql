-- @caller_find: the caller behind a live key, by the digest of its secret
SELECT key.id, account.id, account.name, account.state, account.plan, key.name, key.expires_ms
FROM key JOIN account ON account.id = key.account
WHERE key.digest = ? AND key.revoked_ms IS NULL;

-- @epoch_get: rises with every change to keys, accounts and plans
SELECT value FROM meta WHERE name = 'epoch';

-- @epoch_raise: keys, accounts or plans have changed
UPDATE meta SET value = value + 1 WHERE name = 'epoch';

-- @key_new: a key, by its digest
INSERT INTO key (id, account, name, digest, hint, created_ms, revoked_ms, expires_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- @key_get: one key
SELECT id, account, name, digest, hint, created_ms, revoked_ms, expires_ms FROM key WHERE id = ?;

-- @key_list: every key, oldest first
SELECT id, account, name, digest, hint, created_ms, revoked_ms, expires_ms FROM key
ORDER BY created_ms, id;

-- @key_list_of: an account's keys, oldest first
SELECT id, account, name, digest, hint, created_ms, revoked_ms, expires_ms FROM key
WHERE account = ? ORDER BY created_ms, id;

-- @key_revoke: a key that was live is so no more
UPDATE key SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL;
