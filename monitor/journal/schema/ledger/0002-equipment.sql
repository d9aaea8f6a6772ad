-- What equipment, batteries and the supply did: years of it, as of the meters. JSON bodies hold durations in seconds.

-- What the engine has to remember of each device, group and supply (key: `machine/…`, `group/…`, `supply/…` …).
CREATE TABLE upkeep (
    key  TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Local days of equipment; the running one too.
CREATE TABLE equipment_day (
    device TEXT NOT NULL,
    day    TEXT NOT NULL,                        -- local, ISO
    body   TEXT NOT NULL,                        -- JSON: the figures of `monitor.upkeepbook.EquipmentDay`
    PRIMARY KEY (device, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX equipment_day_by_day ON equipment_day (day);

-- Work that was done.
CREATE TABLE serviced (
    command TEXT PRIMARY KEY,                    -- the id of the command that said so
    device  TEXT NOT NULL,
    service TEXT NOT NULL,
    time    INTEGER NOT NULL,                    -- UTC ms
    hours   REAL,                                -- running hours by then
    "by"    TEXT NOT NULL,
    note    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX serviced_by_device ON serviced (device, service, time);

-- How full a battery was on a local day: the least that it said.
CREATE TABLE battery (
    device  TEXT NOT NULL,
    day     TEXT NOT NULL,                       -- local, ISO
    percent REAL NOT NULL,
    PRIMARY KEY (device, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX battery_by_day ON battery (day);

-- When a device began to do otherwise (up, down, unknown); it does so until its next row.
CREATE TABLE presence (
    device TEXT NOT NULL,
    start  INTEGER NOT NULL,                     -- UTC ms
    state  TEXT NOT NULL,
    PRIMARY KEY (device, start)
) STRICT, WITHOUT ROWID;
CREATE INDEX presence_by_start ON presence (start);

-- When the supply of a building began to be otherwise; it is so until the next row.
CREATE TABLE supply (
    building TEXT NOT NULL,
    utility  TEXT NOT NULL,
    start    INTEGER NOT NULL,                   -- UTC ms
    state    TEXT NOT NULL,                      -- present, partial, lost or unknown
    lost     TEXT NOT NULL,                      -- JSON: the points that are lost
    PRIMARY KEY (building, utility, start)
) STRICT, WITHOUT ROWID;
CREATE INDEX supply_by_start ON supply (start);
