-- Version 12: indexes of the chain, by which records are found. Not in the chain: each row follows from a record's body, and
-- `jitd audit verify` compares them. Times are in seconds since 1970, rounded down. ``high`` is the greatest time up to the record.
-- ``actor`` is empty if it is the requester. Other objects that a record names besides its own stand in chain_names.

CREATE TABLE chain_about (
    number    INTEGER NOT NULL PRIMARY KEY,
    at        INTEGER NOT NULL,
    high      INTEGER NOT NULL,
    event     TEXT    NOT NULL,
    life      TEXT    NOT NULL,
    actor     TEXT    NOT NULL,
    requester TEXT    NOT NULL
);
CREATE INDEX chain_lives ON chain_about (life) WHERE life <> '';
CREATE INDEX chain_actors ON chain_about (actor, number, at) WHERE actor <> '';
CREATE INDEX chain_requesters ON chain_about (requester, number, at) WHERE requester <> '';

CREATE TABLE chain_names (
    id     TEXT    NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (id, number)
) WITHOUT ROWID;
