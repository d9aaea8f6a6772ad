-- Beside what to do: what an alarm usually comes from, what happens if nobody does anything, and whose it is.
ALTER TABLE alarm ADD COLUMN cause_text TEXT NOT NULL DEFAULT '';
ALTER TABLE alarm ADD COLUMN consequence_text TEXT NOT NULL DEFAULT '';
ALTER TABLE alarm ADD COLUMN owner TEXT NOT NULL DEFAULT '';
