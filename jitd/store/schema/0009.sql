-- Version 9. Plain SQL where it can be: PostgreSQL is to be the second store.
-- An object is stored as its document. The other columns are there to search by. Moments are the first 19 characters of RFC 3339
-- in UTC, so that their order is that of the texts. grants.work is empty when a grant has ended.

CREATE TABLE requests (
    id        TEXT    NOT NULL PRIMARY KEY,
    version   INTEGER NOT NULL,
    is_open   INTEGER NOT NULL,
    uid       INTEGER NOT NULL,
    person    TEXT    NOT NULL,
    asked_at  TEXT    NOT NULL,
    is_denied INTEGER NOT NULL,
    rule      TEXT    NOT NULL,
    document  BLOB    NOT NULL
);
CREATE INDEX requests_open ON requests (uid) WHERE is_open = 1;
CREATE INDEX requests_lately ON requests (person, asked_at, is_denied);

CREATE TABLE grants (
    id       TEXT    NOT NULL PRIMARY KEY,
    version  INTEGER NOT NULL,
    is_open  INTEGER NOT NULL,
    uid      INTEGER NOT NULL,
    work     BLOB    NOT NULL,
    unused   INTEGER NOT NULL,
    person   TEXT    NOT NULL,
    ends_at  TEXT    NOT NULL,
    document BLOB    NOT NULL
);
CREATE INDEX grants_open ON grants (uid, work) WHERE is_open = 1;
CREATE INDEX grants_unused ON grants (person) WHERE unused = 1;
CREATE INDEX grants_lately ON grants (person, ends_at);

CREATE TABLE runs (
    id         TEXT    NOT NULL PRIMARY KEY,
    version    INTEGER NOT NULL,
    is_open    INTEGER NOT NULL,
    grant_id   TEXT    NOT NULL,
    started_at TEXT    NOT NULL,
    document   BLOB    NOT NULL
);
CREATE INDEX runs_open ON runs (grant_id) WHERE is_open = 1;
CREATE INDEX runs_of ON runs (grant_id);
CREATE INDEX runs_lately ON runs (grant_id, started_at);

CREATE TABLE holdings (
    id       TEXT    NOT NULL PRIMARY KEY,
    version  INTEGER NOT NULL,
    is_open  INTEGER NOT NULL,
    grant_id TEXT    NOT NULL,
    document BLOB    NOT NULL
);
CREATE INDEX holdings_open ON holdings (grant_id) WHERE is_open = 1;
CREATE INDEX holdings_of ON holdings (grant_id);

CREATE TABLE locks (
    id       TEXT    NOT NULL PRIMARY KEY,
    version  INTEGER NOT NULL,
    is_open  INTEGER NOT NULL,
    document BLOB    NOT NULL
);
CREATE INDEX locks_open ON locks (id) WHERE is_open = 1;

CREATE TABLE owed_reviews (
    id       TEXT    NOT NULL PRIMARY KEY,
    version  INTEGER NOT NULL,
    is_open  INTEGER NOT NULL,
    person   TEXT    NOT NULL,
    document BLOB    NOT NULL
);
CREATE INDEX owed_reviews_open ON owed_reviews (person) WHERE is_open = 1;

CREATE TABLE chain (
    number INTEGER NOT NULL PRIMARY KEY,
    body   BLOB    NOT NULL,
    digest BLOB    NOT NULL
);

-- The values to which the chain and the documents commit, in one row for each object (jitd/store/said.py). The row of an owner
-- that was forgotten stays, without its values. `at` is the moment of the last value.
CREATE TABLE said (
    id           TEXT    NOT NULL PRIMARY KEY,
    at           TEXT    NOT NULL,
    is_forgotten INTEGER NOT NULL,
    entries      BLOB    NOT NULL
);
CREATE INDEX said_since ON said (at) WHERE is_forgotten = 0;

-- The texts of scripts that approvers read, by their SHA-256, and the requests that have them. Equal texts are kept once, until
-- the last of their requests is forgotten.
CREATE TABLE texts (
    digest BLOB    NOT NULL PRIMARY KEY,
    text   BLOB    NOT NULL
);

CREATE TABLE texts_of (
    request TEXT NOT NULL,
    digest  BLOB NOT NULL,
    PRIMARY KEY (request, digest)
) WITHOUT ROWID;
CREATE INDEX texts_of_digest ON texts_of (digest);

