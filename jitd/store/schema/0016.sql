-- Version 16, the first that was released (0.1.0). Each later version is one more file, with what changes.
-- The number stands for all that jitd keeps on a host, and not only for tables: where the version before cannot read what this one
-- writes into a document, a note of a run or a note of jitd-givers, it is one higher, if only by a file with a comment. Whoever
-- goes back is refused by this number before a package is changed (contrib/deb/debian/jitsudo.preinst).
-- Plain SQL where it can be: PostgreSQL is to be the second store.
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

-- The signed heads of the chain, and what witnesses on other hosts have signed of them. A number has one checkpoint.

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

-- How far each sink has the record. Not in the chain: what somebody changes here lets a sink get records twice, or shows
-- as a gap in the numbers that it got.

CREATE TABLE sinks (
    name       TEXT    NOT NULL PRIMARY KEY,
    begun      INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    checkpoint INTEGER NOT NULL,
    is_used    INTEGER NOT NULL
) WITHOUT ROWID;

-- Indexes of the chain, by which records are found. Not in the chain: each row follows from a record's body, and
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

-- The masked words of requests that have not ended, encrypted under a key that is not in the database
-- (jitd/store/masked_words.py). A row goes when the last object of its owner has ended.

CREATE TABLE masked_words (
    owner TEXT NOT NULL PRIMARY KEY,
    box   BLOB NOT NULL
);

CREATE TRIGGER masked_words_stay BEFORE UPDATE ON masked_words
BEGIN SELECT RAISE(ABORT, 'masked words never change'); END;

-- The texts of the policies that records name (jitd/store/policies.py). Each stands here once, as JSON of the form
-- "jitd policy 1" (PROTOCOL.md), by its SHA-256 in hexadecimal digits. A policy stays as long as the chain.

CREATE TABLE policies (
    digest   TEXT NOT NULL PRIMARY KEY,
    document BLOB NOT NULL
);

CREATE TRIGGER policies_stay BEFORE UPDATE ON policies
BEGIN SELECT RAISE(ABORT, 'the text of a policy never changes'); END;
CREATE TRIGGER policies_remain BEFORE DELETE ON policies
BEGIN SELECT RAISE(ABORT, 'a policy stays as long as the chain'); END;

-- The lists of standing privileges that records name (jitd/store/standing.py). Each stands here once, as JSON of the form
-- "jitd standing 1" (PROTOCOL.md), by its SHA-256 in hexadecimal digits. A list stays as long as the chain.

CREATE TABLE standing (
    digest   TEXT NOT NULL PRIMARY KEY,
    document BLOB NOT NULL
);

CREATE TRIGGER standing_stays BEFORE UPDATE ON standing
BEGIN SELECT RAISE(ABORT, 'a list of standing privileges never changes'); END;
CREATE TRIGGER standing_remains BEFORE DELETE ON standing
BEGIN SELECT RAISE(ABORT, 'a list of standing privileges stays as long as the chain'); END;
