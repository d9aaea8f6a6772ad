-- What metering keeps: its position, what it has to tell, and what every counter has counted.
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

CREATE TABLE counter (
    id     INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    point  TEXT NOT NULL,
    first  INTEGER,                              -- UTC ms of the first register that counts
    head   INTEGER,                              -- UTC ms of the last one: all before it is booked
    body   TEXT NOT NULL,                        -- JSON: what the engine has to remember
    UNIQUE (device, point)
) STRICT;

-- What was counted in each quarter of an hour (number of quarters since 1970, UTC).
CREATE TABLE quarter (
    counter  INTEGER NOT NULL REFERENCES counter,
    quarter  INTEGER NOT NULL,
    amount   REAL NOT NULL,                      -- in the unit of the point
    register REAL,                               -- what the register showed at the end of it; NULL: not known
    PRIMARY KEY (counter, quarter)
) STRICT, WITHOUT ROWID;

-- Steps that are more than counting on: holes, rollovers, resets, replacements, corrections.
CREATE TABLE step (
    id             INTEGER PRIMARY KEY,
    counter        INTEGER NOT NULL REFERENCES counter,
    start          INTEGER NOT NULL,             -- UTC ms of the sample before
    "end"          INTEGER NOT NULL,             -- UTC ms of the sample after
    start_register REAL,
    end_register   REAL,
    amount         REAL NOT NULL,
    cause          TEXT NOT NULL,
    lost           INTEGER NOT NULL,             -- whether the amount is a guess
    "by"           TEXT NOT NULL DEFAULT '',
    reason         TEXT NOT NULL DEFAULT '',
    command        TEXT NOT NULL DEFAULT ''      -- the id of the command that a person gave
) STRICT;
CREATE INDEX step_end ON step (counter, "end");

-- Local days that have been rolled up, so that years are added up in no time, and a change is seen.
CREATE TABLE day (
    device TEXT NOT NULL,                        -- a meter, also a virtual one
    start  INTEGER NOT NULL,                     -- UTC ms of the begin of the local day
    body   TEXT NOT NULL,                        -- JSON: the figures of the day as they were told last
    PRIMARY KEY (device, start)
) STRICT, WITHOUT ROWID;
CREATE INDEX day_start ON day (start);

CREATE TABLE coverage (
    device   TEXT NOT NULL,
    day      TEXT NOT NULL,                      -- local, ISO
    expected INTEGER NOT NULL,
    received INTEGER NOT NULL,
    late     INTEGER NOT NULL,
    lost     TEXT NOT NULL,                      -- JSON: cause -> number
    PRIMARY KEY (device, day)
) STRICT, WITHOUT ROWID;

-- What else metering has to remember, by key.
CREATE TABLE memory (
    key  TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
