-- Version 6: told marks, which say who was told what of a request, and who wants to be told nothing for a while.
-- Neither is in the chain. A mark is open as long as its address is to be told of the request's end.

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
