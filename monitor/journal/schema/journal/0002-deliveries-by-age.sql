-- A delivery that was never settled is forgotten after some days.
ALTER TABLE deliveries ADD COLUMN recorded INTEGER NOT NULL DEFAULT 0;   -- UTC ms
UPDATE deliveries SET recorded = CAST(strftime('%s', 'now') AS INTEGER) * 1000;
