-- Version 14: the texts of the policies that records name (jitd/store/policies.py). Each stands here once, as JSON of the form
-- "jitd policy 1" (PROTOCOL.md), by its SHA-256 in hexadecimal digits. A policy stays as long as the chain.

CREATE TABLE policies (
    digest   TEXT NOT NULL PRIMARY KEY,
    document BLOB NOT NULL
);

CREATE TRIGGER policies_stay BEFORE UPDATE ON policies
BEGIN SELECT RAISE(ABORT, 'the text of a policy never changes'); END;
CREATE TRIGGER policies_remain BEFORE DELETE ON policies
BEGIN SELECT RAISE(ABORT, 'a policy stays as long as the chain'); END;
