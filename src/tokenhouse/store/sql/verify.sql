-- @verify_open_holds: how many holds are open
SELECT count(*) FROM hold;

-- @verify_balances: accounts whose balance is not the sum of their postings
SELECT account.id, account.balance, coalesce(posted.amount, 0)
FROM account LEFT JOIN (SELECT account, sum(amount) AS amount FROM posting GROUP BY account)
    AS posted ON posted.account = account.id
WHERE account.balance <> coalesce(posted.amount, 0);

-- @verify_strangers: postings on accounts that are not there
SELECT DISTINCT account FROM transfer WHERE account NOT IN (SELECT id FROM account);

-- @verify_held: accounts whose held sum or count is not that of their open holds
SELECT account.id, account.held, account.open_holds, coalesce(held.amount, 0), coalesce(held.n, 0)
FROM account LEFT JOIN (SELECT account, sum(amount) AS amount, count(*) AS n FROM hold
    GROUP BY account) AS held ON held.account = account.id
WHERE account.held <> coalesce(held.amount, 0) OR account.open_holds <> coalesce(held.n, 0);

-- @verify_orphans: open holds of accounts, and of requests whose leases, are not there
SELECT id, account, lease FROM hold
WHERE account NOT IN (SELECT id FROM account)
    OR key IS NOT NULL AND lease NOT IN (SELECT id FROM lease);

-- @verify_twice: holds that are open and ended at once
SELECT hold.id FROM hold JOIN receipt ON receipt.id = hold.id;

-- @verify_grants: accounts whose count of open grants is wrong
SELECT account.id, account.grants_open, coalesce(open.n, 0)
FROM account LEFT JOIN (SELECT account, count(*) AS n FROM account_grant WHERE rest > 0
    GROUP BY account) AS open ON open.account = account.id
WHERE account.grants_open <> coalesce(open.n, 0);

-- @verify_charges: ended holds whose cost is not what was posted for them
SELECT receipt.id, receipt.cost, coalesce(-transfer.amount, 0)
FROM receipt LEFT JOIN transfer ON transfer.account = receipt.account
    AND transfer.at_ms = receipt.ended_ms AND transfer.id = receipt.id
    AND transfer.kind IN ('settle', 'expire')
WHERE receipt.cost <> coalesce(-transfer.amount, 0);

-- @verify_uncaused: charges of no ended hold, since the last that was pruned
SELECT transfer.id FROM transfer LEFT JOIN receipt ON receipt.id = transfer.id
WHERE transfer.kind IN ('settle', 'expire') AND receipt.id IS NULL
    AND transfer.at_ms > (SELECT value FROM meta WHERE name = 'pruned_ended_ms');

-- @verify_overdrawn: accounts below zero though nothing of theirs was ever reversed
SELECT id, balance, held FROM account
WHERE balance < held AND id <> 'house'
    AND id NOT IN (SELECT account FROM transfer WHERE kind = 'reverse');

-- @verify_keys: idempotency keys whose request runs though its hold is not open
SELECT name, account, request FROM idempotency
WHERE state = 'running' AND request NOT IN (SELECT id FROM hold);
