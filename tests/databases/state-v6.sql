PRAGMA application_id = 1179472724;
PRAGMA user_version = 6;
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
INSERT INTO "alarm" VALUES('bf275043726904d0','fault','pump-1/fault','pump-1','fault','fault: pump-1','',NULL,'clear','unacked','[]','high',0,0,0,0,0.0,NULL,1795393382809,1795393382809,1795393385309,NULL,'',1795393385309,'');
INSERT INTO "alarm" VALUES('651e7ba6cd88621c','fault','pump-2/fault','pump-2','fault','fault: pump-2','',NULL,'active','acked','[]','high',0,0,0,0,1.0,NULL,1795393382810,1795393382810,1795393386078,1795393386078,'root',NULL,'on my way');
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
INSERT INTO "alarm_event" VALUES('651e7ba6cd88621c',1,1795393382810,'raised','active','unacked','high',1.0,NULL,'','','76c8a5e0');
INSERT INTO "alarm_event" VALUES('651e7ba6cd88621c',2,1795393386078,'acknowledged','active','acked','high',1.0,NULL,'root','on my way','76c8a5e0');
INSERT INTO "alarm_event" VALUES('bf275043726904d0',1,1795393382809,'raised','active','unacked','high',1.0,NULL,'','','76c8a5e0');
INSERT INTO "alarm_event" VALUES('bf275043726904d0',2,1795393385309,'cleared','clear','unacked','high',0.0,NULL,'','','76c8a5e0');
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
CREATE TABLE doors (
    key  TEXT PRIMARY KEY,
    body TEXT NOT NULL                           -- JSON
) STRICT, WITHOUT ROWID;
CREATE TABLE influx_occurrences (
    occurrence   TEXT PRIMARY KEY,
    series       BLOB NOT NULL,                  -- measurement and tags of the line at the start
    written      INTEGER NOT NULL,               -- UTC ms that line is written at
    start        INTEGER NOT NULL,               -- UTC ms
    ended        INTEGER,                        -- UTC ms; NULL while it lasts
    end_position INTEGER,                        -- the entry of the journal that ended it
    recorded     INTEGER NOT NULL                -- UTC ms of the newest step
) STRICT, WITHOUT ROWID;
INSERT INTO "influx_occurrences" VALUES('651e7ba6cd88621c',X'616C61726D732C736974653D776F726B732C6465766963653D70756D702D322C72756C653D6661756C742C706F696E743D6661756C74',1795393382810,1795393382810,NULL,NULL,1795393383226);
INSERT INTO "influx_occurrences" VALUES('bf275043726904d0',X'616C61726D732C736974653D776F726B732C6465766963653D70756D702D312C72756C653D6661756C742C706F696E743D6661756C74',1795393382809,1795393382809,1795393385309,34,1795393385347);
CREATE TABLE influx_times (
    series   INTEGER NOT NULL,
    time     INTEGER NOT NULL,                   -- UTC ms, as written
    position INTEGER NOT NULL,                   -- the entry of the journal that owns it
    recorded INTEGER NOT NULL,                   -- UTC ms of that entry; rows are dropped by it
    PRIMARY KEY (series, time)
) STRICT, WITHOUT ROWID;
INSERT INTO "influx_times" VALUES(-9093100746612276404,1795393379678,1,1795393379824);
INSERT INTO "influx_times" VALUES(-6346322161611084684,1795393382810,21,1795393383226);
INSERT INTO "influx_times" VALUES(-6346322161611084684,1795393386078,39,1795393386091);
INSERT INTO "influx_times" VALUES(-1989936090065452692,1795393382809,20,1795393383226);
INSERT INTO "influx_times" VALUES(-1989936090065452692,1795393385309,34,1795393385347);
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
INSERT INTO "outbox" VALUES(1,'bf275043726904d0:raise:1','bf275043726904d0','raise','ana','mail',0,'high',1795393382829,1795393382809,1795436582809,'sent',1,1795393382809,1795393384854,'','{"site": {"id": "works", "name": "works", "timezone": "Europe/Berlin"}, "device": {"id": "pump-1", "name": "pump-1"}, "rule": {"id": "fault", "name": "fault", "kind": "state"}, "occurrence": "bf275043726904d0", "since": 1795393382809, "time": 1795393382809, "severity": "high", "cause": "raised", "late": false, "class": "equipment", "point": "fault", "value": 1.0, "after": 0}',0);
INSERT INTO "outbox" VALUES(2,'bf275043726904d0:raise:1','bf275043726904d0','raise','ben','mail',1,'high',1795393382829,1795396982809,1795440182809,'queued',0,1795396982809,NULL,'','{"site": {"id": "works", "name": "works", "timezone": "Europe/Berlin"}, "device": {"id": "pump-1", "name": "pump-1"}, "rule": {"id": "fault", "name": "fault", "kind": "state"}, "occurrence": "bf275043726904d0", "since": 1795393382809, "time": 1795393382809, "severity": "high", "cause": "raised", "late": false, "class": "equipment", "point": "fault", "value": 1.0, "after": 3600000}',0);
INSERT INTO "outbox" VALUES(3,'651e7ba6cd88621c:raise:1','651e7ba6cd88621c','raise','ana','mail',0,'high',1795393382829,1795393382810,1795436582810,'sent',1,1795393382810,1795393384943,'','{"site": {"id": "works", "name": "works", "timezone": "Europe/Berlin"}, "device": {"id": "pump-2", "name": "pump-2"}, "rule": {"id": "fault", "name": "fault", "kind": "state"}, "occurrence": "651e7ba6cd88621c", "since": 1795393382810, "time": 1795393382810, "severity": "high", "cause": "raised", "late": false, "class": "equipment", "point": "fault", "value": 1.0, "after": 0}',0);
INSERT INTO "outbox" VALUES(4,'651e7ba6cd88621c:raise:1','651e7ba6cd88621c','raise','ben','mail',1,'high',1795393382829,1795396982810,1795440182810,'queued',0,1795396982810,NULL,'','{"site": {"id": "works", "name": "works", "timezone": "Europe/Berlin"}, "device": {"id": "pump-2", "name": "pump-2"}, "rule": {"id": "fault", "name": "fault", "kind": "state"}, "occurrence": "651e7ba6cd88621c", "since": 1795393382810, "time": 1795393382810, "severity": "high", "cause": "raised", "late": false, "class": "equipment", "point": "fault", "value": 1.0, "after": 3600000}',0);
INSERT INTO "outbox" VALUES(5,'bf275043726904d0:clear:2','bf275043726904d0','clear','ana','mail',0,'high',1795393385322,1795393385309,1795436585309,'sent',1,1795393385309,1795393385484,'','{"site": {"id": "works", "name": "works", "timezone": "Europe/Berlin"}, "device": {"id": "pump-1", "name": "pump-1"}, "rule": {"id": "fault", "name": "fault", "kind": "state"}, "occurrence": "bf275043726904d0", "since": 1795393382809, "time": 1795393385309, "severity": "high", "cause": "cleared", "late": false, "class": "equipment", "point": "fault", "value": 0.0, "after": 0}',0);
INSERT INTO "outbox" VALUES(6,'bf275043726904d0:clear:2','bf275043726904d0','clear','ben','mail',0,'high',1795393385322,1795393385309,1795436585309,'superseded',0,1795393385309,NULL,'this person was never told of the alarm','{"site": {"id": "works", "name": "works", "timezone": "Europe/Berlin"}, "device": {"id": "pump-1", "name": "pump-1"}, "rule": {"id": "fault", "name": "fault", "kind": "state"}, "occurrence": "bf275043726904d0", "since": 1795393382809, "time": 1795393385309, "severity": "high", "cause": "cleared", "late": false, "class": "equipment", "point": "fault", "value": 0.0, "after": 0}',0);
INSERT INTO "outbox" VALUES(7,'651e7ba6cd88621c:acknowledged:2','651e7ba6cd88621c','acknowledged','ana','mail',0,'high',1795393386087,1795393386078,1795436586078,'sent',1,1795393386078,1795393386237,'','{"site": {"id": "works", "name": "works", "timezone": "Europe/Berlin"}, "device": {"id": "pump-2", "name": "pump-2"}, "rule": {"id": "fault", "name": "fault", "kind": "state"}, "occurrence": "651e7ba6cd88621c", "since": 1795393382810, "time": 1795393386078, "severity": "high", "cause": "acknowledged", "late": false, "class": "equipment", "by": "root", "reason": "on my way", "point": "fault", "value": 1.0, "after": 0}',0);
INSERT INTO "outbox" VALUES(8,'651e7ba6cd88621c:acknowledged:2','651e7ba6cd88621c','acknowledged','ben','mail',0,'high',1795393386087,1795393386078,1795436586078,'superseded',0,1795393386078,NULL,'this person was never told of the alarm','{"site": {"id": "works", "name": "works", "timezone": "Europe/Berlin"}, "device": {"id": "pump-2", "name": "pump-2"}, "rule": {"id": "fault", "name": "fault", "kind": "state"}, "occurrence": "651e7ba6cd88621c", "since": 1795393382810, "time": 1795393386078, "severity": "high", "cause": "acknowledged", "late": false, "class": "equipment", "by": "root", "reason": "on my way", "point": "fault", "value": 1.0, "after": 0}',0);
CREATE TABLE positions (
    consumer TEXT PRIMARY KEY,
    position INTEGER NOT NULL                    -- the last entry of the journal that is applied
) STRICT, WITHOUT ROWID;
INSERT INTO "positions" VALUES('alarms',54);
INSERT INTO "positions" VALUES('doors',49);
INSERT INTO "positions" VALUES('influxdb',54);
CREATE TABLE produced (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    producer TEXT NOT NULL,
    kind     INTEGER NOT NULL,                   -- as in the journal: 2 event, 3 derived, 4 transition
    body     BLOB NOT NULL
) STRICT;
CREATE TABLE rule_memory (
    area TEXT NOT NULL,                          -- alarm event device engine
    key  TEXT NOT NULL,
    body TEXT NOT NULL,                          -- JSON
    PRIMARY KEY (area, key)
) STRICT, WITHOUT ROWID;
INSERT INTO "rule_memory" VALUES('alarm','fault/pump-1/fault','{"condition": "clear", "response": "unacked", "occurrence": "bf275043726904d0", "step": 2, "severity": "high", "level": 0, "engaged": 0, "value": 0.0, "limit": null, "held": 0, "run_from": null, "since": 1795393382809, "raised_at": 1795393382809, "unknown_since": null, "normal_since": null, "down_from": null, "last_time": 1795393385309, "near_misses": 0, "rule": "fault", "name": "fault", "kind": "state", "device": "pump-1", "point": "fault"}');
INSERT INTO "rule_memory" VALUES('alarm','fault/pump-2/fault','{"condition": "active", "response": "acked", "occurrence": "651e7ba6cd88621c", "step": 2, "severity": "high", "level": 1, "engaged": 1, "value": 1.0, "limit": null, "held": 0, "run_from": null, "since": 1795393382810, "raised_at": 1795393382810, "unknown_since": null, "normal_since": null, "down_from": null, "last_time": 1795393386078, "near_misses": 0, "rule": "fault", "name": "fault", "kind": "state", "device": "pump-2", "point": "fault"}');
INSERT INTO "rule_memory" VALUES('alarm','overload/meter/power_w','{"condition": "pending", "response": "none", "occurrence": "", "step": 0, "severity": "", "level": 1, "engaged": 0, "value": 5000.0, "limit": 2000.0, "held": 0, "run_from": 1795393382809, "since": 1795393382809, "raised_at": 0, "unknown_since": null, "normal_since": null, "down_from": null, "last_time": 0, "near_misses": 0, "rule": "overload", "name": "overload", "kind": "threshold", "device": "meter", "point": "power_w"}');
INSERT INTO "rule_memory" VALUES('device','meter','{"points": {"power_w": 1795393388811}, "judges": {}}');
INSERT INTO "rule_memory" VALUES('device','pump-1','{"points": {"fault": 1795393388811}, "judges": {}}');
INSERT INTO "rule_memory" VALUES('device','pump-2','{"points": {"fault": 1795393388812}, "judges": {}}');
INSERT INTO "rule_memory" VALUES('engine','time','{"now": 1795393388819, "offset": 0, "still": 0, "before": 0, "offset_before": 0, "started_at": 1795393379827}');
CREATE INDEX alarm_open ON alarm (raised_at) WHERE state <> 'clear' OR response <> 'none';
CREATE INDEX alarm_changed ON alarm (changed_at);
CREATE INDEX alarm_source ON alarm (rule, source_key);
CREATE INDEX outbox_due ON outbox (next_at) WHERE state IN ('queued', 'sending', 'failed');
CREATE INDEX outbox_occurrence ON outbox (occurrence);
CREATE INDEX outbox_pair ON outbox (occurrence, person, channel);
CREATE INDEX influx_times_position ON influx_times (position);
CREATE INDEX influx_times_recorded ON influx_times (recorded);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('produced',4);
COMMIT;
