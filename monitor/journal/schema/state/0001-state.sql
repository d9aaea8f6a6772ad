-- What every consumer of the journal keeps beside its own tables, in one transaction with them.
CREATE TABLE positions (
    consumer TEXT PRIMARY KEY,
    position INTEGER NOT NULL                    -- the last entry of the journal that is applied
) STRICT, WITHOUT ROWID;

-- Entries that a consumer has made and that the feeder still has to append to the journal, in order.
CREATE TABLE produced (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    producer TEXT NOT NULL,
    kind     INTEGER NOT NULL,                   -- as in the journal: 2 event, 3 derived, 4 transition
    body     BLOB NOT NULL
) STRICT;
