-- What keeps people from being told of an alarm (shelved, suppressed, out_of_service) stands in each of its steps.
ALTER TABLE alarm_event ADD COLUMN suppression TEXT NOT NULL DEFAULT '[]';  -- JSON list
DROP INDEX alarm_open;
CREATE INDEX alarm_open ON alarm (raised_at) WHERE state <> 'clear' OR response <> 'none' OR suppression <> '[]' AND NOT momentary;
