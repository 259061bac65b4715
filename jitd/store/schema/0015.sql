-- Version 15: the lists of standing privileges that records name (jitd/store/standing.py). Each stands here once, as JSON of the form
-- "jitd standing 1" (PROTOCOL.md), by its SHA-256 in hexadecimal digits. A list stays as long as the chain.

CREATE TABLE standing (
    digest   TEXT NOT NULL PRIMARY KEY,
    document BLOB NOT NULL
);

CREATE TRIGGER standing_stays BEFORE UPDATE ON standing
BEGIN SELECT RAISE(ABORT, 'a list of standing privileges never changes'); END;
CREATE TRIGGER standing_remains BEFORE DELETE ON standing
BEGIN SELECT RAISE(ABORT, 'a list of standing privileges stays as long as the chain'); END;
