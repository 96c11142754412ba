-- @receipt_new: how a hold ended and what it bought
INSERT INTO receipt (id, account, held, state, owed, cost, lost, ended_ms, terms, created_ms, key,
    model, outcome, input, cache_read, cache_write, output, reasoning, images, detail)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- @receipt_late: what a request turned out to owe after its hold had expired
UPDATE receipt SET owed = ?2, lost = ?3, late = 1, outcome = ?4, input = ?5, cache_read = ?6,
    cache_write = ?7, output = ?8, reasoning = ?9, images = ?10, detail = ?11
WHERE id = ?1;

-- @receipt_get: one receipt by the request's id
SELECT id, account, key, model, outcome, created_ms, cost, owed, lost, late, held, input,
    cache_read, cache_write, output, reasoning, images, terms, detail, ended_ms, seq
FROM receipt WHERE id = ? AND key IS NOT NULL;

-- @receipts_down: an account's receipts before a place, newest first
SELECT id, account, key, model, outcome, created_ms, cost, owed, lost, late, held, input,
    cache_read, cache_write, output, reasoning, images, terms, detail, ended_ms, seq
FROM receipt WHERE account = ?1 AND created_ms >= ?2 AND (created_ms, seq) < (?3, ?4)
    AND key IS NOT NULL
ORDER BY created_ms DESC, seq DESC LIMIT ?5;

-- @receipts_up: an account's receipts after a place, oldest first
SELECT id, account, key, model, outcome, created_ms, cost, owed, lost, late, held, input,
    cache_read, cache_write, output, reasoning, images, terms, detail, ended_ms, seq
FROM receipt WHERE account = ?1 AND created_ms < ?2 AND (created_ms, seq) > (?3, ?4)
    AND key IS NOT NULL
ORDER BY created_ms, seq LIMIT ?5;

-- @receipts_written: every account's receipts after a place, in the order of their writing
SELECT id, account, key, model, outcome, created_ms, cost, owed, lost, late, held, input,
    cache_read, cache_write, output, reasoning, images, terms, detail, ended_ms, seq
FROM receipt WHERE seq > ?1 AND created_ms >= ?2 AND created_ms < ?3 AND key IS NOT NULL
ORDER BY seq LIMIT ?4;

-- @receipts_written_of: an account's receipts after a place, in the order of their writing
SELECT id, account, key, model, outcome, created_ms, cost, owed, lost, late, held, input,
    cache_read, cache_write, output, reasoning, images, terms, detail, ended_ms, seq
FROM receipt WHERE +account = ?1 AND seq > ?2 AND created_ms >= ?3 AND created_ms < ?4 AND key IS NOT NULL
ORDER BY seq LIMIT ?5;

-- @receipts_latest: of the last receipts written in the house, those begun since then
SELECT id, account, key, model, outcome, created_ms, cost, owed, lost, late, held, input,
    cache_read, cache_write, output, reasoning, images, terms, detail, ended_ms, seq
FROM (SELECT * FROM receipt ORDER BY seq DESC LIMIT ?2)
WHERE created_ms >= ?1 AND key IS NOT NULL;

-- @postings_down: an account's postings before a place, newest first
SELECT id, account, amount, kind, at_ms, reason FROM transfer
WHERE account = ?1 AND at_ms >= ?2 AND (at_ms, id, kind) < (?3, ?4, ?5)
ORDER BY at_ms DESC, id DESC, kind DESC LIMIT ?6;

-- @postings_up: an account's postings after a place, oldest first
SELECT id, account, amount, kind, at_ms, reason FROM transfer
WHERE account = ?1 AND at_ms < ?2 AND (at_ms, id, kind) > (?3, ?4, ?5)
ORDER BY at_ms, id, kind LIMIT ?6;
