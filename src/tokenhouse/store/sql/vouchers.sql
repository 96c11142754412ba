-- @voucher_new: a voucher, by the digest of its code
INSERT INTO voucher (id, lot, digest, hint, amount, reason, created_ms, expires_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- @voucher_by_digest: the voucher of a code
SELECT id, lot, hint, amount, reason, created_ms, expires_ms, revoked_ms, redeemed_ms, account
FROM voucher WHERE digest = ?;

-- @vouchers_named: a voucher by its id, or every voucher of a lot
SELECT id, lot, hint, amount, reason, created_ms, expires_ms, revoked_ms, redeemed_ms, account
FROM voucher WHERE id = ?1
UNION ALL
SELECT id, lot, hint, amount, reason, created_ms, expires_ms, revoked_ms, redeemed_ms, account
FROM voucher WHERE lot = ?1;

-- @vouchers_page: vouchers, newest first, before an id
SELECT id, lot, hint, amount, reason, created_ms, expires_ms, revoked_ms, redeemed_ms, account
FROM voucher WHERE id < ?1 ORDER BY id DESC LIMIT ?2;

-- @voucher_revoke: a voucher that was open is so no more
UPDATE voucher SET revoked_ms = ?2
WHERE id = ?1 AND revoked_ms IS NULL AND redeemed_ms IS NULL;

-- @voucher_redeem: a voucher has been turned into an account's credit
UPDATE voucher SET redeemed_ms = ?2, account = ?3 WHERE id = ?1;
