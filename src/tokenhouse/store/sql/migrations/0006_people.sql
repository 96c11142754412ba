-- People: who signs in, which accounts they belong to, browsers that are signed in, codes that mails
-- carried, secrets for the control plane. Of every secret only its SHA-256 is here; of a password its
-- argon2id hash. Times are unix milliseconds UTC.

CREATE TABLE person (
    id TEXT PRIMARY KEY,
    email TEXT UNIQUE,
    name TEXT NOT NULL,
    password TEXT,
    verified_ms INTEGER,
    created_ms INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'suspended')),
    operator INTEGER NOT NULL DEFAULT 0 CHECK (operator IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE member (
    account TEXT NOT NULL,
    person TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('owner', 'developer', 'viewer')),
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (account, person)
) STRICT, WITHOUT ROWID;

CREATE INDEX member_by_person ON member (person);

-- `account`: the one that is looked at now.
CREATE TABLE session (
    digest BLOB PRIMARY KEY,
    person TEXT NOT NULL,
    account TEXT,
    csrf TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL,
    ends_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX session_by_person ON session (person);
CREATE INDEX session_by_end ON session (ends_ms);

CREATE TABLE mail_code (
    digest BLOB PRIMARY KEY,
    purpose TEXT NOT NULL CHECK (purpose IN ('verify', 'reset', 'invite')),
    email TEXT NOT NULL,
    person TEXT,
    account TEXT,
    role TEXT CHECK (role IN ('owner', 'developer', 'viewer')),
    operator INTEGER NOT NULL DEFAULT 0 CHECK (operator IN (0, 1)),
    actor TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    ends_ms INTEGER NOT NULL,
    used_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX mail_code_by_email ON mail_code (email);
CREATE INDEX mail_code_by_account ON mail_code (account) WHERE account IS NOT NULL;
CREATE INDEX mail_code_by_end ON mail_code (ends_ms);

CREATE TABLE access_token (
    id TEXT PRIMARY KEY,
    person TEXT NOT NULL,
    account TEXT,
    name TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    hint TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    ends_ms INTEGER,
    revoked_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX access_token_by_person ON access_token (person);

-- Who made the key, as the audit log names them.
ALTER TABLE key ADD COLUMN created_by TEXT NOT NULL DEFAULT '';
