-- @account_get: one account's money and state, for the working set of a batch
SELECT id, state, balance, held, open_holds, grants_open, grant_ends_ms
FROM account WHERE id = ?;

-- @account_put: write the working set back
UPDATE account SET balance = ?, held = ?, open_holds = ?, grants_open = ?, grant_ends_ms = ?
WHERE id = ?;

-- @house_add: the other side of every posting of a batch, summed
UPDATE account SET balance = balance + ? WHERE id = 'house';

-- @account_new: a new account; its name must not be taken by an open one
INSERT INTO account (id, name, plan, created_ms) VALUES (?, ?, ?, ?);

-- @account_change: another plan or state
UPDATE account SET plan = ?, state = ? WHERE id = ?;

-- @account_find: one account by its id
SELECT id, name, plan, balance, held, state, created_ms FROM account
WHERE id = ? AND id <> 'house';

-- @account_find_by_name: one account by the name it is open under
SELECT id, name, plan, balance, held, state, created_ms FROM account
WHERE name = ? AND state <> 'closed' AND id <> 'house';

-- @account_list: every account, oldest first
SELECT id, name, plan, balance, held, state, created_ms FROM account
WHERE id <> 'house' ORDER BY created_ms, id;

-- @account_seek: accounts below a place, newest first: by words, state and plan where asked
SELECT id, name, plan, balance, held, state, created_ms FROM account
WHERE id < ?1 AND id <> 'house' AND (?2 IS NULL OR state = ?2) AND (?3 IS NULL OR plan = ?3)
    AND (?4 = '' OR instr(lower(name), ?4) > 0 OR lower(id) = ?4)
ORDER BY id DESC LIMIT ?5;

-- @holds_list: what is held now, oldest first
SELECT id, account, amount, owed, lease, at_ms, key, model FROM hold ORDER BY at_ms, id LIMIT ?;

-- @transfer_new: one transfer, that is two postings
INSERT INTO transfer (account, at_ms, id, kind, amount, reason) VALUES (?, ?, ?, ?, ?, ?);

-- @transfer_find: a credit or a reversal by its id
SELECT account, kind, amount, reason FROM transfer
WHERE id = ? AND kind IN ('credit', 'reverse');

-- @transfer_account: whose a credit, a reversal or a charge is
SELECT account FROM transfer WHERE id = ?1 AND kind IN ('credit', 'reverse')
UNION ALL SELECT account FROM receipt WHERE id = ?1 AND cost > 0;

-- @charge_find: what a hold was charged when it ended, by the hold's id
SELECT account, CASE state WHEN 'settled' THEN 'settle' ELSE 'expire' END, -cost
FROM receipt WHERE id = ? AND cost > 0;

-- @grant_new: a period's grant, once
INSERT OR IGNORE INTO account_grant (account, period, amount, rest, ends_ms)
VALUES (?1, ?2, ?3, ?3, ?4);

-- @grant_raise: more for a period that was granted already
UPDATE account_grant SET amount = amount + ?1, rest = rest + ?1 WHERE account = ?2 AND period = ?3;

-- @grant_known: how much of a period's grant was posted already
SELECT amount FROM account_grant WHERE account = ? AND period = ?;

-- @grants_open: what is left of an account's grants, earliest end first
SELECT period, rest, ends_ms FROM account_grant
WHERE account = ? AND rest > 0 ORDER BY ends_ms, period;

-- @grant_put: what is left of a grant now
UPDATE account_grant SET rest = ? WHERE account = ? AND period = ?;

-- @grants_ended: accounts with an open grant whose end has come
SELECT id FROM account WHERE grant_ends_ms <= ? ORDER BY id;

-- @grant_list: every grant of an account, earliest end first
SELECT account, period, amount, rest, ends_ms FROM account_grant
WHERE account = ? ORDER BY ends_ms, period;

-- @hold_new: a hold, unless its id was ever used
INSERT OR IGNORE INTO hold (id, account, amount, lease, at_ms, key, model, terms)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
WHERE NOT EXISTS (SELECT 1 FROM receipt WHERE id = ?1);

-- @hold_end: take an open hold off the books
DELETE FROM hold WHERE id = ? RETURNING id, account, amount, owed, at_ms, key, model, terms;

-- @hold_note: what an open hold owes so far
UPDATE hold SET owed = ? WHERE id = ?;

-- @hold_words: what an open or ended hold was asked with
SELECT account, amount, terms FROM hold WHERE id = ?1
UNION ALL SELECT account, held, terms FROM receipt WHERE id = ?1;

-- @holds_of_lease: the open holds of one lease
SELECT id FROM hold WHERE lease = ? ORDER BY id;

-- @holds_of_others: the open holds of every other lease
SELECT id FROM hold WHERE lease <> ? ORDER BY id;

-- @ended_get: how a hold ended
SELECT account, held, state, owed, cost, lost, late FROM receipt WHERE id = ?;

-- @postings_of: an account's postings, newest first
SELECT id, account, amount, kind, at_ms, reason FROM transfer
WHERE account = ? ORDER BY at_ms DESC, id DESC LIMIT ?;

-- @postings_of_house: the house's postings, newest first
SELECT id, 'house', -amount, kind, at_ms, reason FROM transfer
ORDER BY at_ms DESC, id DESC LIMIT ?;

-- @house_balance: what the house has, before this batch
SELECT balance FROM account WHERE id = 'house';
