-- What `monitor/health/` has counted in the hour that runs, of each device: JSON; NULL where nothing is.
ALTER TABLE health ADD COLUMN hour TEXT;
