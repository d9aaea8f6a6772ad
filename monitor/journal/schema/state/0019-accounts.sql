-- Who may use the console and the API: people, their sessions, tokens of programs. Times are UTC ms.
CREATE TABLE account (
    login      TEXT PRIMARY KEY,               -- what he signs in with
    name       TEXT NOT NULL,                  -- what his commands are kept under
    role       TEXT NOT NULL,                  -- viewer operator supervisor administrator
    password   TEXT NOT NULL DEFAULT '',       -- its argon2 hash; nothing: he has none yet
    person     TEXT NOT NULL DEFAULT '',       -- his id among the people of the site file
    language   TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    changed_at INTEGER NOT NULL,               -- of the password or the role
    signed_in  INTEGER,                        -- when he last did
    disabled   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE session (
    id         TEXT PRIMARY KEY,               -- the hash of what the cookie carries
    login      TEXT NOT NULL REFERENCES account ON DELETE CASCADE,
    csrf       TEXT NOT NULL,
    begun_at   INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    address    TEXT NOT NULL,
    browser    TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX session_of ON session (login);
CREATE INDEX session_expires ON session (expires_at);
-- One-time links: to choose a password.
CREATE TABLE invitation (
    id         TEXT PRIMARY KEY,               -- the hash of what the link carries
    login      TEXT NOT NULL REFERENCES account ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    by         TEXT NOT NULL
) STRICT;
CREATE TABLE api_token (
    id         TEXT PRIMARY KEY,               -- what people call it by
    name       TEXT NOT NULL,
    secret     TEXT NOT NULL UNIQUE,           -- the hash of what programs send
    scopes     TEXT NOT NULL,                  -- JSON: a list
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER,
    used_at    INTEGER
) STRICT;
-- What was done by whom, refusals among it. No contents: those of commands are in the journal.
CREATE TABLE audit (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    time    INTEGER NOT NULL,
    by      TEXT NOT NULL,
    via     TEXT NOT NULL,                     -- socket session token, or nothing: nobody knows
    address TEXT NOT NULL DEFAULT '',
    action  TEXT NOT NULL,                     -- the method and the route, or sign_in, sign_out …
    target  TEXT NOT NULL DEFAULT '',
    outcome INTEGER NOT NULL                   -- the status of the answer
) STRICT;
CREATE INDEX audit_time ON audit (time);
