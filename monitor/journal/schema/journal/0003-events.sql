-- What happened lately is looked for at each start: without a look at the readings in between.
CREATE INDEX entries_events ON entries (device, time) WHERE kind = 2;