-- Told marks, which say who was told what of a request, and who wants to be told nothing for a while. A mark is open as long as
-- its address is to be told of the request's end. Not in the chain.
CREATE TABLE told (
    request TEXT    NOT NULL,
    channel TEXT    NOT NULL,
    address TEXT    NOT NULL,
    event   TEXT    NOT NULL,
    at      TEXT    NOT NULL,
    is_open INTEGER NOT NULL,
    PRIMARY KEY (request, channel, address, event)
) WITHOUT ROWID;
CREATE INDEX told_open ON told (request) WHERE is_open = 1;

CREATE TABLE muted (
    person TEXT NOT NULL PRIMARY KEY,
    until  TEXT NOT NULL
) WITHOUT ROWID;

-- The names of the groups that requests name: in their approvals, and in who may see and watch them. These are the groups by which
-- somebody may still see or review a request after the rules have changed. Not in the chain: a document contains each name.
CREATE TABLE named_groups (
    name TEXT NOT NULL PRIMARY KEY
) WITHOUT ROWID;

-- An object that has ended does not change, versions only grow, and nothing but values is deleted.
-- If somebody drops these triggers and changes rows, `jitd audit verify` finds it.

CREATE TRIGGER requests_move BEFORE UPDATE ON requests
WHEN old.is_open = 0 OR new.version <= old.version OR new.id <> old.id OR new.uid <> old.uid
BEGIN SELECT RAISE(ABORT, 'a request changes only through its life'); END;
CREATE TRIGGER requests_stay BEFORE DELETE ON requests
BEGIN SELECT RAISE(ABORT, 'a request is never deleted'); END;

CREATE TRIGGER grants_move BEFORE UPDATE ON grants
WHEN old.is_open = 0 OR new.version <= old.version OR new.id <> old.id OR new.uid <> old.uid
  OR new.is_open = 1 AND new.work <> old.work
BEGIN SELECT RAISE(ABORT, 'a grant changes only through its life'); END;
CREATE TRIGGER grants_stay BEFORE DELETE ON grants
BEGIN SELECT RAISE(ABORT, 'a grant is never deleted'); END;

CREATE TRIGGER runs_move BEFORE UPDATE ON runs
WHEN old.is_open = 0 OR new.version <= old.version OR new.id <> old.id OR new.grant_id <> old.grant_id
BEGIN SELECT RAISE(ABORT, 'a run changes only through its life'); END;
CREATE TRIGGER runs_stay BEFORE DELETE ON runs
BEGIN SELECT RAISE(ABORT, 'a run is never deleted'); END;

CREATE TRIGGER holdings_move BEFORE UPDATE ON holdings
WHEN old.is_open = 0 OR new.version <= old.version OR new.id <> old.id OR new.grant_id <> old.grant_id
BEGIN SELECT RAISE(ABORT, 'a holding changes only through its life'); END;
CREATE TRIGGER holdings_stay BEFORE DELETE ON holdings
BEGIN SELECT RAISE(ABORT, 'a holding is never deleted'); END;

CREATE TRIGGER locks_move BEFORE UPDATE ON locks
WHEN old.is_open = 0 OR new.version <= old.version OR new.id <> old.id
BEGIN SELECT RAISE(ABORT, 'a lock changes only through its life'); END;
CREATE TRIGGER locks_stay BEFORE DELETE ON locks
BEGIN SELECT RAISE(ABORT, 'a lock is never deleted'); END;

CREATE TRIGGER owed_reviews_move BEFORE UPDATE ON owed_reviews
WHEN old.is_open = 0 OR new.version <= old.version OR new.id <> old.id OR new.person <> old.person
BEGIN SELECT RAISE(ABORT, 'an owed review changes only through its life'); END;
CREATE TRIGGER owed_reviews_stay BEFORE DELETE ON owed_reviews
BEGIN SELECT RAISE(ABORT, 'an owed review is never deleted'); END;

CREATE TRIGGER chain_stays BEFORE UPDATE ON chain
BEGIN SELECT RAISE(ABORT, 'the chain is never changed'); END;
CREATE TRIGGER chain_grows BEFORE DELETE ON chain
BEGIN SELECT RAISE(ABORT, 'the chain is never shortened'); END;

CREATE TRIGGER said_stays BEFORE DELETE ON said
BEGIN SELECT RAISE(ABORT, 'values are forgotten only with a record of it'); END;
CREATE TRIGGER said_moves BEFORE UPDATE ON said
WHEN new.id <> old.id OR old.is_forgotten = 1
BEGIN SELECT RAISE(ABORT, 'values are forgotten only with a record of it'); END;
