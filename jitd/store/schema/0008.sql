-- Version 8: the texts of scripts that approvers read, by their SHA-256. Not in the chain, which has the digests alone: so a text
-- can be forgotten without breaking the chain. Equal texts of several requests are kept once.

CREATE TABLE texts (
    digest BLOB NOT NULL PRIMARY KEY,
    text   BLOB NOT NULL
);
