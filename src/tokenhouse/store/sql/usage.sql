-- @meta_get: one of the store's own numbers
SELECT value FROM meta WHERE name = ?;

-- @meta_raise: one of the store's own numbers, when it is more than before
UPDATE meta SET value = max(value, ?2) WHERE name = ?1;

-- @folding: how far the rollups are, and the last receipt there is
SELECT (SELECT value FROM meta WHERE name = 'folded'), coalesce(max(seq), 0) FROM receipt;

-- @fold_end: the last of the next receipts to fold
SELECT max(seq) FROM (SELECT seq FROM receipt WHERE seq > ?1 ORDER BY seq LIMIT ?2);

-- @fold_count: how many receipts a range of them has
SELECT count(*) FROM receipt WHERE seq > ?1 AND seq <= ?2;

-- @fold_hours: add a range of receipts to the hours in which their requests began
INSERT INTO usage_hour (account, start_ms, key, model, requests, failed, input, cache_read,
    cache_write, output, reasoning, images, cost)
SELECT account, created_ms - created_ms % 3600000 AS start_ms, coalesce(key, '') AS key_or_none,
    coalesce(model, '') AS model_or_none, count(*),
    count(CASE WHEN outcome IN ('failed', 'crashed') THEN 1 END), sum(input), sum(cache_read),
    sum(cache_write), sum(output), sum(reasoning), sum(images), sum(cost)
FROM receipt WHERE seq > ?1 AND seq <= ?2
GROUP BY account, start_ms, key_or_none, model_or_none
ON CONFLICT (account, start_ms, key, model) DO UPDATE SET
    requests = requests + excluded.requests, failed = failed + excluded.failed,
    input = input + excluded.input, cache_read = cache_read + excluded.cache_read,
    cache_write = cache_write + excluded.cache_write, output = output + excluded.output,
    reasoning = reasoning + excluded.reasoning, images = images + excluded.images,
    cost = cost + excluded.cost;

-- @fold_days: add a range of receipts to the days on which their requests began
INSERT INTO usage_day (account, start_ms, key, model, requests, failed, input, cache_read,
    cache_write, output, reasoning, images, cost)
SELECT account, created_ms - created_ms % 86400000 AS start_ms, coalesce(key, '') AS key_or_none,
    coalesce(model, '') AS model_or_none, count(*),
    count(CASE WHEN outcome IN ('failed', 'crashed') THEN 1 END), sum(input), sum(cache_read),
    sum(cache_write), sum(output), sum(reasoning), sum(images), sum(cost)
FROM receipt WHERE seq > ?1 AND seq <= ?2
GROUP BY account, start_ms, key_or_none, model_or_none
ON CONFLICT (account, start_ms, key, model) DO UPDATE SET
    requests = requests + excluded.requests, failed = failed + excluded.failed,
    input = input + excluded.input, cache_read = cache_read + excluded.cache_read,
    cache_write = cache_write + excluded.cache_write, output = output + excluded.output,
    reasoning = reasoning + excluded.reasoning, images = images + excluded.images,
    cost = cost + excluded.cost;

-- @refold_hour: take a folded receipt out of its hour (-1), or put it in again (1)
INSERT INTO usage_hour (account, start_ms, key, model, requests, failed, input, cache_read,
    cache_write, output, reasoning, images, cost)
SELECT account, created_ms - created_ms % 3600000, coalesce(key, ''), coalesce(model, ''), ?2,
    ?2 * coalesce(outcome IN ('failed', 'crashed'), 0), ?2 * input, ?2 * cache_read,
    ?2 * cache_write, ?2 * output, ?2 * reasoning, ?2 * images, ?2 * cost
FROM receipt WHERE id = ?1 AND seq <= (SELECT value FROM meta WHERE name = 'folded')
ON CONFLICT (account, start_ms, key, model) DO UPDATE SET
    requests = requests + excluded.requests, failed = failed + excluded.failed,
    input = input + excluded.input, cache_read = cache_read + excluded.cache_read,
    cache_write = cache_write + excluded.cache_write, output = output + excluded.output,
    reasoning = reasoning + excluded.reasoning, images = images + excluded.images,
    cost = cost + excluded.cost;

