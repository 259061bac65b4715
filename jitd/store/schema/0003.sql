-- Version 3: indexes for the runs under one grant, and for an account's grants of which no use was taken.

CREATE INDEX runs_of ON runs (grant_id);

DROP TRIGGER grants_move;
ALTER TABLE grants ADD COLUMN unused INTEGER NOT NULL DEFAULT 0;
UPDATE grants SET unused = 1 WHERE is_open = 1 AND
    json_extract(CAST(document AS TEXT), '$.left') = json_extract(CAST(document AS TEXT), '$.uses');
CREATE INDEX grants_unused ON grants (uid) WHERE unused = 1;
CREATE TRIGGER grants_move BEFORE UPDATE ON grants
WHEN old.is_open = 0 OR new.version <= old.version OR new.id <> old.id OR new.uid <> old.uid OR new.work <> old.work
BEGIN SELECT RAISE(ABORT, 'a grant changes only through its life'); END;
