-- Version 11: how far each sink has the record. Not in the chain: what somebody changes here lets a sink get records twice, or shows
-- as a gap in the numbers that it got.

CREATE TABLE sinks (
    name       TEXT    NOT NULL PRIMARY KEY,
    begun      INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    checkpoint INTEGER NOT NULL,
    is_used    INTEGER NOT NULL
) WITHOUT ROWID;
