-- The sequence. Positions are given by the writer: without holes, but for those in `gaps`.
CREATE TABLE entries (
    position INTEGER PRIMARY KEY,
    recorded INTEGER NOT NULL,                   -- UTC ms: when the writer took it; never decreases
    kind     INTEGER NOT NULL,                   -- 1 reading, 2 event, 3 derived, 4 transition, 5 command
    device   TEXT NOT NULL,                      -- of a command: its target
    time     INTEGER NOT NULL,                   -- UTC ms: the entry's own
    identity TEXT,                               -- what may be kept only once
    body     BLOB NOT NULL                       -- JSON
) STRICT;
CREATE INDEX entries_by_device ON entries (device, time);
CREATE UNIQUE INDEX entries_by_identity ON entries (identity) WHERE identity IS NOT NULL;

-- Positions after `after` up to and including `until` hold nothing (any more): trimmed or lost.
CREATE TABLE gaps (
    after  INTEGER PRIMARY KEY,
    until  INTEGER NOT NULL,
    reason TEXT NOT NULL
) STRICT;

-- How far each consumer has come, as far as trimming needs to know.
CREATE TABLE consumers (
    name     TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Ids of batches that their senders may send again.
CREATE TABLE deliveries (
    id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
