-- What `monitor/access/doors.py` knows of each door and contact (key: `contact/…`, `door/…`, `pending/…`).
CREATE TABLE doors (
    key  TEXT PRIMARY KEY,
    body TEXT NOT NULL                           -- JSON
) STRICT, WITHOUT ROWID;
