-- Why a message waits, which message it went out in, and how long the channel took for it.
ALTER TABLE outbox ADD COLUMN held TEXT NOT NULL DEFAULT '';    -- group pace quiet budget flood maintenance order channel, or nothing
ALTER TABLE outbox ADD COLUMN carried_by INTEGER;               -- the row whose message carried it
ALTER TABLE outbox ADD COLUMN tried_at INTEGER;                 -- when the last attempt began, UTC ms
ALTER TABLE outbox ADD COLUMN took INTEGER;                     -- ms of the attempt that was taken
CREATE INDEX outbox_lane ON outbox (person, channel, sent_at);
CREATE INDEX outbox_waits ON outbox (person, channel, held, next_at) WHERE state IN ('queued', 'sending', 'failed');
-- Alarms whose last step was told: when it is to be said that nobody answered. Times are UTC ms.
CREATE TABLE unanswered (
    occurrence TEXT PRIMARY KEY,
    due        INTEGER NOT NULL,
    said_at    INTEGER,
    momentary  INTEGER NOT NULL,
    body       TEXT NOT NULL                   -- JSON: the event's attributes
) STRICT, WITHOUT ROWID;
CREATE INDEX unanswered_due ON unanswered (due) WHERE said_at IS NULL;
-- How each channel of each person does. Times are UTC ms.
CREATE TABLE channel_state (
    person       TEXT NOT NULL,
    channel      TEXT NOT NULL,
    last_success INTEGER,
    last_failure INTEGER,
    last_error   TEXT NOT NULL DEFAULT '',
    failures     INTEGER NOT NULL DEFAULT 0,  -- in a row
    refused      INTEGER NOT NULL DEFAULT 0,  -- the last one was for good: address, password
    tested_at    INTEGER,
    PRIMARY KEY (person, channel)
) STRICT, WITHOUT ROWID;
-- Who stands in for whom: what people said; the site file has its own.
CREATE TABLE duty_override (
    id     TEXT PRIMARY KEY,  -- the command's
    roster TEXT NOT NULL,
    person TEXT NOT NULL,
    starts INTEGER NOT NULL,
    ends   INTEGER NOT NULL,
    by     TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX duty_override_ends ON duty_override (ends);
-- What people do about an alarm after it was told: one case for each occurrence that somebody wrote about, or that
-- was raised before within seven days.
CREATE TABLE alarm_case (
    occurrence  TEXT PRIMARY KEY REFERENCES alarm ON DELETE CASCADE,
    earlier     TEXT NOT NULL DEFAULT '',      -- the occurrence of the seven days before, where there is one
    times       INTEGER NOT NULL DEFAULT 1,    -- which one it was within seven days, when it was raised; 100 at most
    assigned_to TEXT NOT NULL DEFAULT '',
    assigned_by TEXT NOT NULL DEFAULT '',
    assigned_at INTEGER,
    closed_at   INTEGER,
    closed_by   TEXT NOT NULL DEFAULT '',
    cause       TEXT NOT NULL DEFAULT '',      -- what it came of, a word of the list
    note        TEXT NOT NULL DEFAULT ''       -- what was done, in the words of who closed it
) STRICT;
CREATE TABLE alarm_comment (
    id         TEXT PRIMARY KEY,               -- the command's
    occurrence TEXT NOT NULL REFERENCES alarm ON DELETE CASCADE,
    time       INTEGER NOT NULL,
    by         TEXT NOT NULL,
    text       TEXT NOT NULL
) STRICT;
CREATE INDEX alarm_comment_of ON alarm_comment (occurrence, time);
-- To find the one before.
DROP INDEX alarm_source;
CREATE INDEX alarm_source ON alarm (rule, source_key, raised_at);
CREATE INDEX alarm_case_open ON alarm_case (assigned_to) WHERE closed_at IS NULL;
