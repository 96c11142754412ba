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
    AND key IS NOT NULL AND (?5 IS NULL OR model = ?5) AND (?6 IS NULL OR key = ?6)
    AND outcome IN (?7, ?8, ?9, ?10)
ORDER BY created_ms DESC, seq DESC LIMIT ?11;

-- @receipts_up: an account's receipts after a place, oldest first
SELECT id, account, key, model, outcome, created_ms, cost, owed, lost, late, held, input,
    cache_read, cache_write, output, reasoning, images, terms, detail, ended_ms, seq
FROM receipt WHERE account = ?1 AND created_ms < ?2 AND (created_ms, seq) > (?3, ?4)
    AND key IS NOT NULL AND (?5 IS NULL OR model = ?5) AND (?6 IS NULL OR key = ?6)
    AND outcome IN (?7, ?8, ?9, ?10)
ORDER BY created_ms, seq LIMIT ?11;

-- @receipts_written: every account's receipts after a place, in the order of their writing
SELECT id, account, key, model, outcome, created_ms, cost, owed, lost, late, held, input,
    cache_read, cache_write, output, reasoning, images, terms, detail, ended_ms, seq
FROM receipt WHERE seq > ?1 AND created_ms >= ?2 AND created_ms < ?3
    AND key IS NOT NULL AND (?4 IS NULL OR model = ?4) AND (?5 IS NULL OR key = ?5)
    AND outcome IN (?6, ?7, ?8, ?9)
ORDER BY seq LIMIT ?10;

-- @receipts_written_of: an account's receipts after a place, in the order of their writing
SELECT id, account, key, model, outcome, created_ms, cost, owed, lost, late, held, input,
    cache_read, cache_write, output, reasoning, images, terms, detail, ended_ms, seq
FROM receipt WHERE +account = ?1 AND seq > ?2 AND created_ms >= ?3 AND created_ms < ?4
    AND key IS NOT NULL AND (?5 IS NULL OR model = ?5) AND (?6 IS NULL OR key = ?6)
    AND outcome IN (?7, ?8, ?9, ?10)
ORDER BY seq LIMIT ?11;

-- @receipts_latest: of the last receipts written in the house, those begun since then
SELECT id, account, key, model, outcome, created_ms, cost, owed, lost, late, held, input,
    cache_read, cache_write, output, reasoning, images, terms, detail, ended_ms, seq
FROM (SELECT * FROM receipt ORDER BY seq DESC LIMIT ?2)
WHERE created_ms >= ?1 AND key IS NOT NULL;

-- @receipts_failed: requests that failed or crashed, below a place, last written first
SELECT id, account, key, model, outcome, created_ms, cost, owed, lost, late, held, input,
    cache_read, cache_write, output, reasoning, images, terms, detail, ended_ms, seq
FROM receipt
WHERE outcome IN ('failed', 'crashed') AND seq < ?1 AND created_ms >= ?2 AND key IS NOT NULL
ORDER BY seq DESC LIMIT ?3;

-- @postings_down: an account's postings before a place, newest first
SELECT id, account, amount, kind, at_ms, reason FROM transfer
WHERE account = ?1 AND at_ms >= ?2 AND (at_ms, id, kind) < (?3, ?4, ?5)
ORDER BY at_ms DESC, id DESC, kind DESC LIMIT ?6;

-- @postings_up: an account's postings after a place, oldest first
SELECT id, account, amount, kind, at_ms, reason FROM transfer
WHERE account = ?1 AND at_ms < ?2 AND (at_ms, id, kind) > (?3, ?4, ?5)
ORDER BY at_ms, id, kind LIMIT ?6;

-- @balance_after: an account's balance after the posting at a place
SELECT (SELECT balance FROM account WHERE id = ?1) - coalesce(sum(amount), 0) FROM transfer
WHERE account = ?1 AND (at_ms, id, kind) > (?2, ?3, ?4);

-- @balance_before: an account's balance before a time
SELECT (SELECT balance FROM account WHERE id = ?1) - coalesce(sum(amount), 0) FROM transfer
WHERE account = ?1 AND at_ms >= ?2;

-- @posted_by_kind: what an account's postings of a time sum to, kind by kind
SELECT kind, count(*), sum(amount) FROM transfer
WHERE account = ?1 AND at_ms >= ?2 AND at_ms < ?3 GROUP BY kind ORDER BY kind;

-- @posted_otherwise: an account's postings of a time that no request made, oldest first
SELECT id, account, amount, kind, at_ms, reason FROM transfer
WHERE account = ?1 AND at_ms >= ?2 AND at_ms < ?3 AND kind NOT IN ('settle', 'expire')
ORDER BY at_ms, id, kind LIMIT ?4;
