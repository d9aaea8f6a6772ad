-- Each time that an older copy took the place of this file, or that it was begun beside a journal with entries.
-- Messages about what happened before `at` may have been sent already.
CREATE TABLE restores (
    at        INTEGER PRIMARY KEY,               -- UTC ms
    copied    INTEGER,                           -- UTC ms of the copy; NULL: begun afresh
    until     INTEGER                            -- the journal's end then; NULL until the journal is open
) STRICT;

-- What the feeder could not append to the journal, with the reason.
CREATE TABLE unfed (
    number   INTEGER PRIMARY KEY,
    producer TEXT NOT NULL,
    kind     INTEGER NOT NULL,                   -- as in the journal: 2 event, 3 derived, 4 transition
    body     BLOB NOT NULL,
    reason   TEXT NOT NULL
) STRICT;
