PRAGMA application_id = 1179472724;
PRAGMA user_version = 14;
BEGIN TRANSACTION;
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
CREATE TABLE dead_letters (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    sink     TEXT NOT NULL,
    position INTEGER NOT NULL,                   -- the entry of the journal
    reason   TEXT NOT NULL,
    kind     INTEGER NOT NULL,                   -- as in the journal: 1 reading, 2 event, 3 derived, 4 transition
    body     BLOB NOT NULL,                      -- the entry, as in the journal
    time     INTEGER NOT NULL, line TEXT NOT NULL DEFAULT '', wanted INTEGER NOT NULL DEFAULT 0, refusals INTEGER NOT NULL DEFAULT 1, size INTEGER GENERATED ALWAYS AS (length(body) + 4 * length(line)) VIRTUAL,                   -- UTC ms of the refusal
    UNIQUE (sink, position)
) STRICT;
CREATE TABLE dead_letters_let_go (
    sink  TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE door_day (
    door TEXT NOT NULL,
    day  TEXT NOT NULL,                          -- local, ISO
    body TEXT NOT NULL,
    PRIMARY KEY (door, day)
) STRICT, WITHOUT ROWID;
CREATE TABLE doors (
    key  TEXT PRIMARY KEY,
    body TEXT NOT NULL                           -- JSON
) STRICT, WITHOUT ROWID;
CREATE TABLE health (
    key  TEXT PRIMARY KEY,
    body TEXT NOT NULL                           -- JSON
) STRICT, WITHOUT ROWID;
INSERT INTO "health" VALUES('','[1795378740000,3,1795378500000,{"now":1795378709500,"offset":0,"still":0,"before":0,"offset_before":0}]');
INSERT INTO "health" VALUES('(notice)','0');
INSERT INTO "health" VALUES('meter','["answering",[true,false,false],[0,1,0,1795378680000,2],[1795378620000,1795378650000],[5,2.0],[],360.0]');
INSERT INTO "health" VALUES('other','["never_answered",[false,false,false],[0,0,0,0,-1],[],[0,0.0],[],360.0]');
CREATE TABLE influx_occurrences (
    occurrence   TEXT PRIMARY KEY,
    series       BLOB NOT NULL,                  -- measurement and tags of the line at the start
    written      INTEGER NOT NULL,               -- UTC ms that line is written at
    start        INTEGER NOT NULL,               -- UTC ms
    ended        INTEGER,                        -- UTC ms; NULL while it lasts
    end_position INTEGER,                        -- the entry of the journal that ended it
    recorded     INTEGER NOT NULL                -- UTC ms of the newest step
) STRICT, WITHOUT ROWID;
CREATE TABLE influx_started (
    occurrence TEXT NOT NULL,
    sink       TEXT NOT NULL,
    PRIMARY KEY (occurrence, sink)
) STRICT, WITHOUT ROWID;
CREATE TABLE influx_times (
    series   INTEGER NOT NULL,
    time     INTEGER NOT NULL,                   -- UTC ms, as written
    position INTEGER NOT NULL,                   -- the entry of the journal that owns it
    recorded INTEGER NOT NULL,                   -- UTC ms of that entry; rows are dropped by it
    PRIMARY KEY (series, time)
) STRICT, WITHOUT ROWID;
CREATE TABLE outbox (
    id              INTEGER PRIMARY KEY,
    notification_id TEXT NOT NULL,
    occurrence      TEXT NOT NULL,
    kind            TEXT NOT NULL,               -- raise severity clear acknowledged
    person          TEXT NOT NULL,
    channel         TEXT NOT NULL,
    step            INTEGER NOT NULL,            -- the escalation step that wants it
    severity        TEXT NOT NULL,
    created         INTEGER NOT NULL,
    not_before      INTEGER NOT NULL,
    expires         INTEGER NOT NULL,
    state           TEXT NOT NULL DEFAULT 'queued',  -- queued sending sent failed unknown dead superseded
    attempts        INTEGER NOT NULL DEFAULT 0,
    next_at         INTEGER NOT NULL,            -- when to try next; not_before at first
    sent_at         INTEGER,
    last_error      TEXT NOT NULL DEFAULT '',
    body            TEXT NOT NULL, maybe_delivered INTEGER NOT NULL DEFAULT 0,               -- JSON: what the template needs
    UNIQUE (notification_id, person, channel)
) STRICT;
CREATE TABLE positions (
    consumer TEXT PRIMARY KEY,
    position INTEGER NOT NULL                    -- the last entry of the journal that is applied
) STRICT, WITHOUT ROWID;
INSERT INTO "positions" VALUES('health',8);
CREATE TABLE produced (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    producer TEXT NOT NULL,
    kind     INTEGER NOT NULL,                   -- as in the journal: 2 event, 3 derived, 4 transition
    body     BLOB NOT NULL
) STRICT;
CREATE TABLE reports (
    id      TEXT PRIMARY KEY,                    -- as in the site file
    since   INTEGER NOT NULL,                    -- its first start: what had ended before is not sent
    sure    INTEGER NOT NULL,                    -- whether the clock was known to be right then
    done    TEXT NOT NULL DEFAULT '',            -- the period's name (2026-10, 2026-W44, 2026-10-31); '': none yet
    done_at INTEGER                              -- when that was done
) STRICT;
CREATE TABLE restores (
    at        INTEGER PRIMARY KEY,               -- UTC ms
    copied    INTEGER,                           -- UTC ms of the copy; NULL: begun afresh
    until     INTEGER                            -- the journal's end then; NULL until the journal is open
) STRICT;
CREATE TABLE rule_memory (
    area TEXT NOT NULL,                          -- alarm event device engine
    key  TEXT NOT NULL,
    body TEXT NOT NULL,                          -- JSON
    PRIMARY KEY (area, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE unfed (
    number   INTEGER PRIMARY KEY,
    producer TEXT NOT NULL,
    kind     INTEGER NOT NULL,                   -- as in the journal: 2 event, 3 derived, 4 transition
    body     BLOB NOT NULL,
    reason   TEXT NOT NULL
) STRICT;
CREATE INDEX alarm_open ON alarm (raised_at) WHERE state <> 'clear' OR response <> 'none';
CREATE INDEX alarm_changed ON alarm (changed_at);
CREATE INDEX alarm_source ON alarm (rule, source_key);
CREATE INDEX outbox_due ON outbox (next_at) WHERE state IN ('queued', 'sending', 'failed');
CREATE INDEX outbox_occurrence ON outbox (occurrence);
CREATE INDEX outbox_pair ON outbox (occurrence, person, channel);
CREATE INDEX influx_times_position ON influx_times (position);
CREATE INDEX influx_times_recorded ON influx_times (recorded);
CREATE INDEX outbox_state ON outbox (state, expires);
CREATE INDEX dead_letters_time ON dead_letters (sink, time);
CREATE INDEX dead_letters_size ON dead_letters (sink, id, size);
CREATE INDEX door_day_by_day ON door_day (day);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('produced',9);
COMMIT;
