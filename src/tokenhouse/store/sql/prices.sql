-- @price_last: the price of a model that came into force last
SELECT number, version FROM price WHERE model = ? ORDER BY number DESC LIMIT 1;

-- @price_new: a price comes into force
INSERT INTO price (model, number, version, rates, from_ms) VALUES (?, ?, ?, ?, ?);

-- @price_get: what a version says; models of one price share it
SELECT model, version, rates, from_ms FROM price WHERE version = ? ORDER BY from_ms LIMIT 1;

-- @price_list: every price there ever was, by model, oldest first
SELECT model, version, rates, from_ms FROM price ORDER BY model, number;

-- @price_list_of: every price of one model, oldest first
SELECT model, version, rates, from_ms FROM price WHERE model = ? ORDER BY number;

-- @free_day_get: an account's requests to free variants on a day
SELECT requests FROM free_day WHERE account = ? AND day = ?;

-- @free_day_take: one more of them
INSERT INTO free_day (account, day, requests) VALUES (?, ?, 1)
ON CONFLICT (account, day) DO UPDATE SET requests = requests + 1;

-- @free_days_drop: days that no clock comes back to
DELETE FROM free_day WHERE day < ?;
