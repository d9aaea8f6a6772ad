-- What `monitor/health/` knows of each device (key: its id), and of time (key: '').
CREATE TABLE health (
    key  TEXT PRIMARY KEY,
    body TEXT NOT NULL                           -- JSON
) STRICT, WITHOUT ROWID;
