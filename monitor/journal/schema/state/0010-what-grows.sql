-- What is counted and bounded all the time costs the same beside a long history of messages and dead letters.
CREATE INDEX outbox_state ON outbox (state, expires);
ALTER TABLE dead_letters ADD COLUMN size INTEGER GENERATED ALWAYS AS (length(body) + 4 * length(line)) VIRTUAL;
CREATE INDEX dead_letters_time ON dead_letters (sink, time);
CREATE INDEX dead_letters_size ON dead_letters (sink, id, size);
