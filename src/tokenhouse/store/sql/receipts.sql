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
    cache_read, cache_write, output, reasoning, images, terms, detail
FROM receipt WHERE id = ? AND key IS NOT NULL;

-- @receipts_of: an account's receipts, newest first
SELECT id, account, key, model, outcome, created_ms, cost, owed, lost, late, held, input,
    cache_read, cache_write, output, reasoning, images, terms, detail
FROM receipt WHERE account = ? AND created_ms >= ? AND created_ms < ? AND key IS NOT NULL
ORDER BY created_ms DESC, id DESC LIMIT ?;

-- @receipts_latest: of the last receipts written in the house, those begun since then
SELECT id, account, key, model, outcome, created_ms, cost, owed, lost, late, held, input,
    cache_read, cache_write, output, reasoning, images, terms, detail
FROM (SELECT * FROM receipt ORDER BY rowid DESC LIMIT ?2)
WHERE created_ms >= ?1 AND key IS NOT NULL;

-- @usage_of: an account's requests, tokens and cost per UTC day and model
SELECT date(created_ms / 1000, 'unixepoch') AS day, account, model, count(*),
    sum(input + cache_read + cache_write), sum(output + reasoning),
    sum(images), sum(cost)
FROM receipt WHERE account = ?1 AND created_ms >= ?2 AND created_ms < ?3 AND key IS NOT NULL
GROUP BY day, account, model ORDER BY day, account, model;

-- @usage_of_all: every account's requests, tokens and cost per UTC day and model
SELECT date(created_ms / 1000, 'unixepoch') AS day, account, model, count(*),
    sum(input + cache_read + cache_write), sum(output + reasoning),
    sum(images), sum(cost)
FROM receipt WHERE created_ms >= ?1 AND created_ms < ?2 AND key IS NOT NULL
GROUP BY day, account, model ORDER BY day, account, model;
