-- @audit_new: what was done, by whom, and what it changed
INSERT INTO audit (at_ms, actor, act, subject, account, reason, before, after)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- @audit_page: what was done in the house, newest first
SELECT seq, at_ms, actor, act, subject, account, reason, before, after
FROM audit WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2;

-- @audit_page_of: what was done to one account, newest first
SELECT seq, at_ms, actor, act, subject, account, reason, before, after
FROM audit WHERE account = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3;

-- @audit_seek: acts below a place, newest first: of an account, by actor, act and words where asked
SELECT seq, at_ms, actor, act, subject, account, reason, before, after
FROM audit
WHERE seq < ?1 AND at_ms >= ?2 AND at_ms < ?3 AND (?4 IS NULL OR account = ?4)
    AND (?5 = '' OR instr(lower(actor), ?5) > 0) AND (?6 = '' OR act = ?6)
    AND (?7 = '' OR instr(lower(act || ' ' || subject || ' ' || reason), ?7) > 0)
ORDER BY seq DESC LIMIT ?8;
