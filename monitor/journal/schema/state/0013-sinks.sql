-- Which InfluxDB sinks have written the line at the start of an occurrence: each gives its own its `end_ms`.
CREATE TABLE influx_started (
    occurrence TEXT NOT NULL,
    sink       TEXT NOT NULL,
    PRIMARY KEY (occurrence, sink)
) STRICT, WITHOUT ROWID;
INSERT INTO influx_started SELECT occurrence, 'influxdb' FROM influx_occurrences;