-- @refold_day: take a folded receipt out of its day (-1), or put it in again (1)
INSERT INTO usage_day (account, start_ms, key, model, requests, failed, input, cache_read,
    cache_write, output, reasoning, images, cost)
SELECT account, created_ms - created_ms % 86400000, coalesce(key, ''), coalesce(model, ''), ?2,
    ?2 * coalesce(outcome IN ('failed', 'crashed'), 0), ?2 * input, ?2 * cache_read,
    ?2 * cache_write, ?2 * output, ?2 * reasoning, ?2 * images, ?2 * cost
FROM receipt WHERE id = ?1 AND seq <= (SELECT value FROM meta WHERE name = 'folded')
ON CONFLICT (account, start_ms, key, model) DO UPDATE SET
    requests = requests + excluded.requests, failed = failed + excluded.failed,
    input = input + excluded.input, cache_read = cache_read + excluded.cache_read,
    cache_write = cache_write + excluded.cache_write, output = output + excluded.output,
    reasoning = reasoning + excluded.reasoning, images = images + excluded.images,
    cost = cost + excluded.cost;

-- @prune_receipts: of the oldest few that are folded, those that ended too long ago; never the last
DELETE FROM receipt
WHERE seq IN (SELECT seq FROM receipt
        WHERE seq <= (SELECT value FROM meta WHERE name = 'folded')
            AND seq < (SELECT max(seq) FROM receipt)
        ORDER BY seq LIMIT ?2)
    AND ended_ms < ?1
RETURNING created_ms, ended_ms;

-- @prune_hours: a few of the hours that began too long ago
DELETE FROM usage_hour
WHERE (account, start_ms, key, model) IN (SELECT account, start_ms, key, model FROM usage_hour
    WHERE start_ms < ?1 ORDER BY start_ms LIMIT ?2)
RETURNING start_ms;

-- @usage_hours_of: what an account used, by hour, key and model
SELECT start_ms, account, key, model, sum(requests), sum(failed), sum(input), sum(cache_read),
    sum(cache_write), sum(output), sum(reasoning), sum(images), sum(cost)
FROM used_by_hour WHERE account = ?1 AND start_ms >= ?2 AND start_ms < ?3 AND key <> ''
GROUP BY start_ms, account, key, model ORDER BY start_ms, account, key, model;

-- @usage_hours: what every account used, by hour, key and model
SELECT start_ms, account, key, model, sum(requests), sum(failed), sum(input), sum(cache_read),
    sum(cache_write), sum(output), sum(reasoning), sum(images), sum(cost)
FROM used_by_hour WHERE start_ms >= ?1 AND start_ms < ?2 AND key <> ''
GROUP BY start_ms, account, key, model ORDER BY start_ms, account, key, model;

-- @usage_days_of: what an account used, by day, key and model
SELECT start_ms, account, key, model, sum(requests), sum(failed), sum(input), sum(cache_read),
    sum(cache_write), sum(output), sum(reasoning), sum(images), sum(cost)
FROM used_by_day WHERE account = ?1 AND start_ms >= ?2 AND start_ms < ?3 AND key <> ''
GROUP BY start_ms, account, key, model ORDER BY start_ms, account, key, model;

-- @usage_models_of: what an account used, by model
SELECT 0, account, '', model, sum(requests), sum(failed), sum(input), sum(cache_read),
    sum(cache_write), sum(output), sum(reasoning), sum(images), sum(cost)
FROM used_by_day WHERE account = ?1 AND start_ms >= ?2 AND start_ms < ?3 AND key <> ''
GROUP BY account, model ORDER BY model;

-- @usage_days: what every account used, by day, key and model
SELECT start_ms, account, key, model, sum(requests), sum(failed), sum(input), sum(cache_read),
    sum(cache_write), sum(output), sum(reasoning), sum(images), sum(cost)
FROM used_by_day WHERE start_ms >= ?1 AND start_ms < ?2 AND key <> ''
GROUP BY start_ms, account, key, model ORDER BY start_ms, account, key, model;

-- @spent_by_key: what a key has spent in all, and since three days
SELECT coalesce(sum(cost), 0), coalesce(sum(cost) FILTER (WHERE start_ms >= ?3), 0),
    coalesce(sum(cost) FILTER (WHERE start_ms >= ?4), 0),
    coalesce(sum(cost) FILTER (WHERE start_ms >= ?5), 0)
