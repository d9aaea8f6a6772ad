-- What is sent again to a sink, or was: of each sink the last one that somebody asked for.
CREATE TABLE backfills (
    sink    TEXT PRIMARY KEY,
    first   INTEGER NOT NULL,                    -- UTC ms: entries with first <= time < until
    until   INTEGER NOT NULL,
    asked   INTEGER NOT NULL,                    -- UTC ms
    by      TEXT NOT NULL,
    place   TEXT NOT NULL,                       -- JSON: how far it has come
    entries INTEGER NOT NULL DEFAULT 0,
    ended   INTEGER,                             -- UTC ms; NULL while it is under way
    outcome TEXT NOT NULL DEFAULT ''             -- done or stopped
) STRICT, WITHOUT ROWID;
