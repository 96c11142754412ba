-- @person_new: someone who comes in
INSERT INTO person (id, email, name, password, verified_ms, created_ms, operator)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- @person_get: a person by their id
SELECT id, coalesce(email, ''), name, verified_ms IS NOT NULL, operator, created_ms, state, password
FROM person WHERE id = ?;

-- @person_by_email: a person by their address
SELECT id, coalesce(email, ''), name, verified_ms IS NOT NULL, operator, created_ms, state, password
FROM person WHERE email = ?;

-- @persons_page: people behind an id, whose address or name has a part
SELECT id, coalesce(email, ''), name, verified_ms IS NOT NULL, operator, created_ms, state, password
FROM person
WHERE id > ?1 AND (instr(lower(coalesce(email, '')), ?2) > 0 OR instr(lower(name), ?2) > 0)
ORDER BY id LIMIT ?3;

-- @operator_any: is there somebody who operates this house?
SELECT 1 FROM person WHERE operator = 1 LIMIT 1;

-- @person_renew: someone whose address is not proven signs up again
UPDATE person SET name = ?2, password = ?3 WHERE id = ?1;

-- @person_prove: an address is proven
UPDATE person SET verified_ms = coalesce(verified_ms, ?2) WHERE id = ?1;

-- @person_change: another address or name
UPDATE person SET email = ?2, name = ?3, verified_ms = coalesce(verified_ms, ?4) WHERE id = ?1;

-- @person_password: another password
UPDATE person SET password = ?2 WHERE id = ?1;

-- @person_rehash: the same password under another hash
UPDATE person SET password = ?3 WHERE id = ?1 AND password = ?2;

-- @person_operator: an operator, or one no more
UPDATE person SET operator = ?2 WHERE id = ?1;

-- @person_state: suspended, or open again
UPDATE person SET state = ?2 WHERE id = ?1;

-- @persons_forget: those who never proved their address and whose codes are long over
DELETE FROM person
WHERE verified_ms IS NULL AND operator = 0 AND created_ms < ?1
    AND NOT EXISTS (SELECT 1 FROM member WHERE member.person = person.id)
    AND NOT EXISTS (SELECT 1 FROM mail_code WHERE mail_code.person = person.id AND ends_ms > ?2);

-- @member_new: a person belongs to an account from now on
INSERT INTO member (account, person, role, since_ms) VALUES (?, ?, ?, ?)
ON CONFLICT (account, person) DO NOTHING;

-- @member_role: another role
UPDATE member SET role = ?3 WHERE account = ?1 AND person = ?2;

-- @member_drop: a person belongs to an account no more
DELETE FROM member WHERE account = ?1 AND person = ?2;

-- @member_get: one person of an account
SELECT person.id, coalesce(email, ''), name, verified_ms IS NOT NULL, operator, created_ms, state,
    role, since_ms
FROM member JOIN person ON person.id = member.person
WHERE member.account = ?1 AND member.person = ?2;

-- @members_of: an account's people, oldest first
SELECT person.id, coalesce(email, ''), name, verified_ms IS NOT NULL, operator, created_ms, state,
    role, since_ms
FROM member JOIN person ON person.id = member.person
WHERE member.account = ? ORDER BY since_ms, person.id;

-- @owners_count: how many owners an account has
SELECT count(*) FROM member WHERE account = ? AND role = 'owner';

-- @memberships_of: a person's accounts, oldest first
SELECT account.id, account.name, role, account.state
FROM member JOIN account ON account.id = member.account
WHERE member.person = ? AND account.state <> 'closed' ORDER BY since_ms, account.id;

-- @session_new: a browser is signed in
INSERT INTO session (digest, person, account, csrf, created_ms, seen_ms, ends_ms)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- @session_find: a session with its person, and their part in the account that it looks at
SELECT session.digest, session.person, session.account, csrf, session.created_ms, seen_ms, ends_ms,
    person.id, coalesce(email, ''), person.name, verified_ms IS NOT NULL, operator, person.created_ms,
    person.state,
    account.id, account.name, role, account.state
