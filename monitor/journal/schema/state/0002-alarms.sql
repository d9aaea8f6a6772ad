-- What the alarms' shell keeps, in the transaction of its position. Times are UTC ms.

-- The engine's memory: alarm instances, waiting events, what judges have seen, timers, its time.
CREATE TABLE rule_memory (
    area TEXT NOT NULL,                          -- alarm event device engine
    key  TEXT NOT NULL,
    body TEXT NOT NULL,                          -- JSON
    PRIMARY KEY (area, key)
) STRICT, WITHOUT ROWID;

-- One row per occurrence: what lists and people see.
CREATE TABLE alarm (
    occurrence      TEXT PRIMARY KEY,
    rule            TEXT NOT NULL,
    source_key      TEXT NOT NULL,
    device          TEXT NOT NULL,
    point           TEXT,
    title           TEXT NOT NULL,
    response_text   TEXT NOT NULL,
    unit            TEXT,
    state           TEXT NOT NULL,               -- clear active recovering
    response        TEXT NOT NULL,               -- none unacked acked
    suppression     TEXT NOT NULL,               -- JSON list
    severity        TEXT NOT NULL,
    latched         INTEGER NOT NULL,            -- it waits for a reset, or will
    normal          INTEGER NOT NULL,            -- latched, and its condition is over
    momentary       INTEGER NOT NULL,            -- an event
    late            INTEGER NOT NULL,
    value           REAL,
    "limit"         REAL,
    since           INTEGER NOT NULL,
    raised_at       INTEGER NOT NULL,
    changed_at      INTEGER NOT NULL,
    acknowledged_at INTEGER,
    acknowledged_by TEXT NOT NULL DEFAULT '',
    cleared_at      INTEGER,
    reason          TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX alarm_open ON alarm (raised_at) WHERE state <> 'clear' OR response <> 'none';
CREATE INDEX alarm_changed ON alarm (changed_at);
CREATE INDEX alarm_source ON alarm (rule, source_key);

-- Every step of every occurrence, never changed.
CREATE TABLE alarm_event (
    occurrence   TEXT NOT NULL REFERENCES alarm (occurrence) ON DELETE CASCADE,
    number       INTEGER NOT NULL,
    time         INTEGER NOT NULL,
    cause        TEXT NOT NULL,
    state        TEXT NOT NULL,
    response     TEXT NOT NULL,
    severity     TEXT NOT NULL,
    value        REAL,
    "limit"      REAL,
    by           TEXT NOT NULL,
    reason       TEXT NOT NULL,
    rule_version TEXT NOT NULL,
    PRIMARY KEY (occurrence, number)
) STRICT, WITHOUT ROWID;
