-- Version 12: indexes of the chain, by which records are found. Not in the chain: each row follows from a record's body, and
-- `jitd audit verify` compares them. Times are in seconds since 1970, rounded down. ``high`` is the greatest time up to the record.

CREATE TABLE chain_about (
    number INTEGER NOT NULL PRIMARY KEY,
    at     INTEGER NOT NULL,
    high   INTEGER NOT NULL,
    event  TEXT    NOT NULL,
    life   TEXT    NOT NULL
);
CREATE TABLE chain_lives (
    id     TEXT    NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (id, number)
) WITHOUT ROWID;
CREATE TABLE chain_people (
    principal TEXT    NOT NULL,
    number    INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (principal, number)
) WITHOUT ROWID;
