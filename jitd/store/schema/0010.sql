-- Version 10: the signed heads of the chain, and what witnesses on other hosts have signed of them. A number has one checkpoint.

CREATE TABLE checkpoints (
    number    INTEGER NOT NULL PRIMARY KEY,
    host      TEXT    NOT NULL,
    seal      BLOB    NOT NULL,
    at        TEXT    NOT NULL,
    signature TEXT    NOT NULL
);

CREATE TRIGGER checkpoints_stay BEFORE UPDATE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'a checkpoint is never changed'); END;

CREATE TRIGGER checkpoints_grow BEFORE DELETE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'a checkpoint is never deleted'); END;

CREATE TABLE countersignatures (
    witness   TEXT    NOT NULL,
    number    INTEGER NOT NULL,
    host      TEXT    NOT NULL,
    seal      BLOB    NOT NULL,
    at        TEXT    NOT NULL,
    signature TEXT    NOT NULL,
    PRIMARY KEY (witness, number)
);
