-- Version 1. Plain SQL where it can be: PostgreSQL is to be the second store.
-- An object is stored as its document. The other columns are there to search by.

CREATE TABLE requests (
    id       TEXT    NOT NULL PRIMARY KEY,
    version  INTEGER NOT NULL,
    is_open  INTEGER NOT NULL,
    uid      INTEGER NOT NULL,
    document BLOB    NOT NULL
);
CREATE INDEX requests_open ON requests (uid) WHERE is_open = 1;

CREATE TABLE grants (
    id       TEXT    NOT NULL PRIMARY KEY,
    version  INTEGER NOT NULL,
    is_open  INTEGER NOT NULL,
    uid      INTEGER NOT NULL,
    document BLOB    NOT NULL,
    work     BLOB    NOT NULL
);
CREATE INDEX grants_open ON grants (uid, work) WHERE is_open = 1;

CREATE TABLE runs (
    id       TEXT    NOT NULL PRIMARY KEY,
    version  INTEGER NOT NULL,
    is_open  INTEGER NOT NULL,
    grant_id TEXT    NOT NULL,
    document BLOB    NOT NULL
);
CREATE INDEX runs_open ON runs (grant_id) WHERE is_open = 1;

CREATE TABLE chain (
    number INTEGER NOT NULL PRIMARY KEY,
    body   BLOB    NOT NULL,
    digest BLOB    NOT NULL
);

-- An object that has ended does not change, versions only grow, and nothing is deleted.
-- If somebody drops these triggers and changes rows, `jitd audit verify` finds it.

CREATE TRIGGER requests_move BEFORE UPDATE ON requests
WHEN old.is_open = 0 OR new.version <= old.version OR new.id <> old.id OR new.uid <> old.uid
BEGIN SELECT RAISE(ABORT, 'a request changes only through its life'); END;
CREATE TRIGGER requests_stay BEFORE DELETE ON requests
BEGIN SELECT RAISE(ABORT, 'a request is never deleted'); END;

CREATE TRIGGER grants_move BEFORE UPDATE ON grants
WHEN old.is_open = 0 OR new.version <= old.version OR new.id <> old.id OR new.uid <> old.uid OR new.work <> old.work
BEGIN SELECT RAISE(ABORT, 'a grant changes only through its life'); END;
CREATE TRIGGER grants_stay BEFORE DELETE ON grants
BEGIN SELECT RAISE(ABORT, 'a grant is never deleted'); END;

CREATE TRIGGER runs_move BEFORE UPDATE ON runs
WHEN old.is_open = 0 OR new.version <= old.version OR new.id <> old.id OR new.grant_id <> old.grant_id
BEGIN SELECT RAISE(ABORT, 'a run changes only through its life'); END;
CREATE TRIGGER runs_stay BEFORE DELETE ON runs
BEGIN SELECT RAISE(ABORT, 'a run is never deleted'); END;

CREATE TRIGGER chain_stays BEFORE UPDATE ON chain
BEGIN SELECT RAISE(ABORT, 'the chain is never changed'); END;
CREATE TRIGGER chain_grows BEFORE DELETE ON chain
BEGIN SELECT RAISE(ABORT, 'the chain is never shortened'); END;
