-- Which period of each report was done last: put into the outbox, in the same transaction. Times are UTC ms.
CREATE TABLE reports (
    id      TEXT PRIMARY KEY,                    -- as in the site file
    since   INTEGER NOT NULL,                    -- its first start: what had ended before is not sent
    sure    INTEGER NOT NULL,                    -- whether the clock was known to be right then
    done    TEXT NOT NULL DEFAULT '',            -- the period's name (2026-10, 2026-W44, 2026-10-31); '': none yet
    done_at INTEGER                              -- when that was done
) STRICT;
