-- Version 13: the masked words of requests that have not ended, encrypted under a key that is not in the database
-- (jitd/store/masked_words.py). A row goes when the last object of its owner has ended.

CREATE TABLE masked_words (
    owner TEXT NOT NULL PRIMARY KEY,
    box   BLOB NOT NULL
);

CREATE TRIGGER masked_words_stay BEFORE UPDATE ON masked_words
BEGIN SELECT RAISE(ABORT, 'masked words never change'); END;
