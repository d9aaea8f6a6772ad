-- Places of residents whose code was closed or made anew; of the others there is no row. Times are UTC ms.
CREATE TABLE resident_place (
    place      TEXT PRIMARY KEY,                 -- its id in the site file
    number     INTEGER NOT NULL,                 -- which code of the place works: 0 is the first
    closed     INTEGER NOT NULL,                 -- nothing is taken there
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL
) STRICT;
