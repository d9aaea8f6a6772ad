-- One row per message, person and channel. Alarms insert rows in the transition's transaction;
-- afterwards only notify changes them. Times are UTC ms.
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
    body            TEXT NOT NULL,               -- JSON: what the template needs
    UNIQUE (notification_id, person, channel)
) STRICT;
CREATE INDEX outbox_due ON outbox (next_at) WHERE state IN ('queued', 'sending', 'failed');
CREATE INDEX outbox_occurrence ON outbox (occurrence);
