-- What is known of people: who went where, who is in, whom nobody knows any more. Pseudonyms only; never a name.
CREATE TABLE positions (
    consumer TEXT PRIMARY KEY,
    position INTEGER NOT NULL                    -- the last entry of the journal that is applied
) STRICT, WITHOUT ROWID;

CREATE TABLE produced (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    producer TEXT NOT NULL,
    kind     INTEGER NOT NULL,                   -- as in the journal: 2 event, 3 derived, 4 transition
    body     BLOB NOT NULL
) STRICT;

CREATE TABLE unfed (
    number   INTEGER PRIMARY KEY,
    producer TEXT NOT NULL,
    kind     INTEGER NOT NULL,
    body     BLOB NOT NULL,
    reason   TEXT NOT NULL
) STRICT;

-- Everything that happened at doors and readers, for as long as `access.keep` says.
CREATE TABLE entry (
    position   INTEGER PRIMARY KEY,              -- in the journal
    device     TEXT NOT NULL,
    id         TEXT NOT NULL,                    -- unique per device, as in the journal
    kind       TEXT NOT NULL,
    time       INTEGER NOT NULL,                 -- UTC ms
    arrived    INTEGER NOT NULL,
    door       TEXT NOT NULL,                    -- '': none
    zone       TEXT NOT NULL,                    -- the zone it leads into; '': none
    direction  TEXT NOT NULL,                    -- in, out or ''
    result     TEXT NOT NULL,                    -- granted, denied or ''
    reason     TEXT NOT NULL,
    credential TEXT NOT NULL,                    -- a pseudonym; '': none, or no longer known; 'erased'
    attributes TEXT NOT NULL                     -- JSON: all others
) STRICT;
CREATE UNIQUE INDEX entry_by_id ON entry (device, id);
CREATE INDEX entry_by_time ON entry (time);
CREATE INDEX entry_by_credential ON entry (credential, time) WHERE credential <> '';

-- Who is in: one row for each person, in the innermost zone.
CREATE TABLE presence (
    credential TEXT PRIMARY KEY,
    zone       TEXT NOT NULL,
    since      INTEGER NOT NULL,                 -- UTC ms
    reader     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- People who had to be forgotten. The pseudonym is here only until it is nowhere else any more.
CREATE TABLE erasure (
    id        TEXT PRIMARY KEY,
    asked     INTEGER NOT NULL,                  -- UTC ms
    "by"      TEXT NOT NULL,
    reason    TEXT NOT NULL,
    pseudonym TEXT,                              -- NULL once it is done
    done      INTEGER,                           -- UTC ms
    body      TEXT NOT NULL                      -- JSON: place -> how often it was found there
) STRICT, WITHOUT ROWID;

-- What else has to be remembered, by key.
CREATE TABLE memory (
    key  TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