FROM session JOIN person ON person.id = session.person
LEFT JOIN member ON member.person = session.person AND member.account = session.account
LEFT JOIN account ON account.id = member.account AND account.state <> 'closed'
WHERE session.digest = ?;

-- @session_touch: a session was used
UPDATE session SET seen_ms = ?2 WHERE digest = ?1;

-- @session_account: a session looks at another account
UPDATE session SET account = ?2 WHERE digest = ?1
AND EXISTS (SELECT 1 FROM member WHERE member.account = ?2 AND member.person = session.person);

-- @session_end: a browser is signed out
DELETE FROM session WHERE digest = ?;

-- @sessions_end: a person is signed out everywhere
DELETE FROM session WHERE person = ?;

-- @sessions_forget: sessions whose time is over
DELETE FROM session WHERE ends_ms <= ?;

-- @code_new: a code that a mail carries
INSERT INTO mail_code (digest, purpose, email, person, account, role, operator, actor, created_ms,
    ends_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- @code_find: a code by its digest
SELECT digest, purpose, email, person, account, role, operator, actor, mail_code.created_ms, ends_ms,
    used_ms, coalesce((SELECT name FROM account WHERE account.id = mail_code.account), '')
FROM mail_code WHERE digest = ?;

-- @code_use: a code, and those sent for the same, can be used no more
UPDATE mail_code SET used_ms = ?3 WHERE purpose = ?1 AND email = ?2 AND used_ms IS NULL;

-- @code_use_one: an invitation can be used no more
UPDATE mail_code SET used_ms = ?2 WHERE digest = ?1 AND used_ms IS NULL;

-- @invitations_drop: invitations to one address and account are used no more
UPDATE mail_code SET used_ms = ?3
WHERE purpose = 'invite' AND email = ?1 AND coalesce(account, '') = coalesce(?2, '')
    AND used_ms IS NULL AND ends_ms > ?3;

-- @invitations_of: invitations that can still be accepted, newest first
SELECT digest, purpose, email, person, account, role, operator, actor, mail_code.created_ms, ends_ms,
    used_ms, coalesce((SELECT name FROM account WHERE account.id = mail_code.account), '')
FROM mail_code
WHERE purpose = 'invite' AND coalesce(account, '') = coalesce(?1, '') AND used_ms IS NULL
    AND ends_ms > ?2
ORDER BY mail_code.created_ms DESC, email;

-- @codes_forget: codes whose time has been over for long
DELETE FROM mail_code WHERE ends_ms <= ?;

-- @token_new: a secret for the control plane, by its digest
INSERT INTO access_token (id, person, account, name, digest, hint, created_ms, ends_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- @token_find: a token with its person, and their part in its account
SELECT token.id, token.person, token.account, token.name, digest, hint, token.created_ms, ends_ms,
    revoked_ms,
    person.id, coalesce(email, ''), person.name, verified_ms IS NOT NULL, operator, person.created_ms,
    person.state,
    account.id, account.name, role, account.state
FROM access_token AS token JOIN person ON person.id = token.person
LEFT JOIN member ON member.person = token.person AND member.account = token.account
LEFT JOIN account ON account.id = member.account AND account.state <> 'closed'
WHERE token.digest = ?;

-- @tokens_of: a person's tokens, newest first
SELECT id, person, account, name, digest, hint, created_ms, ends_ms, revoked_ms
FROM access_token WHERE person = ? ORDER BY id DESC;

-- @token_get: one of a person's tokens
SELECT id, person, account, name, digest, hint, created_ms, ends_ms, revoked_ms
FROM access_token WHERE person = ?1 AND id = ?2;

-- @tokens_end: none of a person's tokens is live any more
UPDATE access_token SET revoked_ms = ?2 WHERE person = ?1 AND revoked_ms IS NULL;

-- @token_revoke: a token that was live is so no more
UPDATE access_token SET revoked_ms = ?3 WHERE person = ?1 AND id = ?2 AND revoked_ms IS NULL;
