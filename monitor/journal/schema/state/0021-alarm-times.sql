-- Lists of alarms go from the newest raise to the oldest, a page at a time.
CREATE INDEX alarm_raised ON alarm (raised_at, occurrence);
