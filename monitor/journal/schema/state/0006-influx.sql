-- Which entry is written at which millisecond of which series in InfluxDB, so that two events of equal tags and
-- time stand side by side, and stand there again after a replay. `series` is a hash of measurement and tags.
CREATE TABLE influx_times (
    series   INTEGER NOT NULL,
    time     INTEGER NOT NULL,                   -- UTC ms, as written
    position INTEGER NOT NULL,                   -- the entry of the journal that owns it
    recorded INTEGER NOT NULL,                   -- UTC ms of that entry; rows are dropped by it
    PRIMARY KEY (series, time)
) STRICT, WITHOUT ROWID;
CREATE INDEX influx_times_position ON influx_times (position);
CREATE INDEX influx_times_recorded ON influx_times (recorded);

-- Occurrences of alarms: the line at their start gets its `end_ms` when they end.
CREATE TABLE influx_occurrences (
    occurrence   TEXT PRIMARY KEY,
    series       BLOB NOT NULL,                  -- measurement and tags of the line at the start
    written      INTEGER NOT NULL,               -- UTC ms that line is written at
    start        INTEGER NOT NULL,               -- UTC ms
    ended        INTEGER,                        -- UTC ms; NULL while it lasts
    end_position INTEGER,                        -- the entry of the journal that ended it
    recorded     INTEGER NOT NULL                -- UTC ms of the newest step
) STRICT, WITHOUT ROWID;

-- What a sink will never take, with the reason it gave. The newest 10,000 of each sink are kept.
CREATE TABLE dead_letters (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    sink     TEXT NOT NULL,
    position INTEGER NOT NULL,                   -- the entry of the journal
    reason   TEXT NOT NULL,
    kind     INTEGER NOT NULL,                   -- as in the journal: 1 reading, 2 event, 3 derived, 4 transition
    body     BLOB NOT NULL,                      -- the entry, as in the journal
    time     INTEGER NOT NULL,                   -- UTC ms of the refusal
    UNIQUE (sink, position)
) STRICT;
