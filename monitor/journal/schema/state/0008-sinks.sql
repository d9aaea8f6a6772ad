-- Dead letters: the line as it was refused, whether somebody wants it to be tried again, and how often it was
-- refused; and per sink how many the bounds of the table have let go.
ALTER TABLE dead_letters ADD COLUMN line TEXT NOT NULL DEFAULT '';
ALTER TABLE dead_letters ADD COLUMN wanted INTEGER NOT NULL DEFAULT 0;   -- 1: to be tried again
ALTER TABLE dead_letters ADD COLUMN refusals INTEGER NOT NULL DEFAULT 1;

CREATE TABLE dead_letters_let_go (
    sink  TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