FROM used_by_day WHERE account = ?1 AND key = ?2;

-- @key_uses: what each key of an account was used for, in all and since three days, and when last
SELECT used.key, used.requests, used.total, used.day, used.week, used.month, coalesce(
    (SELECT created_ms FROM receipt WHERE account = ?1 AND created_ms >= used.last
        AND receipt.key = used.key ORDER BY created_ms DESC LIMIT 1), used.last)
FROM (SELECT key, sum(requests) AS requests, sum(cost) AS total,
        coalesce(sum(cost) FILTER (WHERE start_ms >= ?2), 0) AS day,
        coalesce(sum(cost) FILTER (WHERE start_ms >= ?3), 0) AS week,
        coalesce(sum(cost) FILTER (WHERE start_ms >= ?4), 0) AS month, max(start_ms) AS last
    FROM used_by_day WHERE account = ?1 AND key <> '' GROUP BY key) AS used;

-- @funds_of: what an account has, what is held of it, what it was charged in all, whether it ever paid
SELECT balance, held, (SELECT coalesce(sum(cost), 0) FROM used_by_day WHERE account = ?1),
    EXISTS (SELECT 1 FROM transfer WHERE account = ?1 AND kind = 'credit')
FROM account WHERE id = ?1 AND id <> 'house';

-- @verify_spent: accounts whose usage does not sum to what they were charged
SELECT account.id, coalesce(used.cost, 0), coalesce(posted.amount, 0)
FROM account
LEFT JOIN (SELECT account, sum(cost) AS cost FROM used_by_day GROUP BY account) AS used
    ON used.account = account.id
LEFT JOIN (SELECT account, -sum(amount) AS amount FROM transfer
    WHERE kind IN ('settle', 'expire') GROUP BY account) AS posted
    ON posted.account = account.id
WHERE coalesce(used.cost, 0) <> coalesce(posted.amount, 0);

-- @verify_hours: hours whose rollup is not the sum of their receipts, where none was pruned
SELECT account, start_ms, key, model, sum(requests), sum(cost)
FROM (SELECT account, start_ms, key, model, requests, failed, input, cache_read, cache_write,
        output, reasoning, images, cost
    FROM usage_hour
    UNION ALL
    SELECT account, created_ms - created_ms % 3600000, coalesce(key, ''), coalesce(model, ''), -1,
        -coalesce(outcome IN ('failed', 'crashed'), 0), -input, -cache_read, -cache_write, -output,
        -reasoning, -images, -cost
    FROM receipt WHERE seq <= (SELECT value FROM meta WHERE name = 'folded'))
WHERE start_ms > (SELECT max(value) FROM meta
    WHERE name IN ('pruned_created_ms', 'pruned_hour_ms'))
GROUP BY account, start_ms, key, model
HAVING sum(requests) <> 0 OR sum(failed) <> 0 OR sum(input) <> 0 OR sum(cache_read) <> 0
    OR sum(cache_write) <> 0 OR sum(output) <> 0 OR sum(reasoning) <> 0 OR sum(images) <> 0
    OR sum(cost) <> 0;

-- @verify_days: days that are not the sum of their hours, where no hour was pruned
SELECT account, day_ms, key, model, sum(requests), sum(cost)
FROM (SELECT account, start_ms AS day_ms, key, model, requests, failed, input, cache_read,
        cache_write, output, reasoning, images, cost
    FROM usage_day
    UNION ALL
    SELECT account, start_ms - start_ms % 86400000, key, model, -requests, -failed, -input,
        -cache_read, -cache_write, -output, -reasoning, -images, -cost
    FROM usage_hour)
WHERE day_ms > (SELECT value FROM meta WHERE name = 'pruned_hour_ms')
GROUP BY account, day_ms, key, model
HAVING sum(requests) <> 0 OR sum(failed) <> 0 OR sum(input) <> 0 OR sum(cache_read) <> 0
    OR sum(cache_write) <> 0 OR sum(output) <> 0 OR sum(reasoning) <> 0 OR sum(images) <> 0
    OR sum(cost) <> 0;
