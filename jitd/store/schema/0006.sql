-- Version 6: owed reviews.

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
