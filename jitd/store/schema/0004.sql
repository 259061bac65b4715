-- Version 4: holdings.

CREATE TABLE holdings (
    id       TEXT    NOT NULL PRIMARY KEY,
    grant_id TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    is_open  INTEGER NOT NULL,
    document BLOB    NOT NULL
);
CREATE INDEX holdings_open ON holdings (grant_id) WHERE is_open = 1;
CREATE INDEX holdings_of ON holdings (grant_id);

CREATE TRIGGER holdings_move BEFORE UPDATE ON holdings
WHEN old.is_open = 0 OR new.version <= old.version OR new.id <> old.id OR new.grant_id <> old.grant_id
BEGIN SELECT RAISE(ABORT, 'a holding changes only through its life'); END;
CREATE TRIGGER holdings_stay BEFORE DELETE ON holdings
BEGIN SELECT RAISE(ABORT, 'a holding is never deleted'); END;
