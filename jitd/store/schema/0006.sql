-- Version 6: told marks, which say who was told what of a request; who wants to be told nothing for a while; owed reviews.
-- The first two are not in the chain. A mark is open as long as its address is to be told of the request's end.

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

CREATE TABLE owed_reviews (
    id       TEXT    NOT NULL PRIMARY KEY,
    person   TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    is_open  INTEGER NOT NULL,
    document BLOB    NOT NULL
);
CREATE INDEX owed_reviews_open ON owed_reviews (person) WHERE is_open = 1;

CREATE TRIGGER owed_reviews_move BEFORE UPDATE ON owed_reviews
WHEN old.is_open = 0 OR new.version <= old.version OR new.id <> old.id OR new.person <> old.person
BEGIN SELECT RAISE(ABORT, 'an owed review changes only through its life'); END;
CREATE TRIGGER owed_reviews_stay BEFORE DELETE ON owed_reviews
BEGIN SELECT RAISE(ABORT, 'an owed review is never deleted'); END;
