-- What happened at each door on a local day (JSON: the figures of `monitor.accessbook.DoorDay`). Nobody is in it.
CREATE TABLE door_day (
    door TEXT NOT NULL,
    day  TEXT NOT NULL,                          -- local, ISO
    body TEXT NOT NULL,
    PRIMARY KEY (door, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX door_day_by_day ON door_day (day);
