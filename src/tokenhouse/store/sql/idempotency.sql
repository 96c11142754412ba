-- @idempotency_new: an Idempotency-Key is taken by the request whose hold was just made
INSERT INTO idempotency (request, account, name, digest) VALUES (?, ?, ?, ?);

-- @idempotency_taken: whether an account's key is taken at this moment
SELECT 1 FROM idempotency
WHERE account = ?1 AND name = ?2 AND (ends_ms IS NULL OR ends_ms > ?3);

-- @idempotency_forget: an account's key whose time is over
DELETE FROM idempotency WHERE account = ?1 AND name = ?2 AND ends_ms <= ?3;

-- @idempotency_get: what became of the request that took an account's key
SELECT request, digest, state, answer FROM idempotency
WHERE account = ?1 AND name = ?2 AND (ends_ms IS NULL OR ends_ms > ?3);

-- @idempotency_end: how the request ended that took its key
UPDATE idempotency SET state = ?2, ends_ms = ?3, answer = ?4 WHERE request = ?1;

-- @idempotency_drop: the request that took its key cost nothing and gave nothing
DELETE FROM idempotency WHERE request = ? AND state = 'running';

-- @idempotency_prune: a few of the keys whose time is over
DELETE FROM idempotency WHERE request IN (
    SELECT request FROM idempotency WHERE ends_ms <= ? ORDER BY ends_ms LIMIT 200);
