-- Whether an attempt ended so that the message may have arrived: a time-out, or a kill while it was sent.
-- Such a person is told of the end of the alarm, too.
ALTER TABLE outbox ADD COLUMN maybe_delivered INTEGER NOT NULL DEFAULT 0;
CREATE INDEX outbox_pair ON outbox (occurrence, person, channel);
