-- @audit_new: what was done, by whom, and what it changed
INSERT INTO audit (at_ms, actor, act, subject, account, reason, before, after)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- @audit_page: what was done in the house, newest first
SELECT seq, at_ms, actor, act, subject, account, reason, before, after
FROM audit WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2;

-- @audit_page_of: what was done to one account, newest first
SELECT seq, at_ms, actor, act, subject, account, reason, before, after
FROM audit WHERE account = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3;
