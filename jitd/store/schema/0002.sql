-- Version 2: locks.

CREATE TABLE locks (
    id       TEXT    NOT NULL PRIMARY KEY,
    version  INTEGER NOT NULL,
    is_open  INTEGER NOT NULL,
    document BLOB    NOT NULL
);
CREATE INDEX locks_open ON locks (id) WHERE is_open = 1;

CREATE TRIGGER locks_move BEFORE UPDATE ON locks
WHEN old.is_open = 0 OR new.version <= old.version OR new.id <> old.id
BEGIN SELECT RAISE(ABORT, 'a lock changes only through its life'); END;
CREATE TRIGGER locks_stay BEFORE DELETE ON locks
BEGIN SELECT RAISE(ABORT, 'a lock is never deleted'); END;
