-- What residents reported. Times are UTC ms. What they wrote is here alone, and goes when its time is over.
CREATE TABLE resident_report (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    token      TEXT NOT NULL UNIQUE,             -- the hash of the link by which it is followed
    form       TEXT NOT NULL UNIQUE,             -- the hash of what its form carried: sent twice it is one
    place      TEXT NOT NULL,
    kind       TEXT NOT NULL,
    time       INTEGER NOT NULL,
    text       TEXT NOT NULL DEFAULT '',
    language   TEXT NOT NULL,
    news       INTEGER NOT NULL,                 -- it is to raise an alarm
    repeats    INTEGER REFERENCES resident_report (number) ON DELETE SET NULL,
    kept       INTEGER NOT NULL DEFAULT 0,       -- the journal has its event
    occurrence TEXT NOT NULL DEFAULT ''          -- the alarm that came of it, once it is known
) STRICT;
CREATE INDEX resident_report_place ON resident_report (place, kind, news, number);
CREATE INDEX resident_report_time ON resident_report (time);
CREATE INDEX resident_report_first ON resident_report (repeats) WHERE repeats IS NOT NULL;
CREATE INDEX resident_report_unkept ON resident_report (number) WHERE NOT kept;
CREATE INDEX resident_report_alarm ON resident_report (occurrence);
